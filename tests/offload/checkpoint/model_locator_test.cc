#include "offload/checkpoint/model_locator.h"

#include <map>

#include "tests/offload/checkpoint/checkpoint_test_support.h"

namespace strata {
namespace {

constexpr char kHash[] = "0123456789abcdef0123456789abcdef01234567";
constexpr char kOtherHash[] = "fedcba9876543210fedcba9876543210fedcba98";

HubCacheOptions OptionsOf(const std::map<std::string, std::string>& environment) {
  return HubCacheOptions::FromEnvironment([&](const char* name) -> const char* {
    const auto variable = environment.find(name);
    return variable == environment.end() ? nullptr : variable->second.c_str();
  });
}

TEST(HubCacheOptionsTest, FollowsTheVariablesOfHuggingfaceHub) {
  std::map<std::string, std::string> environment;
  EXPECT_EQ(OptionsOf(environment).directory, "");
  environment["HOME"] = "/home/u";
  EXPECT_EQ(OptionsOf(environment).directory, "/home/u/.cache/huggingface/hub");
  environment["XDG_CACHE_HOME"] = "/xdg";
  EXPECT_EQ(OptionsOf(environment).directory, "/xdg/huggingface/hub");
  environment["HF_HOME"] = "~/hf";
  EXPECT_EQ(OptionsOf(environment).directory, "/home/u/hf/hub");
  environment["HF_HUB_CACHE"] = "/hub";
  EXPECT_EQ(OptionsOf(environment).directory, "/hub");
  environment["HF_HUB_CACHE"] = "";  // as if unset
  EXPECT_EQ(OptionsOf(environment).directory, "/home/u/hf/hub");
}

// A cache with org/name at two revisions, built as huggingface_hub does.
class HubCacheTest : public testing::Test {
 protected:
  HubCacheTest() {
    const std::string repository = "hub/models--org--name/";
    cache_.Write(repository + "refs/main", kHash);
    cache_.Write(repository + "refs/v1.0", std::string(kOtherHash) + "\n");
    cache_.Write(repository + "refs/refs/pr/7", kOtherHash);
    for (const char* hash : {kHash, kOtherHash}) {
      cache_.Write(repository + "blobs/" + hash, "{}");
      const std::string snapshot = repository + "snapshots/" + hash;
      std::filesystem::create_directories(cache_.Join(snapshot));
      std::filesystem::create_symlink(std::string("../../blobs/") + hash,
                                      cache_.Join(snapshot + "/config.json"));
    }
    options_.directory = cache_.Join("hub");
  }

  std::string Snapshot(const std::string& hash) const {
    return cache_.Join("hub/models--org--name/snapshots/" + hash);
  }

  TemporaryDirectory cache_;
  HubCacheOptions options_;
};

TEST_F(HubCacheTest, FindsRevisions) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"org/name", kHash},
      {"org/name@main", kHash},
      {"org/name@v1.0", kOtherHash},
      {"org/name@refs/pr/7", kOtherHash},
      {std::string("org/name@") + kOtherHash, kOtherHash},
  };
  for (const auto& [argument, hash] : table) {
    const auto files = LocateModel(argument, options_);
    ASSERT_TRUE(files.ok()) << argument << ": " << files.status();
    EXPECT_EQ(files->directory, Snapshot(hash));
    EXPECT_EQ(files->config_path, Snapshot(hash) + "/config.json");
  }
}

TEST_F(HubCacheTest, FindsAModelWithoutOrganisation) {
  cache_.Write("hub/models--gpt2/refs/main", kHash);
  const std::string config =
      cache_.Write(std::string("hub/models--gpt2/snapshots/") + kHash + "/config.json", "{}");
  const auto files = LocateModel("gpt2", options_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->config_path, config);
}

TEST_F(HubCacheTest, SaysWhereItLookedAndHowToDownload) {
  ExpectError(LocateModel("org/other", options_).status(), absl::StatusCode::kNotFound,
              {"'org/other'", cache_.Join("hub/models--org--other/snapshots/main"),
               "huggingface-cli download org/other"});
  ExpectError(LocateModel("org/name@v2", options_).status(), absl::StatusCode::kNotFound,
              {"revision v2", "huggingface-cli download org/name --revision v2"});
  ExpectError(LocateModel("org/name", HubCacheOptions{}).status(), absl::StatusCode::kNotFound,
              {"'org/name'", "HF_HUB_CACHE"});
}

TEST_F(HubCacheTest, NoticesAnIncompleteDownload) {
  std::filesystem::remove(cache_.Join(std::string("hub/models--org--name/blobs/") + kHash));
  ExpectError(LocateModel("org/name", options_).status(), absl::StatusCode::kNotFound,
              {"no config.json", "incomplete", "huggingface-cli download org/name"});
}

TEST_F(HubCacheTest, RefusesDamagedRefs) {
  for (const std::string contents :
       {"", "../../../..", "/etc", "..", ".", "a/b", "a b", "\x1b[31m", "-x"}) {
    SCOPED_TRACE(contents);
    cache_.Write("hub/models--org--name/refs/main", contents);
    ExpectError(LocateModel("org/name", options_).status(), absl::StatusCode::kDataLoss,
                {"refs/main", "expected a commit hash"});
  }
  cache_.Write("hub/models--org--name/refs/main", std::string(100000, 'a'));
  EXPECT_FALSE(LocateModel("org/name", options_).ok());
}

TEST_F(HubCacheTest, RefusesWhatIsNoId) {
  cache_.Write("config.json", "{}");
  for (const std::string argument :
       {"../name", "org/..", "./absent", "/absent/x", "a/b/c", "org/", "/name", "org/na me",
        "org/name;rm", "$(x)/y", "org--name", "-x/y", ".hidden", "~/models", "org/\x1b[31m"}) {
    SCOPED_TRACE(argument);
    ExpectError(LocateModel(argument, options_).status(), absl::StatusCode::kNotFound,
                {"no such file or directory"});
  }
  for (const std::string argument :
       {"org/name@", "org/name@..", "org/name@../../x", "org/name@/x", "org/name@a//b",
        "org/name@x@y", "org/name@--force", "org/name@a b"}) {
    SCOPED_TRACE(argument);
    ExpectError(LocateModel(argument, options_).status(), absl::StatusCode::kInvalidArgument,
                {"is no revision"});
  }
  EXPECT_EQ(LocateModel("", options_).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LocateModel(absl::string_view("a\0b", 3), options_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(LocateModelTest, TakesDirectoriesAndConfigFiles) {
  const TemporaryDirectory directory;
  const std::string config = directory.Write("model@1/config.json", "{}");
  const auto files = LocateModel(directory.Join("model@1"), HubCacheOptions{});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->directory, directory.Join("model@1"));
  EXPECT_EQ(files->config_path, config);

  const std::string other = directory.Write("llama-2-7b.json", "{}");
  const auto config_only = LocateModel(other, HubCacheOptions{});
  ASSERT_TRUE(config_only.ok()) << config_only.status();
  EXPECT_EQ(config_only->directory, "");
  EXPECT_EQ(config_only->config_path, other);
}

TEST(LocateModelTest, RefusesOtherFiles) {
  const TemporaryDirectory directory;
  ExpectError(LocateModel(directory.path(), HubCacheOptions{}).status(),
              absl::StatusCode::kNotFound, {directory.path(), "no config.json"});
  ExpectError(LocateModel(directory.Write("m.gguf", "GGUF"), HubCacheOptions{}).status(),
              absl::StatusCode::kUnimplemented, {"m.gguf", "not supported yet"});
  ExpectError(LocateModel(directory.Write("model.safetensors", ""), HubCacheOptions{}).status(),
              absl::StatusCode::kInvalidArgument, {"model.safetensors", "is a file"});
}

}  // namespace
}  // namespace strata
