#include "engine/evaluate/report/label_placement.h"

#include <algorithm>

namespace strata {
namespace {

constexpr double kTextHeight = 12;
constexpr double kCharacterWidth = 7;
constexpr double kPointRadius = 5;

// Directions from the point in the order of preference, as shares of the label's own size.
constexpr double kDirections[][2] = {{1, -1}, {1, 1}, {-1, -1}, {-1, 1},
                                     {0, -1}, {0, 1}, {1, 0},   {-1, 0}};
// Distances beyond the point's own rim, nearest first.
constexpr double kDistances[] = {0, 12, 24, 36, 48};

}  // namespace

double PlotBox::Overlap(const PlotBox& other) const {
  const double width = std::min(right, other.right) - std::max(left, other.left);
  const double height = std::min(bottom, other.bottom) - std::max(top, other.top);
  return width > 0 && height > 0 ? width * height : 0;
}

double TickTextWidth(absl::string_view text) {
  return kCharacterWidth * static_cast<double>(text.size());
}

PlotBox LabelPlacement::Place(double x, double y, absl::string_view text) {
  const double half_width = TickTextWidth(text) / 2, half_height = kTextHeight / 2;
  PlotBox best;
  double least = -1;
  for (const double distance : kDistances) {
    for (const auto& [right, down] : kDirections) {
      const double center_x = x + right * (half_width + kPointRadius + distance);
      const double center_y = y + down * (half_height + kPointRadius / 2 + distance);
      const PlotBox box = {center_x - half_width, center_y - half_height, center_x + half_width,
                           center_y + half_height};
      const double area = 4 * half_width * half_height;
      double covered = area - box.Overlap(frame_);  // what lies outside counts like what is covered
      for (const PlotBox& taken : taken_) covered += box.Overlap(taken);
      if (least < 0 || covered < least - 1e-6) {
        best = box;
        least = covered;
      }
    }
    if (least < 1e-6) break;
  }
  taken_.push_back(best);
  return best;
}

}  // namespace strata
