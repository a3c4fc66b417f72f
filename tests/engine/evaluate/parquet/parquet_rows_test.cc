#include "engine/evaluate/parquet/parquet_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

std::string Golden(const std::string& name) {
  const auto bytes =
      ReadFile(absl::StrCat(STRATA_SOURCE_DIR, "/tests/engine/evaluate/parquet/golden/", name));
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.value_or("");
}

// The golden files that hold rows, in the order of their names.
std::vector<std::string> ReadableFiles() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(
           absl::StrCat(STRATA_SOURCE_DIR, "/tests/engine/evaluate/parquet/golden"))) {
    const std::string name = entry.path().filename().string();
    if (absl::EndsWith(name, ".parquet") && !absl::StartsWith(name, "refused")) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(ParquetRowsTest, ReadsWhatPyarrowWrote) {
  const std::vector<std::string> names = ReadableFiles();
  EXPECT_GE(names.size(), 18u);
  for (const std::string& name : names) {
    const auto rows = ParquetRowsAsJson(Golden(name));
    ASSERT_TRUE(rows.ok()) << name << ": " << rows.status();
    const std::string stem = name.substr(0, name.find('.'));
    const auto expected = ParseJsonLines(Golden(stem + ".jsonl"), stem);
    ASSERT_TRUE(expected.ok()) << expected.status();
    ASSERT_EQ(rows->size(), expected->size()) << name;
    for (size_t i = 0; i < rows->size(); ++i) {
      EXPECT_EQ(*ParseJson((*rows)[i], name), (*expected)[i]) << name << ": row " << i + 1;
    }
  }
}

TEST(ParquetRowsTest, KeysAreInTheOrderOfTheColumns) {
  const auto rows = ParquetRowsAsJson(Golden("mbpp.parquet"));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->front(), ::testing::StartsWith(R"({"task_id":11,"text":"Write a)"));
}

TEST(ParquetRowsTest, WhatIsNotReadIsRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {
      {"double", "physical type 5"},        {"list_of_lists", "a list of lists"},
      {"group", "a group that is no list"}, {"timestamp", "logical type 8"},
      {"unsigned", "logical type 10"},      {"codec", "compression codec 4"},
      {"encoding", "encoding 5 of a page"},
  };
  for (const auto& [name, cause] : cases) {
    const auto rows = ParquetRowsAsJson(Golden(absl::StrCat("refused.", name, ".parquet")));
    EXPECT_TRUE(absl::IsUnimplemented(rows.status())) << name << ": " << rows.status();
    EXPECT_THAT(rows.status().message(), HasSubstr(cause));
    EXPECT_THAT(rows.status().message(), HasSubstr("column 'x'"));
  }
}

bool IsRefusal(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsUnimplemented(status) ||
         absl::IsResourceExhausted(status);
}

TEST(ParquetRowsTest, EveryTruncationIsDataLoss) {
  for (const char* name : {"nulls.zstd.v2.parquet", "required.v1.parquet", "empty.parquet"}) {
    const std::string whole = Golden(name);
    for (size_t size = 0; size < whole.size(); ++size) {
      // A copy of its own, so that AddressSanitizer sees a byte read behind its end.
      const std::string cut = whole.substr(0, size);
      EXPECT_TRUE(absl::IsDataLoss(ParquetRowsAsJson(cut).status())) << name << " " << size;
    }
  }
}

TEST(ParquetRowsTest, MutationsNeverCrashAndChecksumsFindThem) {
  std::mt19937 random(20261128);
  for (const std::string& name : ReadableFiles()) {
    const std::string whole = Golden(name);
    if (whole.size() < 600) continue;
    int num_refused = 0;
    for (int round = 0; round < 300; ++round) {
      std::string changed = whole;
      const int num_changes = 1 + static_cast<int>(random() % 4);
      for (int i = 0; i < num_changes; ++i) {
        changed[random() % changed.size()] = static_cast<char>(random());
      }
      const auto rows = ParquetRowsAsJson(changed);
      if (!rows.ok()) {
        EXPECT_TRUE(IsRefusal(rows.status())) << name << ": " << rows.status();
        ++num_refused;
      }
    }
    EXPECT_GT(num_refused, 0) << name;
  }
  // Any change of a byte of a page that has a checksum is found.
  const std::string whole = Golden("nulls.plain.parquet");
  const size_t text = whole.find("quoted");
  ASSERT_NE(text, std::string::npos);
  std::string changed = whole;
  changed[text] = 'Q';
  const absl::Status status = ParquetRowsAsJson(changed).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("CRC-32"));
}

TEST(ParquetRowsTest, TextsMustBeUtf8) {
  const std::string changed =
      absl::StrReplaceAll(Golden("nulls.none.v1.parquet"), {{"\xe4\xb8\xad", "\xe4\xb8y"}});
  const absl::Status status = ParquetRowsAsJson(changed).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("UTF-8"));
}

}  // namespace
}  // namespace strata
