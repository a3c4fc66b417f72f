#include "engine/evaluate/data_sets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "kernels/base/file.h"

namespace strata {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class DataSetsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = absl::StrCat(::testing::TempDir(), "data_sets_",
                         ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Touch(const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + path).parent_path());
    ASSERT_TRUE(WriteFileAtomically(root_ + "/" + path, "{}").ok());
  }
  DataSetPlaces Places() {
    return {.downloads = root_ + "/downloads",
            .hub_cache = root_ + "/hub",
            .demo_directory = root_ + "/demo"};
  }

  std::string root_;
};

TEST_F(DataSetsTest, LooksInOnePlaceAfterTheOther) {
  EXPECT_THAT(FindDataSet("gsm8k", Places()).status().message(), HasSubstr("strata data gsm8k"));
  Touch("demo/gsm_test.jsonl");
  absl::StatusOr<FoundDataSet> found = FindDataSet("gsm8k", Places());
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->is_demo);
  EXPECT_THAT(found->origin, HasSubstr("not GSM8K"));
  Touch("hub/datasets--openai--gsm8k/snapshots/abc/main/test.jsonl");
  EXPECT_THAT(FindDataSet("gsm8k", Places())->path, EndsWith("abc/main/test.jsonl"));
  EXPECT_FALSE(FindDataSet("mbpp", Places()).ok());
  Touch("downloads/gsm8k_test.jsonl");
  EXPECT_THAT(FindDataSet("gsm8k", Places())->path, EndsWith("downloads/gsm8k_test.jsonl"));
}

TEST_F(DataSetsTest, ReadsTheHubsParquetOfTheRightDataSetAndForm) {
  const std::string mbpp = "hub/datasets--google-research-datasets--mbpp";
  // Another data set, another form of it, another split, one of several shards.
  Touch("hub/datasets--evalplus--mbppplus/snapshots/abc/data/test-00000-of-00001-d5.parquet");
  Touch(mbpp + "/snapshots/abc/sanitized/test-00000-of-00001.parquet");
  Touch(mbpp + "/snapshots/abc/full/prompt-00000-of-00001.parquet");
  Touch("hub/datasets--openai--gsm8k/snapshots/abc/socratic/test-00000-of-00001.parquet");
  Touch("hub/datasets--openai--gsm8k/snapshots/abc/main/test-00000-of-00002.parquet");
  EXPECT_THAT(FindDataSet("mbpp", Places()).status().message(), HasSubstr("Parquet"));
  EXPECT_FALSE(FindDataSet("gsm8k", Places()).ok());
  Touch(mbpp + "/snapshots/abc/full/test-00000-of-00001.parquet");
  EXPECT_THAT(FindDataSet("mbpp", Places())->path,
              EndsWith("abc/full/test-00000-of-00001.parquet"));
  // The revision that main names goes before the others.
  Touch(mbpp + "/snapshots/bcd/full/test-00000-of-00001.parquet");
  EXPECT_THAT(FindDataSet("mbpp", Places())->path, HasSubstr("/abc/"));
  std::filesystem::create_directories(root_ + "/" + mbpp + "/refs");
  ASSERT_TRUE(WriteFileAtomically(root_ + "/" + mbpp + "/refs/main", "bcd\n").ok());
  const auto found = FindDataSet("mbpp", Places());
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(found->path, HasSubstr("/bcd/"));
  EXPECT_EQ(found->origin, "the Hugging Face cache");

  DataSetPlaces places = Places();
  places.given = root_ + "/" + mbpp + "/snapshots/abc";
  EXPECT_THAT(FindDataSet("mbpp", places)->path, EndsWith("full/test-00000-of-00001.parquet"));
  places.given += "/full";
  EXPECT_THAT(FindDataSet("mbpp", places)->path, EndsWith("full/test-00000-of-00001.parquet"));
}

TEST_F(DataSetsTest, ANamedDirectoryIsTheOnlyPlace) {
  Touch("downloads/mbpp.jsonl");
  DataSetPlaces places = Places();
  places.given = root_ + "/mine";
  EXPECT_THAT(FindDataSet("mbpp", places).status().message(), HasSubstr("/mine"));
  Touch("mine/mbpp.jsonl");
  EXPECT_THAT(FindDataSet("mbpp", places)->path, EndsWith("mine/mbpp.jsonl"));
  EXPECT_TRUE(absl::IsInvalidArgument(FindDataSet("gsm9k", places).status()));
}

TEST_F(DataSetsTest, OnlyTheseBytesAreTheDataSet) {
  const std::pair<const char*, size_t> tasks[] = {{"gsm8k", 2}, {"mbpp", 2}};
  for (const auto& [task, num_files] : tasks) {
    const auto files = DataSetFiles(task);
    ASSERT_TRUE(files.ok());
    EXPECT_EQ(files->size(), num_files);
    for (const DataSetFile& file : *files) {
      EXPECT_THAT(file.url, ::testing::StartsWith("https://"));
      EXPECT_TRUE(absl::IsDataLoss(CheckDataSetFile(file, "<html>")));
      const auto here = ReadFile(absl::StrCat(STRATA_SOURCE_DIR, "/../shared/data/", file.name));
      if (here.ok()) {
        EXPECT_TRUE(CheckDataSetFile(file, *here).ok()) << file.name;
        EXPECT_EQ(static_cast<int64_t>(here->size()), file.size_bytes);
      }
    }
  }
}

}  // namespace
}  // namespace strata
