// Where the labels of a plot's points go, so that none hides another, a point, or an error bar.
//
// Greedy: each label takes the nearest free place around its point. Deterministic.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"

namespace strata {

// An upright rectangle in the drawing's units; y grows downwards.
struct PlotBox {
  double left = 0, top = 0, right = 0, bottom = 0;

  // The common area; 0 where they do not overlap.
  double Overlap(const PlotBox& other) const;
};

// Places labels inside `frame`, clear of the things that were said to be there and of each other.
class LabelPlacement {
 public:
  explicit LabelPlacement(const PlotBox& frame) : frame_(frame) {}

  // Something that labels must not cover.
  void Avoid(const PlotBox& box) { taken_.push_back(box); }

  // The box of the label of the point at (x, y); where no place is free, the one that covers the
  // least. Text of the plots' tick size fits into it, its baseline 2 above the bottom.
  PlotBox Place(double x, double y, absl::string_view text);

 private:
  PlotBox frame_;
  std::vector<PlotBox> taken_;
};

// The width of a text of the plots' tick size, which is set in the reader's own font.
double TickTextWidth(absl::string_view text);

}  // namespace strata
