#include "engine/evaluate/report/label_placement.h"

#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr PlotBox kFrame = {0, 0, 400, 250};

TEST(LabelPlacementTest, ALabelAloneStandsAboveAndRightOfItsPoint) {
  LabelPlacement placement(kFrame);
  const PlotBox box = placement.Place(100, 100, "16");
  EXPECT_GE(box.left, 100);
  EXPECT_LE(box.bottom, 100);
  EXPECT_LT(box.left, 110);
}

TEST(LabelPlacementTest, AtTheEdgesLabelsStayInTheFrame) {
  for (const double x : {0.0, 400.0}) {
    for (const double y : {0.0, 250.0}) {
      LabelPlacement placement(kFrame);
      const PlotBox box = placement.Place(x, y, "128");
      EXPECT_NEAR(box.Overlap(kFrame), (box.right - box.left) * (box.bottom - box.top), 1e-6)
          << x << " " << y;
    }
  }
}

TEST(LabelPlacementTest, LabelsOfOnePlaceDoNotOverlapEachOtherNorThePoints) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    LabelPlacement placement(kFrame);
    // Two runs of three batch sizes, all within a few units, as fast models give them.
    std::vector<std::pair<double, double>> points;
    std::vector<PlotBox> boxes;
    for (int i = 0; i < 6; ++i) {
      points.emplace_back(200 + static_cast<double>(random() % 8),
                          120 + static_cast<double>(random() % 8));
      const auto& [x, y] = points.back();
      boxes.push_back({x - 5, y - 5, x + 5, y + 5});
      placement.Avoid(boxes.back());
    }
    for (const auto& [x, y] : points) {
      const PlotBox label = placement.Place(x, y, "16");
      for (const PlotBox& box : boxes) EXPECT_LT(label.Overlap(box), 1e-6) << round;
      boxes.push_back(label);
    }
  }
}

TEST(LabelPlacementTest, WithoutAFreePlaceTheLeastCoveredIsTaken) {
  LabelPlacement placement(kFrame);
  placement.Avoid({0, 0, 400, 250});
  placement.Avoid({0, 0, 400, 100});
  EXPECT_GE(placement.Place(100, 100, "4").top, 99);
}

}  // namespace
}  // namespace strata
