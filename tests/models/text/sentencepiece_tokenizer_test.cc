// A SentencePiece model written by hand, byte by byte, right and wrong.

#include "models/text/sentencepiece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "models/text/tokenizer.h"
#include "tests/models/text/tokenizer_files.h"

namespace strata {
namespace {

using testing::HasSubstr;

std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}
std::string Bytes(int number, const std::string& bytes) {
  return Varint(static_cast<uint64_t>(number) << 3 | 2) + Varint(bytes.size()) + bytes;
}
std::string Integer(int number, uint64_t value) {
  return Varint(static_cast<uint64_t>(number) << 3) + Varint(value);
}
std::string Piece(const std::string& piece, float score, int type) {
  std::string bits(4, '\0');
  std::memcpy(bits.data(), &score, 4);
  return Bytes(1, Bytes(1, piece) + Varint(2 << 3 | 5) + bits + Integer(3, type));
}

constexpr int kNormal = 1, kUnknown = 2, kControl = 3;

std::string Pieces() {
  return Piece("<unk>", 0, kUnknown) + Piece("<s>", 0, kControl) + Piece("</s>", 0, kControl) +
         Piece("\u2581", -3, kNormal) + Piece("a", -3, kNormal) + Piece("b", -4, kNormal) +
         Piece("\u2581ab", -1, kNormal);
}
std::string Unigram() { return Bytes(2, Integer(3, 1)); }

absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const std::string& model,
                                                const std::string& config = "{}") {
  return Tokenizer::Load(WriteTokenizerFiles(
      TestName(), {{"tokenizer.model", model}, {"tokenizer_config.json", config}}));
}

TEST(SentencePieceTokenizerTest, EncodesWithBosUnlessT5) {
  const std::string model = Pieces() + Unigram() + Bytes(3, Bytes(1, "identity"));
  const auto llama = Load(model);
  ASSERT_TRUE(llama.ok()) << llama.status();
  EXPECT_EQ(*(*llama)->Encode("ab ab"), (std::vector<int32_t>{1, 6, 6}));
  EXPECT_EQ(*(*llama)->Encode("ab</s>"), (std::vector<int32_t>{1, 6, 2}));
  EXPECT_EQ((*llama)->Decode({1, 6, 6}), "<s> ab ab");
  EXPECT_EQ((*llama)->Decode({6, 5}), "abb");
  EXPECT_EQ((*llama)->bos_token(), "<s>");
  EXPECT_EQ((*llama)->eos_id(), 2);
  EXPECT_EQ((*llama)->unk_id(), 0);
  const auto t5 = Load(model, R"({"tokenizer_class": "T5Tokenizer"})");
  ASSERT_TRUE(t5.ok()) << t5.status();
  EXPECT_EQ(*(*t5)->Encode("ab"), (std::vector<int32_t>{6, 2}));
}

TEST(SentencePieceTokenizerTest, RefusesMalformedModels) {
  const std::string huge_map =
      std::string("\0\4\0\0", 4) + std::string(1020, '\0') + std::string("\xFF\xFF\xFF\x7F", 4);
  const std::pair<std::string, const char*> faults[] = {
      {"", "no pieces"},
      {"\x0A\xFF\xFF\xFF\xFF\x7F", "longer than the file"},
      {std::string(12, '\xFF'), "64 bits"},
      {"\x0F", "wire type"},
      {Piece("a", std::nanf(""), kNormal), "not finite"},
      {Pieces() + Unigram() + Bytes(3, Bytes(2, huge_map)), "precompiled_charsmap"},
      {Pieces() + Bytes(2, Integer(24, 1)), "treat_whitespace_as_suffix"},
      {Piece("a", 0, kNormal) + Piece("a", 0, kNormal), "tokenizer.model"},
  };
  for (const auto& [model, message] : faults) {
    const auto tokenizer = Load(model);
    ASSERT_FALSE(tokenizer.ok()) << message;
    EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr(message));
    EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr("tokenizer.model"));
  }
}

}  // namespace
}  // namespace strata
