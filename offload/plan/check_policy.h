// Whether a policy, read from a file or made by hand, suits a model and a machine.
#pragma once

#include "absl/status/status.h"
#include "offload/plan/model_shape.h"
#include "offload/plan/policy.h"

namespace strata {

struct CheckPolicyArgs {
  const ModelShape& model;
  bool has_gpu = false;
};

// InvalidArgument, naming the stage, unless the policy has a home for each tensor of the model, a
// shared tensor lies where its owner does, nothing lies or is computed on a gpu that is not there,
// the cpu computes no tensor of the gpu's memory and attends to no KV rows there, activations on
// disk leave host memory, and each staging ring holds the largest stage that streams through it.
absl::Status CheckPolicy(const Policy& policy, const CheckPolicyArgs& args);

}  // namespace strata
