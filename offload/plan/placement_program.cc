#include "offload/plan/placement_program.h"

#include <ClpSimplex.hpp>
#include <CoinError.hpp>
#include <CoinPackedMatrix.hpp>
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::max();  // COIN_DBL_MAX
// Loads that bind nothing weigh a little, so that of two equal plans the one with less traffic
// wins.
constexpr double kTieBreak = 1e-4;

bool IsFinite(const Work& work) {
  return std::all_of(work.lane_seconds.begin(), work.lane_seconds.end(),
                     [](double seconds) { return std::isfinite(seconds); });
}

double SumOf(const Work& work) {
  double sum = 0;
  for (const double seconds : work.lane_seconds) sum += seconds;
  return sum;
}

// The resources that bound the time of a pass, each a linear function of the work.
constexpr size_t kChain = kNumLanes;
constexpr size_t kHostMemory = kNumLanes + 1;
constexpr size_t kNumTimeRows = kNumLanes + 2;

double TimeLoad(size_t row, const Work& work, const PlacementProblem& problem,
                double micro_batches) {
  if (row == kHostMemory) return work.host_memory_seconds;
  if (row == kChain) {
    // What a micro-batch must do one after the other; its copies are small beside its computing.
    return (work.seconds(Lane::kCpu) + work.seconds(Lane::kGpu)) / micro_batches;
  }
  const Lane lane = static_cast<Lane>(row);
  if (lane == Lane::kCpu) {
    return work.seconds(Lane::kCpu) +
           (1 - problem.cpu_share_beside_disk) * work.seconds(Lane::kDiskRead);
  }
  if (lane == Lane::kDiskRead) {
    return work.seconds(lane) + (1 - problem.disk_share_beside_cpu) * work.seconds(Lane::kCpu);
  }
  return work.seconds(lane);
}

// Rows and columns as triplets.
class ProgramBuilder {
 public:
  int AddColumn(double cost, double upper) {
    costs_.push_back(cost);
    uppers_.push_back(upper);
    return static_cast<int>(costs_.size()) - 1;
  }
  int AddRow(double lower, double upper) {
    row_lowers_.push_back(lower);
    row_uppers_.push_back(upper);
    return static_cast<int>(row_lowers_.size()) - 1;
  }
  void AddElement(int row, int column, double value) {
    if (value == 0) return;
    rows_.push_back(row);
    columns_.push_back(column);
    values_.push_back(value);
  }

  std::optional<std::vector<double>> Solve() const {
    try {
      const CoinPackedMatrix matrix(true, rows_.data(), columns_.data(), values_.data(),
                                    static_cast<CoinBigIndex>(values_.size()));
      const std::vector<double> lowers(costs_.size(), 0);
      ClpSimplex program;
      program.setLogLevel(0);
      program.loadProblem(matrix, lowers.data(), uppers_.data(), costs_.data(), row_lowers_.data(),
                          row_uppers_.data());
      program.dual();
      if (program.status() != 0) return std::nullopt;
      const double* solution = program.primalColumnSolution();
      return std::vector<double>(solution, solution + costs_.size());
    } catch (const CoinError&) {  // as good as no solution
      return std::nullopt;
    }
  }

 private:
  std::vector<double> costs_, uppers_, row_lowers_, row_uppers_, values_;
  std::vector<int> rows_, columns_;
};

class Program {
 public:
  explicit Program(const PlacementProblem& problem) : problem_(problem) {
    ChooseUnits();
    prefill_time_ = builder_.AddColumn(1, kNoLimit);
    decode_time_ = builder_.AddColumn(decode_weight_, kNoLimit);
    host_ring_ = builder_.AddColumn(0, kNoLimit);
    gpu_ring_ = builder_.AddColumn(0, kNoLimit);
    for (size_t row = 0; row < kNumTimeRows; ++row) {
      prefill_rows_[row] = builder_.AddRow(-kNoLimit, 0);
      decode_rows_[row] = builder_.AddRow(-kNoLimit, 0);
      builder_.AddElement(prefill_rows_[row], prefill_time_, -1);
      builder_.AddElement(decode_rows_[row], decode_time_, -1);
    }
    for (const Tier tier : kTiers) {
      const double room = static_cast<double>(problem.budgets[tier] - problem.fixed_memory[tier]);
      memory_rows_[static_cast<size_t>(tier)] = builder_.AddRow(-kNoLimit, room / byte_unit_);
    }
    builder_.AddElement(memory_rows_[static_cast<size_t>(Tier::kHost)], host_ring_, 1);
    builder_.AddElement(memory_rows_[static_cast<size_t>(Tier::kGpu)], gpu_ring_, 1);
    for (const ModeTerms& modes : problem.classes) {
      AddChoices(modes.data(), modes.size());
    }
    AddChoices(problem.kv.data(), problem.kv.size());
    AddChoices(problem.activations.data(), problem.activations.size());
  }

  std::optional<Placement> Solve() const {
    for (const Tier tier : kTiers) {
      if (problem_.budgets[tier] < problem_.fixed_memory[tier]) return std::nullopt;
    }
    const std::optional<std::vector<double>> solution = builder_.Solve();
    if (!solution.has_value()) return std::nullopt;
    const auto value = [&solution](int column) {
      return column < 0 ? 0.0 : std::clamp((*solution)[static_cast<size_t>(column)], 0.0, 1.0);
    };
    Placement placement;
    for (size_t i = 0; i < problem_.classes.size(); ++i) {
      Placement::Shares shares{};
      for (size_t mode = 0; mode < kNumPlaceModes; ++mode) shares[mode] = value(choices_[i][mode]);
      placement.class_shares.push_back(shares);
    }
    for (size_t mode = 0; mode < kNumPlaceModes; ++mode) {
      placement.kv[mode] = value(choices_[problem_.classes.size()][mode]);
    }
    const std::vector<int>& activations = choices_.back();
    placement.activations = {value(activations[0]), value(activations[1]), value(activations[2])};
    placement.seconds = ((*solution)[static_cast<size_t>(prefill_time_)] +
                         decode_weight_ * (*solution)[static_cast<size_t>(decode_time_)]) *
                        time_unit_;
    return placement;
  }

 private:
  // Seconds and bytes are scaled to about 1, where the solver's tolerances are meant to be.
  void ChooseUnits() {
    double prefill = 0;
    double decode = 0;
    const auto add = [&](const ChoiceTerms* choices, size_t count) {
      for (size_t i = 0; i < count; ++i) {
        if (!Allowed(choices[i])) continue;
        prefill = std::max(prefill, SumOf(choices[i].prefill));
        decode = std::max(decode, SumOf(choices[i].decode));
        for (const Tier tier : kTiers) {
          byte_unit_ = std::max(byte_unit_, static_cast<double>(choices[i].memory[tier]));
        }
      }
    };
    for (const ModeTerms& modes : problem_.classes) add(modes.data(), modes.size());
    add(problem_.kv.data(), problem_.kv.size());
    add(problem_.activations.data(), problem_.activations.size());
    decode_weight_ = problem_.decode_passes;
    time_unit_ = std::max(prefill, decode);
    if (time_unit_ <= 0) time_unit_ = 1;
  }

  static bool Allowed(const ChoiceTerms& choice) {
    return choice.allowed && IsFinite(choice.prefill) && IsFinite(choice.decode);
  }

  // Choices that together are one.
  void AddChoices(const ChoiceTerms* choices, size_t count) {
    const int sum = builder_.AddRow(1, 1);
    const int host_ring = builder_.AddRow(-kNoLimit, 0);
    const int gpu_ring = builder_.AddRow(-kNoLimit, 0);
    builder_.AddElement(host_ring, host_ring_, -1);
    builder_.AddElement(gpu_ring, gpu_ring_, -1);
    std::vector<int> columns(count, -1);
    for (size_t i = 0; i < count; ++i) {
      const ChoiceTerms& choice = choices[i];
      if (!Allowed(choice)) continue;
      const double load = SumOf(choice.prefill) + decode_weight_ * SumOf(choice.decode);
      const int column = builder_.AddColumn(kTieBreak * load / time_unit_, kNoLimit);
      columns[i] = column;
      builder_.AddElement(sum, column, 1);
      for (size_t row = 0; row < kNumTimeRows; ++row) {
        builder_.AddElement(
            prefill_rows_[row], column,
            TimeLoad(row, choice.prefill, problem_, problem_.prefill_micro_batches) / time_unit_);
        builder_.AddElement(
            decode_rows_[row], column,
            TimeLoad(row, choice.decode, problem_, problem_.decode_micro_batches) / time_unit_);
      }
      for (const Tier tier : kTiers) {
        builder_.AddElement(memory_rows_[static_cast<size_t>(tier)], column,
                            static_cast<double>(choice.memory[tier]) / byte_unit_);
      }
      builder_.AddElement(host_ring, column,
                          static_cast<double>(choice.host_ring_bytes) / byte_unit_);
      builder_.AddElement(gpu_ring, column,
                          static_cast<double>(choice.gpu_ring_bytes) / byte_unit_);
    }
    choices_.push_back(std::move(columns));
  }

  const PlacementProblem& problem_;
  double time_unit_ = 1;
  double byte_unit_ = 1;
  double decode_weight_ = 0;
  ProgramBuilder builder_;
  int prefill_time_ = 0, decode_time_ = 0, host_ring_ = 0, gpu_ring_ = 0;
  std::array<int, kNumTimeRows> prefill_rows_{}, decode_rows_{};
  std::array<int, kNumTiers> memory_rows_{};
  std::vector<std::vector<int>> choices_;
};

}  // namespace

ComputeDevice DeviceOf(PlaceMode mode) {
  return mode == PlaceMode::kHost || mode == PlaceMode::kDiskToCpu ? ComputeDevice::kCpu
                                                                   : ComputeDevice::kGpu;
}

Tier HomeOf(PlaceMode mode) {
  if (mode == PlaceMode::kGpu) return Tier::kGpu;
  return mode == PlaceMode::kHostToGpu || mode == PlaceMode::kHost ? Tier::kHost : Tier::kDisk;
}

std::optional<Placement> SolvePlacement(const PlacementProblem& problem) {
  return Program(problem).Solve();
}

}  // namespace strata
