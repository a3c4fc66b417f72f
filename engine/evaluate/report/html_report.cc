#include "engine/evaluate/report/html_report.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/evaluate/accuracy.h"
#include "engine/evaluate/report/svg_plot.h"

namespace strata {
namespace {

constexpr char kStyle[] = R"css(
:root { color-scheme: light dark;
  --page: #fbfbf9; --card: #ffffff; --ink: #1d1f23; --soft: #5d636c; --rule: #dfe1e4;
  --s0: #0b62c4; --s1: #c8500a; --s2: #0f8458; --s3: #9a3a98; --s4: #876a00; --s5: #4f56b8; }
@media (prefers-color-scheme: dark) { :root {
  --page: #15171b; --card: #1d2026; --ink: #e9eaec; --soft: #a2a9b3; --rule: #363b44;
  --s0: #6cb2ff; --s1: #ff9a57; --s2: #52d2a0; --s3: #e293df; --s4: #e0be4e; --s5: #a5acff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 84rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
p { margin: .3rem 0; max-width: 60rem; }
.soft { color: var(--soft); font-size: .92rem; overflow-wrap: anywhere; }
.plots { display: grid; gap: 1rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(24rem, 100%), 1fr)); }
figure, .card { margin: 0; padding: .9rem; background: var(--card); border: 1px solid var(--rule);
  border-radius: .5rem; min-width: 0; }
.card { margin: 1rem 0; }
figcaption { font-weight: 600; margin-bottom: .4rem; }
figcaption span { font-weight: 400; color: var(--soft); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg text.tick { fill: var(--soft); font-size: 12px; }
svg text.mark { fill: currentColor; font-size: 12px; }
.leader { stroke: currentColor; stroke-opacity: .5; }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); }
.diagonal { stroke: var(--soft); stroke-dasharray: 3 4; fill: none; }
.line { fill: none; stroke: currentColor; stroke-width: 2; }
.dashed { stroke-dasharray: 6 4; }
.error { fill: none; stroke: currentColor; stroke-width: 1.5; }
.dot { fill: currentColor; stroke: var(--card); stroke-width: 1.5; }
.hollow { fill: var(--card); stroke: currentColor; }
.s0 { color: var(--s0); } .s1 { color: var(--s1); } .s2 { color: var(--s2); }
.s3 { color: var(--s3); } .s4 { color: var(--s4); } .s5 { color: var(--s5); }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0; margin: .6rem 0;
  list-style: none; }
.legend i { display: inline-block; width: 1.1rem; height: .3rem; margin-right: .5rem;
  vertical-align: middle; background: currentColor; border-radius: 1px; }
.legend b { font-weight: 400; color: var(--ink); overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .22rem .8rem .22rem 0; text-align: right; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid var(--soft); }
details { margin-top: .7rem; } summary { cursor: pointer; color: var(--soft); }
details td { text-align: left; white-space: normal; overflow-wrap: anywhere; vertical-align: top; }
details td:first-child { white-space: nowrap; color: var(--soft); }
)css";

using Value = std::function<std::optional<PlotPoint>(const ReportRow&)>;

Value FigureValue(const std::string& key, double unit) {
  return [key, unit](const ReportRow& row) -> std::optional<PlotPoint> {
    const std::optional<double> value = row.Figure(key);
    if (!value.has_value() || !std::isfinite(*value)) return std::nullopt;
    return PlotPoint{.x = static_cast<double>(row.batch_size), .y = *value / unit};
  };
}

Value MetricValueAt(size_t index) {
  return [index](const ReportRow& row) -> std::optional<PlotPoint> {
    if (index >= row.metrics.size()) return std::nullopt;
    return PlotPoint{.x = static_cast<double>(row.batch_size),
                     .y = row.metrics[index].mean,
                     .error = row.metrics[index].standard_error};
  };
}

PlotSeries SeriesOf(const ReportRun& run, size_t color, const std::string& name, bool is_dashed,
                    const Value& value) {
  PlotSeries series = {.name = name, .color = static_cast<int>(color), .is_dashed = is_dashed};
  for (const ReportRow& row : run.rows) {
    std::optional<PlotPoint> point = value(row);
    if (point.has_value()) series.points.push_back(*std::move(point));
  }
  return series;
}

std::string Figure(const Plot& plot, const std::string& note) {
  const std::string svg = PlotSvg(plot);
  if (svg.empty()) return "";
  return absl::StrCat("<figure><figcaption>", EscapeHtml(plot.title), " <span>", EscapeHtml(note),
                      "</span></figcaption>", svg, "</figure>\n");
}

using Runs = std::vector<const ReportRun*>;

// A plot over batch sizes: a solid line a run, and a dashed one where there is a second value.
std::string OverBatchSizes(const Runs& runs, Plot plot, const Value& solid, const Value& dashed,
                           const std::string& note) {
  plot.x_label = "batch size";
  plot.x_axis = Plot::Axis::kLog2;
  for (size_t i = 0; i < runs.size(); ++i) {
    plot.series.push_back(SeriesOf(*runs[i], i, runs[i]->name, false, solid));
    if (dashed) plot.series.push_back(SeriesOf(*runs[i], i, runs[i]->name, true, dashed));
  }
  // Error bars of equal accuracies would hide each other.
  const double apart = std::min(9.0, 60.0 / static_cast<double>(plot.series.size()));
  const bool has_errors =
      std::any_of(plot.series.begin(), plot.series.end(), [](const PlotSeries& series) {
        return !series.points.empty() && series.points.front().error.has_value();
      });
  const double middle = (static_cast<double>(plot.series.size()) - 1) / 2;
  for (size_t i = 0; has_errors && i < plot.series.size(); ++i) {
    plot.series[i].shift = apart * (static_cast<double>(i) - middle);
  }
  return Figure(plot, note);
}

std::string LatencyPlot(const Runs& runs, const char* title, const char* term) {
  const std::string mean = absl::StrCat("mean_", term, "_ms"),
                    p99 = absl::StrCat("p99_", term, "_ms");
  return OverBatchSizes(runs, {.title = title, .y_label = "ms"}, FigureValue(mean, 1),
                        FigureValue(p99, 1), "mean; dashed: p99");
}

std::string AccuracyAgainstLatency(const Runs& runs) {
  Plot plot = {.title = "Accuracy against latency",
               .x_label = "mean time of a request (s)",
               .y_label = "accuracy",
               .has_lines = false,
               .y_max = 1};
  for (size_t i = 0; i < runs.size(); ++i) {
    plot.series.push_back(SeriesOf(*runs[i], i, runs[i]->name, false,
                                   [](const ReportRow& row) -> std::optional<PlotPoint> {
                                     const std::optional<double> time = row.Figure("mean_e2el_ms");
                                     if (!time.has_value() || row.metrics.empty())
                                       return std::nullopt;
                                     return PlotPoint{.x = *time / 1000,
                                                      .y = row.metrics.front().mean,
                                                      .error = row.metrics.front().standard_error,
                                                      .label = absl::StrCat(row.batch_size)};
                                   }));
  }
  return Figure(plot, "numbers: batch size");
}

std::string PredictedAgainstMeasured(const Runs& runs) {
  Plot plot = {.title = "Predicted against measured",
               .x_label = "predicted time of all passes (s)",
               .y_label = "measured (s)",
               .has_lines = false,
               .has_diagonal = true};
  for (size_t i = 0; i < runs.size(); ++i) {
    plot.series.push_back(SeriesOf(
        *runs[i], i, runs[i]->name, false, [](const ReportRow& row) -> std::optional<PlotPoint> {
          const std::optional<double> predicted = row.Figure("predicted_s");
          const std::optional<double> measured = row.Figure("measured_s");
          if (!predicted.has_value() || !measured.has_value()) return std::nullopt;
          return PlotPoint{.x = *predicted, .y = *measured, .label = absl::StrCat(row.batch_size)};
        }));
  }
  return Figure(plot, "by the plan's simulator; numbers: batch size");
}

std::string Legend(const Runs& runs) {
  std::string html = "<ul class=\"legend\">";
  for (size_t i = 0; i < runs.size(); ++i) {
    absl::StrAppend(&html, "<li class=\"s", i % kNumPlotColors, "\"><i></i><b>",
                    EscapeHtml(runs[i]->name), "</b></li>");
  }
  return html + "</ul>\n";
}

std::string Table(const ReportRun& run) {
  std::string html = "<div class=\"scroll\"><table><thead><tr><th>batch size</th>";
  for (const ReportRow& row : run.rows) absl::StrAppend(&html, "<th>", row.batch_size, "</th>");
  html += "</tr></thead><tbody>\n";
  for (size_t i = 0; i < run.rows.front().metrics.size(); ++i) {
    absl::StrAppend(&html, "<tr><td>", EscapeHtml(run.rows.front().metrics[i].Label()), "</td>");
    for (const ReportRow& row : run.rows) {
      const bool has = i < row.metrics.size();
      absl::StrAppend(&html, "<td>",
                      has ? MeanText(row.metrics[i].mean, row.metrics[i].standard_error) : "N/A",
                      "</td>");
    }
    html += "</tr>\n";
  }
  for (const ReportFigure& figure : FiguresOf(run.rows)) {
    absl::StrAppend(&html, "<tr><td>", EscapeHtml(figure.label), "</td>");
    for (const ReportRow& row : run.rows) {
      absl::StrAppend(&html, "<td>", FigureText(figure, row), "</td>");
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string RunCard(const ReportRun& run, size_t color) {
  std::string html =
      absl::StrCat("<section class=\"card\"><h3><span class=\"s", color % kNumPlotColors,
                   "\">●</span> ", EscapeHtml(run.name), "</h3><p class=\"soft\">", run.num_fewshot,
                   "-shot, ", run.num_items, " of ", run.num_rows, " questions");
  for (const std::string& more : {run.backend, run.policy, run.date}) {
    if (!more.empty()) absl::StrAppend(&html, " · ", EscapeHtml(more));
  }
  absl::StrAppend(
      &html, "</p>\n", Table(run),
      "<details><summary>How it was run</summary><div class=\"scroll\"><table><tbody>\n");
  absl::StrAppend(&html, "<tr><td>file</td><td>", EscapeHtml(run.origin), "</td></tr>\n");
  for (const auto& [name, value] : run.settings) {
    absl::StrAppend(&html, "<tr><td>", EscapeHtml(name), "</td><td>", EscapeHtml(value),
                    "</td></tr>\n");
  }
  return html + "</tbody></table></div></details></section>\n";
}

std::string TaskSection(const std::string& task, const Runs& runs) {
  const ReportRow& row = runs.front()->rows.front();
  const bool has_second = row.metrics.size() > 1 && row.metrics[0].name == row.metrics[1].name;
  std::string accuracy_note = row.metrics.empty() ? "" : row.metrics[0].Label();
  if (has_second) absl::StrAppend(&accuracy_note, "; dashed: ", row.metrics[1].filter);
  std::string html =
      absl::StrCat("<h2>", EscapeHtml(task), "</h2>\n", Legend(runs), "<div class=\"plots\">\n");
  html +=
      OverBatchSizes(runs, {.title = "Accuracy", .y_label = "share of right answers", .y_max = 1},
                     MetricValueAt(0), has_second ? MetricValueAt(1) : Value(),
                     absl::StrCat(accuracy_note, "; bars: one standard error"));
  html += OverBatchSizes(runs, {.title = "Throughput", .y_label = "output tokens/s"},
                         FigureValue("output_throughput", 1), nullptr, "");
  html += AccuracyAgainstLatency(runs);
  html += LatencyPlot(runs, "Time to first token", "ttft");
  html += LatencyPlot(runs, "Time per output token", "tpot");
  html += LatencyPlot(runs, "Time of a request", "e2el");
  html += PredictedAgainstMeasured(runs);
  html += "</div>\n";
  for (size_t i = 0; i < runs.size(); ++i) html += RunCard(*runs[i], i);
  return html;
}

}  // namespace

std::string HtmlReport(const std::vector<ReportRun>& runs) {
  std::string html = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Strata evaluation</title>\n<style>",
      kStyle, "</style></head><body>\n<h1>Accuracy and latency</h1>\n");
  html +=
      "<p class=\"soft\">TTFT: submission to first token. TPOT: (last token - first) / (tokens - "
      "1). "
      "ITL: every gap between tokens. E2EL: submission to last token. Warm-up and the loading of "
      "the "
      "model are not in them.</p>\n";
  std::vector<std::string> tasks;
  for (const ReportRun& run : runs) {
    if (std::find(tasks.begin(), tasks.end(), run.task) == tasks.end()) tasks.push_back(run.task);
  }
  for (const std::string& task : tasks) {
    Runs of_task;
    for (const ReportRun& run : runs) {
      if (run.task == task) of_task.push_back(&run);
    }
    html += TaskSection(task, of_task);
  }
  return html + "</body></html>\n";
}

}  // namespace strata
