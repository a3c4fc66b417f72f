#include "engine/evaluate/report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "engine/evaluate/report/label_placement.h"

namespace strata {
namespace {

// The drawing in its own units; the page scales it to the width that there is.
constexpr double kWidth = 420, kHeight = 270;
constexpr double kLeft = 58, kRight = 14, kTop = 14, kBottom = 44;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;

std::string NumberText(double value) {
  if (value == 0) return "0";
  const double size = std::fabs(value);
  if (size >= 1e6) return absl::StrFormat("%.3gM", value / 1e6);
  if (size >= 1e4) return absl::StrFormat("%.3gk", value / 1e3);
  return absl::StrFormat("%.4g", value);
}

// From values to places on the drawing.
class Scales {
 public:
  explicit Scales(const Plot& plot) : plot_(plot) {
    double x_max = 0, y_max = 0;
    std::set<double> xs;
    for (const PlotSeries& series : plot.series) {
      for (const PlotPoint& point : series.points) {
        x_max = std::max(x_max, point.x);
        y_max = std::max(y_max, point.y + point.error.value_or(0));
        xs.insert(point.x);
      }
    }
    if (plot.has_diagonal) x_max = y_max = std::max(x_max, y_max);
    y_ticks_ = RoundTicks(plot.y_max.value_or(y_max > 0 ? y_max : 1), 5);
    if (plot.x_axis == Plot::Axis::kLog2) {
      x_ticks_.assign(xs.begin(), xs.end());
      low_ = std::log2(x_ticks_.front());
      high_ = std::log2(x_ticks_.back());
      // One batch size alone stands in the middle.
      const double room = high_ > low_ ? 0.06 * (high_ - low_) : 1;
      low_ -= room;
      high_ += room;
    } else {
      x_ticks_ = RoundTicks(x_max > 0 ? x_max : 1, 5);
      high_ = x_ticks_.back();
    }
  }

  double X(double value) const {
    const double at = plot_.x_axis == Plot::Axis::kLog2 ? std::log2(value) : value;
    return kLeft + kPlotWidth * (at - low_) / (high_ - low_);
  }
  double Y(double value) const {
    const double share = std::clamp(value / y_ticks_.back(), 0.0, 1.0);
    return kTop + kPlotHeight * (1 - share);
  }
  const std::vector<double>& x_ticks() const { return x_ticks_; }
  const std::vector<double>& y_ticks() const { return y_ticks_; }

 private:
  const Plot& plot_;
  std::vector<double> x_ticks_, y_ticks_;
  double low_ = 0, high_ = 1;
};

std::string Axes(const Plot& plot, const Scales& scales) {
  std::string svg;
  for (const double tick : scales.y_ticks()) {
    const double y = scales.Y(tick);
    absl::StrAppendFormat(&svg,
                          "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                          kLeft, kWidth - kRight, y, y);
    absl::StrAppendFormat(
        &svg, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>", kLeft - 6,
        y + 4, NumberText(tick));
  }
  double last_end = 0;  // of the number before, which the next must not touch
  for (const double tick : scales.x_ticks()) {
    const double half_width = TickTextWidth(NumberText(tick)) / 2;
    if (scales.X(tick) - half_width < last_end) continue;
    last_end = scales.X(tick) + half_width;
    absl::StrAppendFormat(
        &svg, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>",
        scales.X(tick), kHeight - kBottom + 17, NumberText(tick));
  }
  absl::StrAppendFormat(&svg,
                        "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                        kLeft, kWidth - kRight, kHeight - kBottom, kHeight - kBottom);
  absl::StrAppendFormat(
      &svg, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>",
      kLeft + kPlotWidth / 2, kHeight - 8, EscapeHtml(plot.x_label));
  absl::StrAppendFormat(&svg,
                        "<text class=\"label\" transform=\"translate(14 %.1f) rotate(-90)\" "
                        "text-anchor=\"middle\">%s</text>",
                        kTop + kPlotHeight / 2, EscapeHtml(plot.y_label));
  return svg;
}

std::string SeriesSvg(const Plot& plot, const PlotSeries& series, const Scales& scales) {
  std::string svg = absl::StrFormat("<g class=\"s%d\">", series.color % kNumPlotColors);
  if (plot.has_lines && series.points.size() > 1) {
    std::string path;
    for (const PlotPoint& point : series.points) {
      absl::StrAppendFormat(&path, "%s%.1f %.1f", path.empty() ? "M" : " L",
                            scales.X(point.x) + series.shift, scales.Y(point.y));
    }
    absl::StrAppendFormat(&svg, "<path class=\"line%s\" d=\"%s\"/>",
                          series.is_dashed ? " dashed" : "", path);
  }
  for (const PlotPoint& point : series.points) {
    const double x = scales.X(point.x) + series.shift, y = scales.Y(point.y);
    if (point.error.has_value()) {
      const double top = scales.Y(point.y + *point.error),
                   bottom = scales.Y(point.y - *point.error);
      absl::StrAppendFormat(
          &svg, "<path class=\"error\" d=\"M%.1f %.1f V%.1f M%.1f %.1f h8 M%.1f %.1f h8\"/>", x,
          top, bottom, x - 4, top, x - 4, bottom);
    }
    std::string title = absl::StrCat(series.name, ": ", NumberText(point.y));
    if (point.error.has_value()) absl::StrAppend(&title, " ± ", NumberText(*point.error));
    absl::StrAppendFormat(
        &svg, "<circle class=\"dot%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s</title></circle>",
        series.is_dashed ? " hollow" : "", x, y, EscapeHtml(title));
  }
  return svg + "</g>";
}

// The labels of all series, after their points: none may hide what another series has there.
std::string Labels(const Plot& plot, const Scales& scales) {
  constexpr double kRadius = 5, kBarWidth = 4, kFarAway = 16;
  LabelPlacement placement(
      {kLeft, 0, kWidth - kRight + 10, kHeight - kBottom});  // a little into the margins
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& point : series.points) {
      const double x = scales.X(point.x) + series.shift, y = scales.Y(point.y);
      placement.Avoid({x - kRadius, y - kRadius, x + kRadius, y + kRadius});
      const double error = point.error.value_or(0);
      placement.Avoid(
          {x - kBarWidth, scales.Y(point.y + error), x + kBarWidth, scales.Y(point.y - error)});
    }
  }
  std::string svg;
  for (const PlotSeries& series : plot.series) {
    absl::StrAppendFormat(&svg, "<g class=\"s%d\">", series.color % kNumPlotColors);
    for (const PlotPoint& point : series.points) {
      if (point.label.empty()) continue;
      const double x = scales.X(point.x) + series.shift, y = scales.Y(point.y);
      const PlotBox box = placement.Place(x, y, point.label);
      const double center_x = (box.left + box.right) / 2, center_y = (box.top + box.bottom) / 2;
      if (std::hypot(center_x - x, center_y - y) > kFarAway + TickTextWidth(point.label) / 2) {
        absl::StrAppendFormat(&svg, "<path class=\"leader\" d=\"M%.1f %.1f L%.1f %.1f\"/>", x, y,
                              std::clamp(x, box.left, box.right),
                              std::clamp(y, box.top, box.bottom));
      }
      absl::StrAppendFormat(
          &svg, "<text class=\"mark\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>",
          center_x, box.bottom - 2, EscapeHtml(point.label));
    }
    svg += "</g>";
  }
  return svg;
}

}  // namespace

std::vector<double> RoundTicks(double max, int num) {
  const double raw = max / num;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks = {0};
  while (ticks.back() < max * (1 - 1e-9)) ticks.push_back(static_cast<double>(ticks.size()) * step);
  return ticks;
}

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string PlotSvg(const Plot& plot) {
  const bool is_empty = std::all_of(plot.series.begin(), plot.series.end(),
                                    [](const PlotSeries& series) { return series.points.empty(); });
  if (is_empty) return "";
  const Scales scales(plot);
  std::string svg =
      absl::StrFormat("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\">", kWidth,
                      kHeight, EscapeHtml(plot.title));
  svg += Axes(plot, scales);
  if (plot.has_diagonal) {
    const double end = std::min(scales.x_ticks().back(), scales.y_ticks().back());
    absl::StrAppendFormat(&svg, "<path class=\"diagonal\" d=\"M%.1f %.1f L%.1f %.1f\"/>",
                          scales.X(0), scales.Y(0), scales.X(end), scales.Y(end));
  }
  for (const PlotSeries& series : plot.series) svg += SeriesSvg(plot, series, scales);
  return svg + Labels(plot, scales) + "</svg>";
}

}  // namespace strata
