#include "offload/checkpoint/safetensors_writer.h"

#include <cstring>
#include <utility>

#include "kernels/base/file.h"
#include "offload/checkpoint/safetensors_header.h"
#include "tests/offload/checkpoint/checkpoint_test_support.h"

namespace strata {
namespace {

absl::Span<const std::byte> Bytes(const std::string& text) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

std::vector<std::string> FilesIn(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

TEST(SafetensorsWriterTest, WritesWhatTheReaderReads) {
  const TemporaryDirectory directory;
  const std::string path = directory.Join("out.safetensors");
  const absl::Status status =
      WriteSafetensors(path,
                       {{"quote\" and \xc3\xa9", DType::kU8, Shape({3}), Bytes("uuu")},
                        {"b", DType::kBF16, Shape({2, 1}), Bytes("bbbb")},
                        {"empty", DType::kF32, Shape({0, 5}), {}},
                        {"scalar", DType::kF32, Shape(), Bytes("ffff")}},
                       {{"format", "pt"}});
  ASSERT_TRUE(status.ok()) << status;
  const auto header = ReadSafetensorsHeader(path);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->data_offset % 8, 0);
  EXPECT_EQ(header->metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
  const int64_t data = header->data_offset;
  const std::vector<SafetensorsTensor> expected = {
      {"empty", DType::kF32, Shape({0, 5}), data, 0},
      {"scalar", DType::kF32, Shape(), data, 4},
      {"b", DType::kBF16, Shape({2, 1}), data + 4, 4},
      {"quote\" and \xc3\xa9", DType::kU8, Shape({3}), data + 8, 3},
  };
  EXPECT_EQ(header->tensors, expected);
  const auto contents = ReadFile(path);
  ASSERT_TRUE(contents.ok());
  EXPECT_EQ(contents->substr(static_cast<size_t>(data)), "ffffbbbbuuu");
  EXPECT_EQ(FilesIn(directory.path()), (std::vector<std::string>{"out.safetensors"}));
}

TEST(SafetensorsWriterTest, WritesAFileWithoutTensors) {
  const TemporaryDirectory directory;
  const std::string path = directory.Join("out.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {}).ok());
  const auto header = ReadSafetensorsHeader(path);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_TRUE(header->tensors.empty());
}

TEST(SafetensorsWriterTest, AppearsOnlyAtCommit) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("out.safetensors", "the old file");
  {
    auto writer = SafetensorsWriter::Create(path, {{"a", DType::kU8, Shape({4})}}, {});
    ASSERT_TRUE(writer.ok()) << writer.status();
    SafetensorsWriter moved = *std::move(writer);
    ASSERT_TRUE(moved.Append(Bytes("12")).ok());
    ExpectError(moved.Commit(), absl::StatusCode::kFailedPrecondition, {path, "2 declared bytes"});
    ExpectError(moved.Append(Bytes("345")), absl::StatusCode::kInvalidArgument, {path, "2 left"});
  }
  EXPECT_EQ(*ReadFile(path), "the old file");
  EXPECT_EQ(FilesIn(directory.path()), (std::vector<std::string>{"out.safetensors"}));

  auto writer = SafetensorsWriter::Create(path, {{"a", DType::kU8, Shape({4})}}, {});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Append(Bytes("1")).ok());
  EXPECT_EQ(*ReadFile(path), "the old file");
  ASSERT_TRUE(writer->Append(Bytes("234")).ok());
  ASSERT_TRUE(writer->Commit().ok());
  EXPECT_TRUE(ReadSafetensorsHeader(path).ok());
  ExpectError(writer->Commit(), absl::StatusCode::kFailedPrecondition, {"committed already"});
}

TEST(SafetensorsWriterTest, NeverWritesWhatTheReaderRefuses) {
  const TemporaryDirectory directory;
  const std::string path = directory.Join("out.safetensors");
  const int64_t large = int64_t{1} << 32;
  const std::vector<std::vector<SafetensorsDeclaration>> table = {
      {{"a", DType::kU8, Shape({1})}, {"a", DType::kU8, Shape({1})}},
      {{"__metadata__", DType::kU8, Shape({0})}},
      {{"\xff", DType::kU8, Shape({1})}},
      {{"a", DType::kU8, Shape({large, large})}},
      {{"a", DType::kF32, Shape({int64_t{1} << 61})}},
      {{"a", DType::kU8, Shape({int64_t{1} << 62})}, {"b", DType::kU8, Shape({int64_t{1} << 62})}},
      {{"a", DType::kU8, Shape({large, large, 0})}},
  };
  for (size_t row = 0; row < table.size(); ++row) {
    SCOPED_TRACE(row);
    ExpectError(SafetensorsWriter::Create(path, table[row], {}).status(),
                absl::StatusCode::kInvalidArgument, {path});
  }
  EXPECT_FALSE(SafetensorsWriter::Create(path, {}, {{"k", "\xff"}}).ok());
  ExpectError(WriteSafetensors(path, {{"a", DType::kF32, Shape({2}), Bytes("1234")}}),
              absl::StatusCode::kInvalidArgument, {path, "'a'", "f32 [2]", "4 bytes"});
  EXPECT_TRUE(FilesIn(directory.path()).empty());
  ExpectError(WriteSafetensors(directory.Join("absent/out.safetensors"), {}),
              absl::StatusCode::kNotFound, {"absent"});
}

}  // namespace
}  // namespace strata
