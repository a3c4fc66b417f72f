// From what a user writes after --model to the files of that model.
//
// Accepts a directory, a config file (dummy weights), or a Hugging Face id "org/name[@revision]" in
// the local hub cache, laid out as huggingface_hub does:
//   models--org--name/refs/<revision>           a file holding a commit hash
//   models--org--name/snapshots/<hash>/         the files (symbolic links into ../../blobs)
// Nothing is downloaded. Library code reads no environment: the program passes HubCacheOptions.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

struct HubCacheOptions {
  std::string directory;  // holds the models--* directories; empty: there is no cache

  // As huggingface_hub decides: HF_HUB_CACHE, else HF_HOME/hub, else
  // XDG_CACHE_HOME/huggingface/hub, else HOME/.cache/huggingface/hub. Unset and empty variables are
  // passed over, a leading "~/" is HOME. `get_environment` is std::getenv, or a test's.
  static HubCacheOptions FromEnvironment(
      absl::FunctionRef<const char*(const char* name)> get_environment);
};

struct ModelFiles {
  std::string directory;    // weights and tokenizer; empty when only a config was named
  std::string config_path;  // a file that exists
};

// Finds the model. NotFound says where it looked and, for an id, the command that downloads it.
// Unimplemented: a .gguf file. InvalidArgument: empty, no id and no path, a file of another kind.
// DataLoss: a cache whose refs are damaged.
absl::StatusOr<ModelFiles> LocateModel(absl::string_view model_argument,
                                       const HubCacheOptions& options);

}  // namespace strata
