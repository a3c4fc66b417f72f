#include "offload/checkpoint/checkpoint_index.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "offload/checkpoint/mapped_file.h"
#include "offload/checkpoint/safetensors_header.h"
#include "tests/offload/checkpoint/checkpoint_test_support.h"

namespace strata {
namespace {

constexpr char kIndex[] = "model.safetensors.index.json";

// A file of u8 tensors of four bytes each.
std::string FileOf(const std::vector<std::string>& names) {
  std::string json = "{";
  for (size_t i = 0; i < names.size(); ++i) {
    absl::StrAppend(&json, i == 0 ? "" : ",", "\"", names[i],
                    "\":{\"dtype\":\"U8\",\"shape\":[2,2],\"data_offsets\":[", 4 * i, ",",
                    4 * i + 4, "]}");
  }
  return SafetensorsBytes(json + "}", 4 * names.size());
}

std::vector<std::string> Names(const CheckpointIndex& index) {
  std::vector<std::string> names;
  for (const TensorRecord& tensor : index.tensors()) names.push_back(tensor.name);
  return names;
}

TEST(CheckpointIndexTest, OpensASingleFile) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("model.safetensors", FileOf({"b", "a"}));
  directory.Write("other.safetensors", "not looked at");
  directory.Write(kIndex, "not looked at");
  const auto index = CheckpointIndex::Open(directory.path());
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_EQ(index->files().size(), 1u);
  EXPECT_EQ(index->files()[0].path, path);
  EXPECT_EQ(index->files()[0].size_bytes, static_cast<int64_t>(std::filesystem::file_size(path)));
  EXPECT_EQ(Names(*index), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(index->tensor_bytes(), 8);
  const TensorRecord* tensor = index->Find("a");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->file_offset, index->files()[0].size_bytes - 4);
  EXPECT_EQ(tensor->bytes, 4);
  EXPECT_EQ(tensor->dtype, DType::kU8);
  EXPECT_EQ(tensor->shape, Shape({2, 2}));
  EXPECT_EQ(index->Find("c"), nullptr);
  EXPECT_EQ(index->Find(""), nullptr);
  ExpectError(index->Get("model.c").status(), absl::StatusCode::kNotFound,
              {directory.path(), "'model.c'"});
}

TEST(CheckpointIndexTest, OpensTheShardsOfAnIndex) {
  const TemporaryDirectory directory;
  directory.Write("s1.safetensors", FileOf({"a", "unlisted"}));
  directory.Write("s2.safetensors", FileOf({"b"}));
  directory.Write("consolidated.safetensors", FileOf({"a", "b"}));  // not in the index
  directory.Write(kIndex, R"({"metadata":{"total_size":12},
                             "weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
  const auto index = CheckpointIndex::Open(directory.path());
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(Names(*index), (std::vector<std::string>{"a", "b", "unlisted"}));
  EXPECT_EQ(index->files().size(), 2u);
  EXPECT_EQ(index->files()[static_cast<size_t>(index->Find("b")->file_index)].path,
            directory.Join("s2.safetensors"));
}

TEST(CheckpointIndexTest, OpensFilesWithoutAnIndex) {
  const TemporaryDirectory directory;
  directory.Write("x.safetensors", FileOf({"a"}));
  directory.Write("y.safetensors", FileOf({"b", "c"}));
  directory.Write("._x.safetensors", "a desktop's leftovers");
  directory.Write("y.safetensors.tmp.7", "a writer's leftovers");
  const auto index = CheckpointIndex::Open(directory.path());
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->files().size(), 2u);
  EXPECT_EQ(Names(*index), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(CheckpointIndexTest, FollowsTheLinksOfAHubCache) {
  const TemporaryDirectory directory;
  directory.Write("blobs/0123", FileOf({"a"}));
  std::filesystem::create_directories(directory.Join("snapshots/abc"));
  std::filesystem::create_symlink("../../blobs/0123",
                                  directory.Join("snapshots/abc/model.safetensors"));
  const auto index = CheckpointIndex::Open(directory.Join("snapshots/abc"));
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_NE(index->Find("a"), nullptr);
  // A blob that was deleted, or never arrived.
  std::filesystem::remove(directory.Join("blobs/0123"));
  ExpectError(CheckpointIndex::Open(directory.Join("snapshots/abc")).status(),
              absl::StatusCode::kNotFound, {"model.safetensors"});
}

TEST(CheckpointIndexTest, RefusesNamesOutsideTheDirectory) {
  for (const std::string file :
       {"../s.safetensors", "/etc/s.safetensors", "sub/s.safetensors", "./s.safetensors", "..", ".",
        "", "s.bin", "sub\\u0000/../s.safetensors", "s\\u0000.safetensors", "/.safetensors"}) {
    SCOPED_TRACE(file);
    const TemporaryDirectory directory;
    directory.Write("s.safetensors", FileOf({"w"}));
    directory.Write("sub/s.safetensors", FileOf({"w"}));
    directory.Write(kIndex, R"({"weight_map":{"w":")" + file + R"("}})");
    ExpectError(CheckpointIndex::Open(directory.path()).status(),
                absl::StatusCode::kInvalidArgument, {kIndex, "'w'", "plain name"});
  }
}

TEST(CheckpointIndexTest, RefusesMalformedIndexes) {
  for (const std::string json :
       {"", "{", "[]", "{}", R"({"weight_map":null})", R"({"weight_map":[]})",
        R"({"weight_map":{}})", R"({"weight_map":{"w":1}})", R"({"weight_map":{"w":["s"]}})",
        R"({"weight_map":{"w":"s.safetensors","w":"t.safetensors"}})", "null"}) {
    SCOPED_TRACE(json);
    const TemporaryDirectory directory;
    directory.Write("s.safetensors", FileOf({"w"}));
    directory.Write(kIndex, json);
    ExpectError(CheckpointIndex::Open(directory.path()).status(),
                absl::StatusCode::kInvalidArgument, {kIndex});
  }
}

TEST(CheckpointIndexTest, NamesWhatTheIndexAndTheShardsDisagreeOn) {
  const TemporaryDirectory directory;
  directory.Write("s1.safetensors", FileOf({"a"}));
  directory.Write("s2.safetensors", FileOf({"b"}));

  directory.Write(kIndex, R"({"weight_map":{"a":"s1.safetensors","b":"s3.safetensors"}})");
  ExpectError(CheckpointIndex::Open(directory.path()).status(), absl::StatusCode::kNotFound,
              {kIndex, "'s3.safetensors' is missing"});

  directory.Write(kIndex, R"({"weight_map":{"a":"s1.safetensors","c":"s2.safetensors"}})");
  ExpectError(CheckpointIndex::Open(directory.path()).status(), absl::StatusCode::kDataLoss,
              {kIndex, "'c'", "not in its shard", "s2.safetensors"});

  directory.Write(kIndex, R"({"weight_map":{"a":"s2.safetensors","b":"s1.safetensors"}})");
  ExpectError(CheckpointIndex::Open(directory.path()).status(), absl::StatusCode::kDataLoss,
              {kIndex, "'a'", "expected in", "s2.safetensors", "found in", "s1.safetensors"});

  directory.Write(kIndex, R"({"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
  directory.Write("s2.safetensors", FileOf({"b", "a"}));
  ExpectError(CheckpointIndex::Open(directory.path()).status(), absl::StatusCode::kDataLoss,
              {"'a' is in two files", "s1.safetensors", "s2.safetensors"});

  const std::string whole = FileOf({"b"});
  directory.Write("s2.safetensors", whole.substr(0, whole.size() - 1));
  ExpectError(CheckpointIndex::Open(directory.path()).status(), absl::StatusCode::kDataLoss,
              {"s2.safetensors", "'b'", "truncated"});
}

TEST(CheckpointIndexTest, RefusesATensorInTwoFilesWithoutAnIndex) {
  const TemporaryDirectory directory;
  directory.Write("x.safetensors", FileOf({"a"}));
  directory.Write("y.safetensors", FileOf({"a"}));
  ExpectError(CheckpointIndex::Open(directory.path()).status(), absl::StatusCode::kDataLoss,
              {"'a' is in two files", "x.safetensors", "y.safetensors"});
}

TEST(CheckpointIndexTest, NoticesAMissingNumberedShardWithoutAnIndex) {
  const TemporaryDirectory directory;
  directory.Write("model-00001-of-00003.safetensors", FileOf({"a"}));
  directory.Write("model-00003-of-00003.safetensors", FileOf({"c"}));
  ExpectError(CheckpointIndex::Open(directory.path()).status(), absl::StatusCode::kNotFound,
              {directory.path(), "'model-00002-of-00003.safetensors' is missing"});
  directory.Write("model-00002-of-00003.safetensors", FileOf({"b"}));
  const auto index = CheckpointIndex::Open(directory.path());
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->files().size(), 3u);
  // Names that only look numbered stand for themselves.
  directory.Write("best-of-7.safetensors", FileOf({"d"}));
  directory.Write("x-1-of-99999999999999999999.safetensors", FileOf({"e"}));
  directory.Write("x-y-of-z.safetensors", FileOf({"f"}));
  EXPECT_TRUE(CheckpointIndex::Open(directory.path()).ok());
}

TEST(CheckpointIndexTest, SaysWhatIsNeededInsteadOfPyTorchFiles) {
  for (const std::string name :
       {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"}) {
    const TemporaryDirectory directory;
    directory.Write(name, "x");
    ExpectError(CheckpointIndex::Open(directory.path()).status(),
                absl::StatusCode::kInvalidArgument,
                {directory.path(), "pytorch_model", "safetensors", "safe_serialization=True"});
  }
}

TEST(CheckpointIndexTest, NamesTheDirectoryThatHoldsNothing) {
  const TemporaryDirectory directory;
  ExpectError(CheckpointIndex::Open(directory.path()).status(), absl::StatusCode::kNotFound,
              {directory.path(), "no *.safetensors"});
  ExpectError(CheckpointIndex::Open(directory.Join("absent")).status(), absl::StatusCode::kNotFound,
              {directory.Join("absent")});
  const std::string file = directory.Write("file", "");
  EXPECT_FALSE(CheckpointIndex::Open(file).ok());
}

class RealCheckpointTest : public testing::TestWithParam<const char*> {};

TEST_P(RealCheckpointTest, EveryByteOfTheFileHasItsPlace) {
  const std::string directory = absl::StrCat(STRATA_SOURCE_DIR, "/../shared/models/", GetParam());
  if (!std::filesystem::exists(directory)) GTEST_SKIP() << directory << " is not there";
  const auto index = CheckpointIndex::Open(directory);
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_EQ(index->files().size(), 1u);
  const std::string& path = index->files()[0].path;
  const auto header = ReadSafetensorsHeader(path);
  ASSERT_TRUE(header.ok()) << header.status();
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(header->data_offset + index->tensor_bytes(), file->size_bytes());
  EXPECT_GT(index->tensors().size(), 10u);
  for (const TensorRecord& tensor : index->tensors()) {
    EXPECT_EQ(tensor.bytes, BytesOf(tensor.dtype, tensor.shape.NumElements())) << tensor.name;
    EXPECT_TRUE(file->Range(tensor.file_offset, tensor.bytes).ok()) << tensor.name;
  }
}

INSTANTIATE_TEST_SUITE_P(SharedModels, RealCheckpointTest,
                         testing::Values("stories260K", "aidreams260K", "capp-gpt2"));

TEST(RealTensorTest, NormWeightsOfStories260KAreThere) {
  const std::string directory = absl::StrCat(STRATA_SOURCE_DIR, "/../shared/models/stories260K");
  if (!std::filesystem::exists(directory)) GTEST_SKIP() << directory << " is not there";
  const auto index = CheckpointIndex::Open(directory);
  ASSERT_TRUE(index.ok()) << index.status();
  const auto tensor = index->Get("model.layers.0.self_attn.k_proj.weight");
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ((*tensor)->dtype, DType::kF32);
  EXPECT_EQ((*tensor)->shape, Shape({32, 64}));  // 4 kv heads of head_dim 8
}

}  // namespace
}  // namespace strata
