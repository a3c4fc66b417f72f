// A plot as inline SVG: lines or points with error bars over one pair of axes.
//
// Colours are classes (s0, s1, ...) that the page's style sheet fills, so that one drawing serves
// light and dark. Text is escaped. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata {

struct PlotPoint {
  double x = 0;
  double y = 0;
  std::optional<double> error;  // half the length of the error bar
  std::string label;            // beside the point; may be empty
};

struct PlotSeries {
  std::string name;
  int color = 0;                  // of kNumPlotColors
  bool is_dashed = false;         // as the legend explains it
  double shift = 0;               // to the right, in the drawing's units: equal values stay apart
  std::vector<PlotPoint> points;  // finite values
};

struct Plot {
  enum class Axis { kLinear, kLog2 };

  std::string title;
  std::string x_label, y_label;
  Axis x_axis = Axis::kLinear;  // kLog2: ticks at the points' own values, all above 0
  bool has_lines = true;        // else points alone
  bool has_diagonal = false;    // x = y
  std::optional<double> y_max;  // an end of the y axis that is known, like 1 for a share
  std::vector<PlotSeries> series;
};

inline constexpr int kNumPlotColors = 6;

// An <svg> element; empty text when there is no point to draw.
std::string PlotSvg(const Plot& plot);

// Ascending round numbers that cover [0, max], about `num` of them. `max` > 0.
std::vector<double> RoundTicks(double max, int num);

// `text` with what HTML reads as its own written as entities.
std::string EscapeHtml(absl::string_view text);

}  // namespace strata
