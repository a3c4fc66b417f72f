#include "offload/checkpoint/read_only_file.h"

#include <utility>

#include "tests/offload/checkpoint/checkpoint_test_support.h"

namespace strata {
namespace {

TEST(ReadOnlyFileTest, ReadsAnywhereAndNoticesAFileThatShrank) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("file", "0123456789");
  auto opened = ReadOnlyFile::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const ReadOnlyFile file = *std::move(opened);
  EXPECT_EQ(file.size_bytes(), 10);
  std::vector<std::byte> bytes(4);
  ASSERT_TRUE(file.ReadAt(6, absl::MakeSpan(bytes)).ok());
  EXPECT_EQ(bytes, (std::vector<std::byte>{std::byte{'6'}, std::byte{'7'}, std::byte{'8'},
                                           std::byte{'9'}}));
  EXPECT_TRUE(file.ReadAt(100, {}).ok());  // no byte is missing
  ExpectError(file.ReadAt(7, absl::MakeSpan(bytes)), absl::StatusCode::kDataLoss, {path, "ends"});
  std::filesystem::resize_file(path, 8);
  ExpectError(file.ReadAt(6, absl::MakeSpan(bytes)), absl::StatusCode::kDataLoss, {path, "ends"});
}

}  // namespace
}  // namespace strata
