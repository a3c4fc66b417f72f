// The rules of tests/structure/tree_rules.h, applied to the sources of this checkout.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/structure/tree_rules.h"

namespace strata {
namespace {

struct SourceFile {
  std::string path;  // from the repository root
  std::string text;
  bool has_header;  // a .h of the same name lies beside it
};

std::vector<SourceFile> ReadTree() {
  namespace fs = std::filesystem;
  const fs::path root = STRATA_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const char* top : {"engine", "kernels", "offload", "models", "bench", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const fs::path extension = entry.path().extension();
      if (!entry.is_regular_file() ||
          (extension != ".h" && extension != ".cc" && extension != ".cuh" && extension != ".cu")) {
        continue;
      }
      std::ifstream stream(entry.path(), std::ios::binary);
      files.push_back({fs::relative(entry.path(), root).generic_string(),
                       std::string(std::istreambuf_iterator<char>(stream), {}),
                       fs::exists(fs::path(entry.path()).replace_extension(".h"))});
    }
  }
  return files;
}

class Tree : public ::testing::Test {
 protected:
  static void ExpectNone(const Faults& faults) {
    for (const std::string& fault : faults) ADD_FAILURE() << fault;
  }
  const std::vector<SourceFile> files_ = ReadTree();
};

TEST_F(Tree, IsRead) {
  bool found = false;
  for (const SourceFile& file : files_) {
    found = found || (file.path == "kernels/base/status.cc" && file.has_header);
    EXPECT_FALSE(file.text.empty()) << file.path;
  }
  EXPECT_TRUE(found);
}

TEST_F(Tree, IncludesGoDown) {
  for (const SourceFile& file : files_) ExpectNone(CheckIncludeDirection(file.path, file.text));
}

TEST_F(Tree, HeadersAreInOrder) {
  for (const SourceFile& file : files_) ExpectNone(CheckHeader(file.path, file.text));
}

TEST_F(Tree, SourcesIncludeTheirOwnHeaderFirst) {
  for (const SourceFile& file : files_) {
    ExpectNone(CheckOwnHeaderFirst(file.path, file.text, file.has_header));
  }
}

TEST_F(Tree, UpperFloorsCompileUnconditionally) {
  for (const SourceFile& file : files_) {
    ExpectNone(CheckNoConditionalCompilation(file.path, file.text));
  }
}

TEST_F(Tree, OnlyTheProgramReadsTheEnvironment) {
  for (const SourceFile& file : files_) ExpectNone(CheckNoEnvironment(file.path, file.text));
}

TEST_F(Tree, FilesStayShort) {
  for (const SourceFile& file : files_) ExpectNone(CheckLength(file.path, file.text));
}

}  // namespace
}  // namespace strata
