#include "offload/checkpoint/mapped_file.h"

#include <limits>
#include <utility>

#include "tests/offload/checkpoint/checkpoint_test_support.h"

namespace strata {
namespace {

std::string Text(absl::Span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

TEST(MappedFileTest, ShowsTheBytesInPlace) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("file", "0123456789");
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->path(), path);
  EXPECT_EQ(Text(file->bytes()), "0123456789");
  EXPECT_EQ(Text(*file->Range(2, 3)), "234");
  EXPECT_EQ(Text(*file->Range(10, 0)), "");
  const int64_t most = std::numeric_limits<int64_t>::max();
  for (const auto& [offset, count] : std::vector<std::pair<int64_t, int64_t>>{
           {0, 11}, {10, 1}, {11, 0}, {-1, 1}, {0, -1}, {most, most}, {1, most}, {most, 0}}) {
    ExpectError(file->Range(offset, count).status(), absl::StatusCode::kOutOfRange, {path});
  }
}

TEST(MappedFileTest, MapsAnEmptyFile) {
  const TemporaryDirectory directory;
  const auto file = MappedFile::Open(directory.Write("empty", ""));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size_bytes(), 0);
  EXPECT_TRUE(file->Range(0, 0).ok());
  file->ExpectAccess(AccessPattern::kRandom);
  file->WillNeed(0, 0);
  file->DontNeed(0, 0);
}

TEST(MappedFileTest, MovesItsMapping) {
  const TemporaryDirectory directory;
  auto first = MappedFile::Open(directory.Write("first", "first"));
  auto second = MappedFile::Open(directory.Write("second", "second"));
  ASSERT_TRUE(first.ok() && second.ok());
  MappedFile moved = *std::move(first);
  EXPECT_EQ(Text(moved.bytes()), "first");
  moved = *std::move(second);
  EXPECT_EQ(Text(moved.bytes()), "second");
}

TEST(MappedFileTest, HintsNeverChangeContents) {
  const TemporaryDirectory directory;
  std::string contents;
  for (int i = 0; i < 5 * 4096 + 123; ++i) contents += static_cast<char>(i * 31);
  const auto file = MappedFile::Open(directory.Write("file", contents));
  ASSERT_TRUE(file.ok()) << file.status();
  for (const AccessPattern pattern :
       {AccessPattern::kSequential, AccessPattern::kRandom, AccessPattern::kNormal}) {
    file->ExpectAccess(pattern);
  }
  const int64_t size = file->size_bytes();
  for (const auto& [offset, count] : std::vector<std::pair<int64_t, int64_t>>{
           {0, size}, {1, 1}, {4095, 2}, {4096, 4096}, {5000, 9000}, {size - 1, 1}, {size, 0}}) {
    file->WillNeed(offset, count);
    file->DontNeed(offset, count);
    EXPECT_EQ(Text(file->bytes()), contents);
  }
}

TEST(MappedFileTest, RefusesWhatIsNoFile) {
  const TemporaryDirectory directory;
  ExpectError(MappedFile::Open(directory.Join("absent")).status(), absl::StatusCode::kNotFound,
              {"absent"});
  ExpectError(MappedFile::Open(directory.path()).status(), absl::StatusCode::kInvalidArgument,
              {directory.path(), "directory"});
  ExpectError(MappedFile::Open("/dev/null").status(), absl::StatusCode::kInvalidArgument,
              {"/dev/null", "no regular file"});
  EXPECT_FALSE(MappedFile::Open("").ok());
}

}  // namespace
}  // namespace strata
