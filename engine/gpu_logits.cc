#include "engine/gpu_logits.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace strata {
namespace {

Event Copy(const MutableTensorView& gpu, const MutableTensorView& host, Device& device) {
  return device.CopyOut(static_cast<std::byte*>(host.mutable_data()),
                        static_cast<const std::byte*>(gpu.data()),
                        BytesOf(host.dtype(), host.shape().NumElements()));
}

bool WantsCandidates(const ScheduledBatch& batch) {
  const std::vector<std::optional<float>>& wanted = batch.candidate_temperatures;
  return std::any_of(wanted.begin(), wanted.end(), [](const auto& t) { return t.has_value(); });
}

}  // namespace

absl::Status SelectCandidates(const ScheduledBatch& batch, const Activations& on_gpu,
                              Backend& backend) {
  if (!WantsCandidates(batch)) return absl::OkStatus();
  std::vector<float> temperatures;
  for (const std::optional<float>& temperature : batch.candidate_temperatures) {
    temperatures.push_back(temperature.value_or(1.0f));
  }
  const int64_t first = batch.batch.first_logit_row;
  const int64_t rows = batch.batch.num_logit_rows();
  return backend.TopLogits({.logits = on_gpu.Logits(first, rows),
                            .temperatures = temperatures,
                            .ids = on_gpu.CandidateIds(first, rows),
                            .values = on_gpu.CandidateLogits(first, rows),
                            .mass = on_gpu.CandidateMass(first, rows)});
}

Event CopyLogitRows(int64_t first_row, int64_t num_rows, const Activations& on_gpu,
                    const Activations& on_host, Device& device) {
  return Copy(on_gpu.Logits(first_row, num_rows), on_host.Logits(first_row, num_rows), device);
}

Event CopyWantedLogits(const ScheduledBatch& batch, const Activations& on_gpu,
                       const Activations& on_host, Device& device) {
  const int64_t first = batch.batch.first_logit_row;
  const int64_t rows = batch.batch.num_logit_rows();
  Event arrived;
  if (WantsCandidates(batch)) {
    arrived = Copy(on_gpu.CandidateIds(first, rows), on_host.CandidateIds(first, rows), device);
    arrived = Event::Both(arrived, Copy(on_gpu.CandidateLogits(first, rows),
                                        on_host.CandidateLogits(first, rows), device));
    arrived = Event::Both(arrived, Copy(on_gpu.CandidateMass(first, rows),
                                        on_host.CandidateMass(first, rows), device));
  }
  const auto is_whole = [&](int64_t row) {
    return batch.candidate_temperatures.empty() ||
           !batch.candidate_temperatures[static_cast<size_t>(row)].has_value();
  };
  for (int64_t begin = 0; begin < rows;) {
    int64_t end = begin + 1;
    if (is_whole(begin)) {
      while (end < rows && is_whole(end)) ++end;
      arrived =
          Event::Both(arrived, CopyLogitRows(first + begin, end - begin, on_gpu, on_host, device));
    }
    begin = end;
  }
  return arrived;
}

}  // namespace strata
