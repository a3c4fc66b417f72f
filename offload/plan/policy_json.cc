#include "offload/plan/policy_json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "offload/plan/json_fields.h"
#include "offload/plan/kv_layers.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMostStages = 1 << 20;
constexpr int64_t kMostTensorsOfStage = 1 << 20;
constexpr int64_t kMostTensors = 1 << 24;
constexpr int64_t kMostBytes = int64_t{1} << 60;

std::string HomesText(const std::vector<Tier>& homes) {
  std::string text;
  for (size_t i = 0; i < homes.size();) {
    size_t end = i;
    while (end < homes.size() && homes[end] == homes[i]) ++end;
    if (end - i > 1) absl::StrAppend(&text, end - i);
    absl::StrAppend(&text, TierName(homes[i]).substr(0, 1));
    i = end;
  }
  return text;
}

absl::StatusOr<std::vector<Tier>> ReadHomes(const std::string& text) {
  std::vector<Tier> homes;
  int64_t count = 0;  // 0: none given
  for (const char letter : text) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(letter))) {
      count = count * 10 + (letter - '0');
      if (count == 0) return absl::InvalidArgumentError("a count of 0");
      if (count > kMostTensorsOfStage) return absl::InvalidArgumentError("a count too large");
      continue;
    }
    const Tier* found = nullptr;
    for (const Tier& tier : kTiers) {
      if (TierName(tier)[0] == letter) found = &tier;
    }
    if (found == nullptr) {
      return absl::InvalidArgumentError("expected runs of g, h and d such as \"2h5d\"");
    }
    homes.insert(homes.end(), static_cast<size_t>(count == 0 ? 1 : count), *found);
    if (static_cast<int64_t>(homes.size()) > kMostTensorsOfStage) {
      return absl::InvalidArgumentError("too many tensors");
    }
    count = 0;
  }
  if (count > 0) return absl::InvalidArgumentError("a count without a tier behind it");
  return homes;
}

ordered_json SharesJson(const TierShares& shares) {
  return {{"gpu", shares.gpu}, {"host", shares.host}, {"disk", shares.disk}};
}

absl::StatusOr<ComputeDevice> ReadDevice(JsonFields& fields, const std::string& key) {
  STRATA_ASSIGN_OR_RETURN(const std::string name, fields.String(key));
  for (const ComputeDevice device : {ComputeDevice::kCpu, ComputeDevice::kGpu}) {
    if (name == ComputeDeviceName(device)) return device;
  }
  return fields.Fault(key, absl::StrCat("expected \"cpu\" or \"gpu\", got \"", name, "\""));
}

absl::StatusOr<TierShares> ReadShares(JsonFields fields) {
  TierShares shares;
  STRATA_ASSIGN_OR_RETURN(shares.gpu, fields.Number("gpu", 0, 1));
  STRATA_ASSIGN_OR_RETURN(shares.host, fields.Number("host", 0, 1));
  STRATA_ASSIGN_OR_RETURN(shares.disk, fields.Number("disk", 0, 1));
  STRATA_RETURN_IF_ERROR(fields.CheckAllRead());
  const double sum = shares.gpu + shares.host + shares.disk;
  if (std::abs(sum - 1) > 1e-6) {
    return absl::InvalidArgumentError(
        absl::StrCat(fields.place(), ": the shares sum to ", sum, " instead of 1"));
  }
  return shares;
}

absl::StatusOr<StagePolicy> ReadStage(const json& value, const std::string& place) {
  STRATA_ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Create(value, place));
  StagePolicy stage;
  STRATA_ASSIGN_OR_RETURN(stage.device, ReadDevice(fields, "device"));
  STRATA_ASSIGN_OR_RETURN(const std::string text, fields.String("homes"));
  absl::StatusOr<std::vector<Tier>> homes = ReadHomes(text);
  if (!homes.ok()) return fields.Fault("homes", homes.status().message());
  stage.tensor_homes = *std::move(homes);
  STRATA_RETURN_IF_ERROR(fields.CheckAllRead());
  return stage;
}

absl::StatusOr<Policy> ReadPolicy(JsonFields fields) {
  Policy policy;
  STRATA_ASSIGN_OR_RETURN(policy.micro_batch_rows,
                          fields.Int("micro_batch_rows", 1, int64_t{1} << 32));
  STRATA_ASSIGN_OR_RETURN(policy.num_micro_batches, fields.Int("num_micro_batches", 1, 1 << 20));
  STRATA_ASSIGN_OR_RETURN(policy.micro_batch_sequences,
                          fields.Int("micro_batch_sequences", 0, int64_t{1} << 32));
  STRATA_ASSIGN_OR_RETURN(JsonFields activations, fields.Object("activations"));
  STRATA_ASSIGN_OR_RETURN(policy.activations, ReadShares(std::move(activations)));
  STRATA_ASSIGN_OR_RETURN(JsonFields kv, fields.Object("kv"));
  STRATA_ASSIGN_OR_RETURN(policy.kv, ReadShares(std::move(kv)));
  STRATA_ASSIGN_OR_RETURN(const std::string format, fields.String("kv_format"));
  const absl::StatusOr<DType> dtype = DTypeFromName(format);
  if (!dtype.ok()) return fields.Fault("kv_format", dtype.status().message());
  policy.kv_dtype = *dtype;
  if (fields.Has("prefill_attend_device")) {
    STRATA_ASSIGN_OR_RETURN(policy.prefill_attend_device,
                            ReadDevice(fields, "prefill_attend_device"));
  }
  // Of files from before every stage had a device of its own.
  std::optional<ComputeDevice> attend_device;
  if (fields.Has("attend_device")) {
    STRATA_ASSIGN_OR_RETURN(attend_device, ReadDevice(fields, "attend_device"));
    if (policy.kv.gpu >= 1) attend_device = ComputeDevice::kGpu;
    if (policy.kv.gpu >= 1 || policy.prefill_attend_device == attend_device) {
      policy.prefill_attend_device = std::nullopt;
    }
  }
  STRATA_ASSIGN_OR_RETURN(policy.host_staging_bytes,
                          fields.Int("host_staging_bytes", 0, kMostBytes));
  STRATA_ASSIGN_OR_RETURN(policy.gpu_staging_bytes, fields.Int("gpu_staging_bytes", 0, kMostBytes));
  STRATA_ASSIGN_OR_RETURN(const json* stages, fields.Array("stages"));
  if (stages->size() > kMostStages) return fields.Fault("stages", "too many");
  int64_t num_tensors = 0;
  int64_t num_attends = 0;
  for (size_t i = 0; i < stages->size(); ++i) {
    const std::string place = absl::StrCat(fields.PlaceOf("stages"), "[", i, "]");
    STRATA_ASSIGN_OR_RETURN(StagePolicy stage, ReadStage((*stages)[i], place));
    num_tensors += static_cast<int64_t>(stage.tensor_homes.size());
    if (num_tensors > kMostTensors) return fields.Fault("stages", "too many tensors");
    if (attend_device.has_value() && stage.tensor_homes.empty()) {
      const bool at_home = KvLiesOnGpu(policy.kv, num_attends++);
      stage.device = at_home ? ComputeDevice::kGpu : *attend_device;
    }
    policy.stages.push_back(std::move(stage));
  }
  STRATA_RETURN_IF_ERROR(fields.CheckAllRead());
  return policy;
}

}  // namespace

absl::string_view ComputeDeviceName(ComputeDevice device) {
  return device == ComputeDevice::kGpu ? "gpu" : "cpu";
}

std::string ToJson(const Policy& policy) {
  ordered_json value = {{"micro_batch_rows", policy.micro_batch_rows},
                        {"num_micro_batches", policy.num_micro_batches},
                        {"micro_batch_sequences", policy.micro_batch_sequences},
                        {"activations", SharesJson(policy.activations)},
                        {"kv", SharesJson(policy.kv)},
                        {"kv_format", DTypeName(policy.kv_dtype)},
                        {"host_staging_bytes", policy.host_staging_bytes},
                        {"gpu_staging_bytes", policy.gpu_staging_bytes},
                        {"stages", ordered_json::array()}};
  if (policy.prefill_attend_device.has_value()) {
    value["prefill_attend_device"] = ComputeDeviceName(*policy.prefill_attend_device);
  }
  for (const StagePolicy& stage : policy.stages) {
    value["stages"].push_back(
        {{"device", ComputeDeviceName(stage.device)}, {"homes", HomesText(stage.tensor_homes)}});
  }
  return value.dump(2) + "\n";
}

absl::StatusOr<Policy> PolicyFromJson(absl::string_view text, const std::string& source_name) {
  STRATA_ASSIGN_OR_RETURN(const json document, ParseJson(text, source_name));
  STRATA_ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Create(document, source_name));
  if (!fields.Has("policy")) return ReadPolicy(std::move(fields));
  STRATA_ASSIGN_OR_RETURN(JsonFields policy, fields.Object("policy"));
  return ReadPolicy(std::move(policy));
}

}  // namespace strata
