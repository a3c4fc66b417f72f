// From options to a plan: reads config and checkpoint headers, finds the policy, loads nothing.
#pragma once

#include "absl/status/statusor.h"
#include "engine/engine_options.h"
#include "models/decoder.h"
#include "offload/checkpoint/model_locator.h"
#include "offload/plan/hardware_profile.h"
#include "offload/plan/model_shape.h"
#include "offload/plan/plan_result.h"
#include "offload/tier.h"
#include "offload/weights/tensor_catalog.h"

namespace strata {

// A model whose run is planned.
struct PlannedModel {
  ModelFiles files;
  Decoder decoder;
  TensorCatalog catalog;
  DType kv_dtype = DType::kF32;
  ModelShape shape;
  // Limits of the tiers, and what of the host's the program takes before it plans.
  TierBytes limits;
  int64_t program_bytes = 0;
  HardwareProfile profile;
  bool is_priced = false;  // with rates that were asked for; otherwise with DefaultProfile's
  PlanResult plan;         // plan.fits may be false
};

// InvalidArgument, NotFound, DataLoss: the model; a policy of another model; options that exclude
// each other or would have no effect.
absl::StatusOr<PlannedModel> PlanModel(const EngineOptions& options);

// Rates of a modest machine without a gpu, for plans before anything was measured.
HardwareProfile DefaultProfile(int64_t num_threads);

}  // namespace strata
