#include "engine/cli/info_command.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "engine/cli/exit_code.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"

namespace strata {
namespace {

nlohmann::json InfoOf(const std::string& model, const std::string& load_format = "auto") {
  std::ostringstream out, err;
  const InfoOptions options = {.model = {.model = model, .load_format = load_format}, .json = true};
  EXPECT_EQ(RunInfo(options, out, err), kExitDone) << err.str();
  return *ParseJson(out.str(), "stdout");
}

TEST(InfoCommandTest, CountsParametersAndBytesOfTheDemoModel) {
  const std::string model = absl::StrCat(STRATA_SOURCE_DIR, "/models/demo/model");
  const nlohmann::json info = InfoOf(model);
  EXPECT_EQ(info["architecture"], "llama");
  EXPECT_EQ(info["weights"], "bf16");
  EXPECT_EQ(info["bytes"], 2 * info["parameters"].get<int64_t>());
  // Tied: the file holds little beyond the distinct parameters.
  const int64_t file_bytes =
      static_cast<int64_t>(std::filesystem::file_size(model + "/model.safetensors"));
  EXPECT_LE(info["bytes"].get<int64_t>(), file_bytes);
  EXPECT_GT(info["bytes"].get<int64_t>(), file_bytes - 65536);
  const int64_t kv = 2 * 2 * info["num_layers"].get<int64_t>() *
                     info["num_kv_heads"].get<int64_t>() * info["head_dim"].get<int64_t>();
  EXPECT_EQ(info["kv_bytes_per_token"], kv);
  EXPECT_EQ(info["tokenizer"], true);
  EXPECT_EQ(info["chat_template"], true);
  EXPECT_EQ(info["stages"].size(), 6u);
}

TEST(InfoCommandTest, KnowsPublishedSizes) {
  const std::string configs = absl::StrCat(STRATA_SOURCE_DIR, "/../shared/models/configs/");
  if (!std::filesystem::exists(configs)) GTEST_SKIP() << "no shared/models/configs";
  const std::pair<const char*, int64_t> cases[] = {{"llama-2-7b", 6738415616},
                                                   {"llama-2-70b", 68976648192},
                                                   {"qwen2.5-0.5b-instruct", 494032768},
                                                   {"qwen3-8b", 8190735360},
                                                   {"opt-125m", 125239296},
                                                   {"opt-350m", 331196416},
                                                   {"qwen2.5-72b-instruct", 72706203648}};
  for (const auto& [name, parameters] : cases) {
    EXPECT_EQ(InfoOf(absl::StrCat(configs, name, ".json"), "dummy")["parameters"], parameters)
        << name;
  }
}

TEST(InfoCommandTest, RefusesWhatItCannotRead) {
  const std::string directory = absl::StrCat(::testing::TempDir(), "info_command");
  std::filesystem::create_directories(directory);
  const std::pair<const char*, const char*> cases[] = {
      {"{", "config.json"},
      {"{}", "model_type"},
      {R"({"model_type": "mamba"})", "mamba"},
      {R"({"model_type": "llama"})", "vocab_size"},
      {R"({"model_type": "llama", "vocab_size": -3})", "vocab_size"},
      {R"({"model_type": "llama", "vocab_size": 1e99})", "vocab_size"},
  };
  for (const auto& [config, cause] : cases) {
    ASSERT_TRUE(WriteFileAtomically(directory + "/config.json", config).ok());
    std::ostringstream out, err;
    EXPECT_EQ(RunInfo({.model = {.model = directory}}, out, err), kExitBadInput) << config;
    EXPECT_NE(err.str().find(cause), std::string::npos) << err.str();
  }
}

}  // namespace
}  // namespace strata
