// config.json of a stranger: whatever the families accept can be turned into stages whose shapes
// can be counted, and into finite rotary frequencies.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "kernels/base/shape.h"
#include "kernels/base/status.h"
#include "models/config.h"
#include "models/rotary.h"
#include "models/stage.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = strata::ParseModelConfig(text, "fuzz");
  if (!config.ok()) return 0;
  // Many layers and wide heads are legal but tell nothing more, only slowly.
  if (config->num_layers > 8 || config->head_dim > 1024) return 0;
  const auto stages = strata::BuildStages(*config);
  if (stages.ok()) {
    for (const strata::Stage& stage : *stages) {
      for (const strata::TensorSpec& spec : stage.tensors) {
        STRATA_CHECK(strata::CheckedNumElements(spec.shape.extents()).ok(),
                     "the elements of every tensor of an accepted config can be counted");
      }
    }
  }
  if (config->position == strata::PositionKind::kRotary) {
    for (const int64_t length : {int64_t{1}, config->max_positions}) {
      for (const float inverse :
           strata::ComputeRotaryFrequencies(config->rope, config->head_dim, length).inverse) {
        STRATA_CHECK(std::isfinite(inverse), "accepted rotary parameters give finite frequencies");
      }
    }
  }
  return 0;
}
