#include "offload/checkpoint/safetensors_header.h"

#include <sys/stat.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "tests/offload/checkpoint/checkpoint_test_support.h"

namespace strata {
namespace {

absl::StatusOr<SafetensorsHeader> Parse(const std::string& bytes) {
  return ParseSafetensorsHeader(bytes, static_cast<int64_t>(bytes.size()), "some.safetensors");
}

TEST(SafetensorsHeaderTest, ReadsTensorsInTheOrderOfTheirBytes) {
  const std::string json = R"({"__metadata__":{"format":"pt"},)"
                           R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},)"
                           R"("a":{"dtype":"F32","shape":[],"data_offsets":[12,16]},)"
                           R"("empty":{"dtype":"I64","shape":[4,0],"data_offsets":[16,16]}}   )";
  const auto header = Parse(SafetensorsBytes(json, 16));
  ASSERT_TRUE(header.ok()) << header.status();
  const int64_t data = 8 + static_cast<int64_t>(json.size());
  EXPECT_EQ(header->data_offset, data);
  EXPECT_EQ(header->metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
  const std::vector<SafetensorsTensor> expected = {
      {"b", DType::kBF16, Shape({2, 3}), data, 12},
      {"a", DType::kF32, Shape(), data + 12, 4},
      {"empty", DType::kI64, Shape({4, 0}), data + 16, 0},
  };
  EXPECT_EQ(header->tensors, expected);
}

TEST(SafetensorsHeaderTest, EmptyTensorsMayLieAnywhere) {
  const auto header =
      Parse(SafetensorsBytes(R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
      "e":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},
      "f":{"dtype":"F32","shape":[0,9],"data_offsets":[2,2]},
      "y":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                             3));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->tensors.size(), 4u);
}

TEST(SafetensorsHeaderTest, AcceptsAFileWithoutTensors) {
  const auto header = Parse(SafetensorsBytes("{}", 0));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_TRUE(header->tensors.empty());
}

TEST(SafetensorsHeaderTest, ReadsEveryDType) {
  for (const char* name : {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "I64", "I32", "I16",
                           "I8", "U64", "U32", "U16", "U8", "BOOL"}) {
    const auto dtype = DTypeFromSafetensors(name);
    ASSERT_TRUE(dtype.ok()) << name;
    const int64_t bytes = BytesOf(*dtype, 3);
    const auto header =
        Parse(SafetensorsBytes(absl::StrCat(R"({"t":{"dtype":")", name,
                                            R"(","shape":[3],"data_offsets":[0,)", bytes, "]}}"),
                               static_cast<size_t>(bytes)));
    ASSERT_TRUE(header.ok()) << name << ": " << header.status();
    EXPECT_EQ(header->tensors[0].dtype, *dtype);
  }
}

// The time must not grow with the square of the number of tensors: with one that does, this test
// runs for many minutes.
TEST(SafetensorsHeaderTest, ReadsHeadersOfManyTensors) {
  std::string json = "{";
  for (int i = 0; i < 100000; ++i) {
    absl::StrAppend(&json, i == 0 ? "" : ",", "\"experts.", i,
                    R"(":{"dtype":"U8","shape":[1],"data_offsets":[)", i, ",", i + 1, "]}");
  }
  const auto header = Parse(SafetensorsBytes(json + "}", 100000));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->tensors.size(), 100000u);
}

struct MalformedHeader {
  const char* what;
  std::string json;
  size_t data_bytes;
  std::vector<std::string> message_parts;
  absl::StatusCode code = absl::StatusCode::kDataLoss;
};

std::string OneTensor(const std::string& entry) { return R"({"layer.w":)" + entry + "}"; }

TEST(SafetensorsHeaderTest, RefusesMalformedHeaders) {
  const std::string nested = std::string(5000, '[') + std::string(5000, ']');
  const std::vector<MalformedHeader> table = {
      // The document.
      {"empty", "", 0, {"does not begin with '{'"}},
      {"leading space", " {}", 0, {"does not begin with '{'"}},
      {"an array", "[]", 0, {"does not begin with '{'"}},
      {"cut short", R"({"a":)", 0, {"not valid JSON"}},
      {"garbage behind", "{}x", 0, {"not valid JSON"}},
      {"two documents", "{}{}", 0, {"not valid JSON"}},
      {"a NUL byte", std::string("{}\0", 3), 0, {"not valid JSON"}},
      {"not UTF-8", "{\"\xff\":{}}", 0, {"not valid JSON"}},
      {"deep", "{\"a\":" + nested + "}", 0, {"not valid JSON"}},
      {"a comment", "{/**/}", 0, {"not valid JSON"}},
      {"NaN", OneTensor(R"({"dtype":"U8","shape":[NaN],"data_offsets":[0,1]})"), 1, {"JSON"}},
      // Entries.
      {"null entry", OneTensor("null"), 0, {"'layer.w'", "expected an object"}},
      {"number entry", OneTensor("3"), 0, {"'layer.w'", "expected an object"}},
      {"array entry", OneTensor("[]"), 0, {"'layer.w'", "expected an object"}},
      {"empty entry", OneTensor("{}"), 0, {"'layer.w'", "'dtype' is missing"}},
      {"extra key",
       OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1],"scale":2})"),
       1,
       {"'layer.w'", "unexpected key 'scale'"}},
      {"duplicate name",
       R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                             "a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       2,
       {"duplicate key 'a'"}},
      {"duplicate key",
       OneTensor(R"({"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]})"),
       1,
       {"duplicate key 'dtype'"}},
      // dtype.
      {"numeric dtype",
       OneTensor(R"({"dtype":3,"shape":[1],"data_offsets":[0,1]})"),
       1,
       {"'layer.w'", "'dtype'"}},
      {"unknown dtype",
       OneTensor(R"({"dtype":"F4","shape":[2],"data_offsets":[0,1]})"),
       1,
       {"'layer.w'", "unknown dtype 'F4'"},
       absl::StatusCode::kUnimplemented},
      {"lower-case dtype",
       OneTensor(R"({"dtype":"f32","shape":[1],"data_offsets":[0,4]})"),
       4,
       {"'layer.w'", "unknown dtype 'f32'"},
       absl::StatusCode::kUnimplemented},
      // shape.
      {"no shape",
       OneTensor(R"({"dtype":"U8","data_offsets":[0,1]})"),
       1,
       {"'layer.w'", "'shape'"}},
      {"scalar shape",
       OneTensor(R"({"dtype":"U8","shape":1,"data_offsets":[0,1]})"),
       1,
       {"'shape'"}},
      {"negative extent",
       OneTensor(R"({"dtype":"U8","shape":[-1],"data_offsets":[0,1]})"),
       1,
       {"'layer.w'", "'shape'", "non-negative"}},
      {"two negative extents",
       OneTensor(R"({"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]})"),
       1,
       {"'shape'", "non-negative"}},
      {"fraction extent",
       OneTensor(R"({"dtype":"U8","shape":[1.0],"data_offsets":[0,1]})"),
       1,
       {"'shape'"}},
      {"text extent",
       OneTensor(R"({"dtype":"U8","shape":["1"],"data_offsets":[0,1]})"),
       1,
       {"'shape'"}},
      {"true extent",
       OneTensor(R"({"dtype":"U8","shape":[true],"data_offsets":[0,1]})"),
       1,
       {"'shape'"}},
      {"extent above int64",
       OneTensor(R"({"dtype":"U8","shape":[9223372036854775808],
                                            "data_offsets":[0,1]})"),
       1,
       {"'shape'"}},
      {"extent above uint64",
       OneTensor(R"({"dtype":"U8","shape":[99999999999999999999],
                                             "data_offsets":[0,1]})"),
       1,
       {"'shape'"}},
      {"product wraps to 0",
       OneTensor(R"({"dtype":"U8","shape":[4294967296,4294967296],
                                            "data_offsets":[0,0]})"),
       0,
       {"'layer.w'", "overflows"}},
      {"bytes wrap to 0",
       OneTensor(R"({"dtype":"F32","shape":[4611686018427387904],
                                        "data_offsets":[0,0]})"),
       0,
       {"overflows"}},
      {"product overflows before a 0",
       OneTensor(R"({"dtype":"U8","shape":[4294967296,4294967296,0],
                                                      "data_offsets":[0,0]})"),
       0,
       {"overflows"}},
      {"product overflows behind a 0",
       OneTensor(R"({"dtype":"U8","shape":[0,4294967296,4294967296],
                                                      "data_offsets":[0,0]})"),
       0,
       {"overflows"}},
      {"rank 7",
       OneTensor(R"({"dtype":"U8","shape":[1,1,1,1,1,1,1],"data_offsets":[0,1]})"),
       1,
       {"'layer.w'", "rank 7"},
       absl::StatusCode::kUnimplemented},
      // data_offsets.
      {"no offsets",
       OneTensor(R"({"dtype":"U8","shape":[1]})"),
       1,
       {"'layer.w'", "'data_offsets'"}},
      {"one offset",
       OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":[0]})"),
       1,
       {"'data_offsets'"}},
      {"three offsets",
       OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1,2]})"),
       1,
       {"'data_offsets'"}},
      {"object offsets",
       OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":{"0":0}})"),
       1,
       {"'data_offsets'"}},
      {"negative offset",
       OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":[-1,0]})"),
       1,
       {"'data_offsets'"}},
      {"backwards",
       OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":[1,0]})"),
       1,
       {"'layer.w'", "backwards"}},
      {"too few bytes",
       OneTensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"),
       4,
       {"'layer.w'", "span 4 bytes", "f32 [2] has 8"}},
      {"too many bytes",
       OneTensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,12]})"),
       12,
       {"span 12 bytes", "has 8"}},
      {"outside the file",
       OneTensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"),
       7,
       {"'layer.w'", "truncated", "ends at data byte 8", "holds only 7"}},
      {"far outside",
       OneTensor(R"({"dtype":"U8","shape":[1],
                                   "data_offsets":[9223372036854775806,9223372036854775807]})"),
       1,
       {"truncated"}},
      // The tiling.
      {"hole in front",
       OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":[1,2]})"),
       2,
       {"incomplete metadata", "1 bytes before tensor 'layer.w'"}},
      {"hole between",
       R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                           "b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})",
       4,
       {"incomplete metadata", "2 bytes before tensor 'b'"}},
      {"bytes behind",
       OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})"),
       4,
       {"incomplete metadata", "last 3 bytes"}},
      {"data without tensors", "{}", 1, {"incomplete metadata", "last 1 bytes"}},
      {"overlap",
       R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                      "b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
       3,
       {"tensor 'b' overlaps tensor 'a'"}},
      {"the same bytes twice",
       R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                                   "b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
       2,
       {"overlaps"}},
      {"one inside another",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
                                 "b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       4,
       {"tensor 'b' overlaps tensor 'a'"}},
      {"empty tensor inside another",
       R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
                                          "b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}})",
       4,
       {"tensor 'b' overlaps tensor 'a'"}},
      // __metadata__.
      {"metadata text", R"({"__metadata__":"x"})", 0, {"'__metadata__'", "object of strings"}},
      {"metadata null", R"({"__metadata__":null})", 0, {"'__metadata__'", "object of strings"}},
      {"metadata number",
       R"({"__metadata__":{"version":1}})",
       0,
       {"'__metadata__'", "'version'", "expected a string"}},
      {"metadata nested", R"({"__metadata__":{"a":{"b":"c"}}})", 0, {"'a'", "expected a string"}},
      {"metadata as a tensor",
       R"({"__metadata__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
       1,
       {"'__metadata__'", "expected a string"}},
  };
  for (const MalformedHeader& row : table) {
    SCOPED_TRACE(row.what);
    const auto header = Parse(SafetensorsBytes(row.json, row.data_bytes));
    std::vector<std::string> parts = row.message_parts;
    parts.push_back("some.safetensors");
    ExpectError(header.status(), row.code, parts);
    EXPECT_LT(header.status().message().size(), 1000u);
  }
}

TEST(SafetensorsHeaderTest, RefusesBadLengths) {
  const std::string good = SafetensorsBytes("{}", 0);
  for (size_t size = 0; size < good.size(); ++size) {
    SCOPED_TRACE(size);
    ExpectError(Parse(good.substr(0, size)).status(), absl::StatusCode::kDataLoss,
                {"some.safetensors"});
  }
  // The length itself, little-endian, from one byte too long to all ones.
  for (const std::string& length :
       {std::string("\x03\0\0\0\0\0\0\0", 8), std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8),
        std::string("\0\0\0\0\0\0\0\x80", 8), std::string(8, '\xff'),
        std::string("\0\0\0\0\0\0\0\0", 8)}) {
    ExpectError(Parse(length + "{}").status(), absl::StatusCode::kDataLoss, {"some.safetensors"});
  }
  // A header above the bound is refused before anything of its size is touched.
  const std::string large("\x01\xe1\xf5\x05\0\0\0\0", 8);  // 100'000'001
  ExpectError(ParseSafetensorsHeader(large, std::numeric_limits<int64_t>::max(), "x").status(),
              absl::StatusCode::kDataLoss, {"100000001 is above 100000000"});
  // The file is long enough, but the caller's bytes are not.
  ExpectError(ParseSafetensorsHeader(good.substr(0, 9), 10, "x").status(),
              absl::StatusCode::kDataLoss, {"truncated"});
}

TEST(SafetensorsHeaderTest, EveryTruncationOfAFileIsAnError) {
  const std::string file = SafetensorsBytes(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})",
      11);
  ASSERT_TRUE(Parse(file).ok());
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_EQ(Parse(file.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_FALSE(Parse(file + "x").ok());
}

TEST(SafetensorsHeaderTest, ShowsHostileNamesEscapedAndShortened) {
  const std::string name = "\\u001b[31m" + std::string(5000, 'n');
  const auto header = Parse(SafetensorsBytes("{\"" + name + "\":1}", 0));
  ExpectError(header.status(), absl::StatusCode::kDataLoss, {"\\x1b[31m", "nnn...'"});
  EXPECT_LT(header.status().message().size(), 400u);
  EXPECT_THAT(std::string(header.status().message()), testing::Not(testing::HasSubstr("\x1b")));
}

TEST(SafetensorsHeaderTest, NamesGitLfsPointers) {
  ExpectError(Parse("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n").status(),
              absl::StatusCode::kDataLoss, {"Git LFS pointer", "git lfs pull"});
}

TEST(ReadSafetensorsHeaderTest, ReadsOnlyTheHeaderOfAFile) {
  const TemporaryDirectory directory;
  const std::string json =
      R"({"w":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}})";
  const std::string path = directory.Write("big.safetensors", SafetensorsBytes(json, 0));
  ExpectError(ReadSafetensorsHeader(path).status(), absl::StatusCode::kDataLoss,
              {path, "'w'", "truncated"});
  // A terabyte of holes: nothing but its header can have been read.
  std::error_code error;
  std::filesystem::resize_file(path, 8 + json.size() + (uintmax_t{1} << 40), error);
  if (error) GTEST_SKIP() << "no sparse file of a terabyte here: " << error.message();
  const auto header = ReadSafetensorsHeader(path);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->tensors[0].bytes, int64_t{1} << 40);
}

TEST(ReadSafetensorsHeaderTest, RefusesWhatIsNoFile) {
  const TemporaryDirectory directory;
  ExpectError(ReadSafetensorsHeader(directory.Join("absent")).status(), absl::StatusCode::kNotFound,
              {"absent"});
  ExpectError(ReadSafetensorsHeader(directory.path()).status(), absl::StatusCode::kInvalidArgument,
              {"directory"});
  const std::string pipe = directory.Join("pipe.safetensors");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  ExpectError(ReadSafetensorsHeader(pipe).status(), absl::StatusCode::kInvalidArgument,
              {"no regular file"});
  ExpectError(ReadSafetensorsHeader(directory.Write("empty", "")).status(),
              absl::StatusCode::kDataLoss, {"0 bytes are too few"});
}

}  // namespace
}  // namespace strata
