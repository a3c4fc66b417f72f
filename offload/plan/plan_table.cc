#include "offload/plan/plan_table.h"

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "offload/plan/policy_json.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Host memory that a gpu's copies read: page-locked where there is a gpu.
int64_t PinnedBytes(const PlanResult& plan) {
  bool gpu = plan.use.Total().gpu > 0;
  for (const ClassUse& use : plan.classes) gpu = gpu || use.num_gpu_stages > 0;
  return gpu ? plan.use.Total().host : 0;
}

std::string Line(absl::string_view name, const TierBytes& bytes, absl::string_view note) {
  const auto text = [](int64_t value) {
    return value == 0 ? std::string("-") : ByteText(static_cast<double>(value));
  };
  return absl::StrFormat("%-14s %12s %12s %12s%s%s\n", name, text(bytes.gpu), text(bytes.host),
                         text(bytes.disk), note.empty() ? "" : "   ", note);
}

std::string DeviceNote(const ClassUse& use) {
  if (use.num_gpu_stages == 0) return "computed on the cpu";
  if (use.num_gpu_stages == use.num_stages) return "computed on the gpu";
  return absl::StrCat(use.num_gpu_stages, " of ", use.num_stages, " computed on the gpu");
}

std::string LaneLoads(const Work& work, double seconds) {
  std::string text;
  for (int index = 0; index < kNumLanes; ++index) {
    const Lane lane = static_cast<Lane>(index);
    if (work.seconds(lane) <= 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", LaneName(lane), " ",
                    SecondsText(work.seconds(lane)));
    if (seconds > 0) {
      absl::StrAppend(&text, absl::StrFormat(" (%.0f %%)", 100 * work.seconds(lane) / seconds));
    }
  }
  return text;
}

// Of the layers whose rows are on the gpu, travel there, and are attended on the cpu.
std::string AttentionText(const PlanResult& plan) {
  const KvLayerCounts& layers = plan.kv_layers;
  std::string text =
      absl::StrCat(", of ", layers.all, " layers ", layers.on_gpu, " on the gpu, ",
                   layers.travelling, " travel there to be attended, ",
                   layers.all - layers.on_gpu - layers.travelling, " attended on the cpu");
  if (plan.policy.prefill_attend_device.has_value() && layers.on_gpu < layers.all) {
    absl::StrAppend(&text, "; in reading prompts those outside on the ",
                    ComputeDeviceName(*plan.policy.prefill_attend_device));
  }
  return text;
}

// JSON has no infinity: a way that the machine lacks is null.
ordered_json Number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json TierJson(const TierBytes& bytes) {
  return {{"gpu", bytes.gpu}, {"host", bytes.host}, {"disk", bytes.disk}};
}

ordered_json WorkJson(const Work& work) {
  ordered_json lanes = ordered_json::object();
  for (int index = 0; index < kNumLanes; ++index) {
    const Lane lane = static_cast<Lane>(index);
    lanes[std::string(LaneName(lane))] = {{"seconds", Number(work.seconds(lane))},
                                          {"bytes", Number(work.bytes(lane))}};
  }
  return lanes;
}

}  // namespace

std::string ByteText(double bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024.0 && unit + 1 < std::size(units)) {
    bytes /= 1024.0;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 2, bytes, units[unit]);
}

std::string SecondsText(double seconds) {
  if (seconds >= 1) return absl::StrFormat("%.4g s", seconds);
  if (seconds >= 1e-3) return absl::StrFormat("%.4g ms", seconds * 1e3);
  return absl::StrFormat("%.4g us", seconds * 1e6);
}

std::string FormatPlan(const PlanResult& plan, const HardwareProfile& profile) {
  std::string text = absl::StrFormat("%-14s %12s %12s %12s\n", "", "gpu", "host", "disk");
  for (const ClassUse& use : plan.classes) {
    absl::StrAppend(&text, Line(use.name, use.bytes, DeviceNote(use)));
  }
  absl::StrAppend(&text, Line("weights", plan.use.weights, ""), Line("kv", plan.use.kv, ""),
                  Line("activations", plan.use.activations, ""),
                  Line("staging", plan.use.staging, ""),
                  Line("peak", plan.use.Total(), "weights on disk need no budget"),
                  Line("budget", plan.budgets, ""));
  if (plan.missing != TierBytes{}) absl::StrAppend(&text, Line("missing", plan.missing, ""));
  const int64_t pinned = PinnedBytes(plan);
  if (pinned > 0) {
    absl::StrAppend(&text, "pinned         ", ByteText(static_cast<double>(pinned)), "\n");
  }
  const Policy& policy = plan.policy;
  absl::StrAppend(&text, "\n", plan.workload.num_sequences, " sequences of ",
                  plan.workload.prompt_tokens, " + ", plan.workload.output_tokens,
                  " tokens; a pass has up to ", policy.num_micro_batches, " micro-batches of ",
                  policy.micro_batch_rows, " rows");
  if (policy.micro_batch_sequences > 0) {
    absl::StrAppend(&text, " and ", policy.micro_batch_sequences, " sequences");
  }
  absl::StrAppend(&text, "\nKV rows ", DTypeName(policy.kv_dtype));
  if (profile.gpu.has_value()) absl::StrAppend(&text, AttentionText(plan));
  const Estimate& estimate = plan.estimate;
  absl::StrAppend(&text, "\n\npredicted", plan.fits ? "" : " (does not fit)", "\n  prefill        ",
                  SecondsText(estimate.prefill_seconds), ", bound by ",
                  estimate.prefill_bound.resource, ": ",
                  LaneLoads(estimate.prefill_work, estimate.prefill_seconds), "\n");
  if (plan.workload.output_tokens > 1) {
    absl::StrAppend(&text, "  decode pass    ", SecondsText(estimate.decode_pass_seconds),
                    ", bound by ", estimate.decode_bound.resource, ": ",
                    LaneLoads(estimate.decode_work, estimate.decode_pass_seconds), "\n");
  }
  absl::StrAppend(
      &text, "  in all         ", SecondsText(estimate.total_seconds),
      absl::StrFormat(", %.4g tokens/s; ceiling %.4g tokens/s, bound by %s\n",
                      estimate.tokens_per_s, estimate.ceiling_tokens_per_s, estimate.bound_by));
  if (!plan.runners_up.empty()) absl::StrAppend(&text, "\nrunners-up\n");
  for (const RunnerUp& runner_up : plan.runners_up) {
    absl::StrAppend(&text, absl::StrFormat("  %.4g tokens/s: %s: %s\n", runner_up.tokens_per_s,
                                           runner_up.choice, runner_up.reason));
  }
  for (const std::string& warning : plan.warnings) {
    absl::StrAppend(&text, "\nwarning: ", warning, "\n");
  }
  if (!plan.fits) {
    absl::StrAppend(&text, "\ndoes not fit; the smallest plan is shown. Missing:");
    for (const Tier tier : kTiers) {
      if (plan.missing[tier] == 0) continue;
      absl::StrAppend(&text, " ", TierName(tier), " ",
                      ByteText(static_cast<double>(plan.missing[tier])));
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

std::string ToJson(const PlanResult& plan) {
  const Estimate& estimate = plan.estimate;
  ordered_json classes = ordered_json::array();
  for (const ClassUse& use : plan.classes) {
    classes.push_back({{"class", use.name},
                       {"stages", use.num_stages},
                       {"gpu_stages", use.num_gpu_stages},
                       {"bytes", TierJson(use.bytes)}});
  }
  ordered_json runners_up = ordered_json::array();
  for (const RunnerUp& runner_up : plan.runners_up) {
    runners_up.push_back({{"choice", runner_up.choice},
                          {"tokens_per_s", Number(runner_up.tokens_per_s)},
                          {"reason", runner_up.reason}});
  }
  const ordered_json value = {{"fits", plan.fits},
                              {"num_sequences", plan.workload.num_sequences},
                              {"prompt_tokens", plan.workload.prompt_tokens},
                              {"output_tokens", plan.workload.output_tokens},
                              {"shared_prefix_tokens", plan.workload.shared_prefix_tokens},
                              {"classes", classes},
                              {"kv_layers",
                               {{"all", plan.kv_layers.all},
                                {"on_gpu", plan.kv_layers.on_gpu},
                                {"travelling", plan.kv_layers.travelling}}},
                              {"bytes",
                               {{"weights", TierJson(plan.use.weights)},
                                {"kv", TierJson(plan.use.kv)},
                                {"activations", TierJson(plan.use.activations)},
                                {"staging", TierJson(plan.use.staging)},
                                {"peak", TierJson(plan.use.Total())},
                                {"budget", TierJson(plan.budgets)},
                                {"missing", TierJson(plan.missing)},
                                {"pinned", PinnedBytes(plan)}}},
                              {"prefill_s", Number(estimate.prefill_seconds)},
                              {"decode_pass_s", Number(estimate.decode_pass_seconds)},
                              {"predicted_s", Number(estimate.total_seconds)},
                              {"output_tokens_per_s", Number(estimate.tokens_per_s)},
                              {"ceiling_tokens_per_s", Number(estimate.ceiling_tokens_per_s)},
                              {"bound_by", estimate.bound_by},
                              {"prefill_bound_by", estimate.prefill_bound.resource},
                              {"decode_bound_by", estimate.decode_bound.resource},
                              {"sampled", estimate.sampled},
                              {"prefill_lanes", WorkJson(estimate.prefill_work)},
                              {"decode_pass_lanes", WorkJson(estimate.decode_work)},
                              {"runners_up", runners_up},
                              {"warnings", plan.warnings},
                              {"policy", ordered_json::parse(ToJson(plan.policy))}};
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace strata
