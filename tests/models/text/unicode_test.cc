#include "models/text/unicode.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

using State = Utf8Character::State;

TEST(UnicodeTest, ReadsCharacters) {
  EXPECT_EQ(ReadUtf8("a", 0).code_point, U'a');
  EXPECT_EQ(ReadUtf8("\xF0\x9F\x98\x80", 0).code_point, char32_t{0x1F600});
  EXPECT_EQ(ReadUtf8("\xF0\x9F\x98", 0).state, State::kIncomplete);
  EXPECT_EQ(ReadUtf8("\xF0\x9F\x98", 0).num_bytes, 3);
  EXPECT_EQ(ReadUtf8("\xF0\x9Fz", 0).state, State::kInvalid);
  EXPECT_EQ(ReadUtf8("\xF0\x9Fz", 0).num_bytes, 2);
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80",
                          "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(ReadUtf8(bad, 0).state, State::kInvalid);
    EXPECT_EQ(ReadUtf8(bad, 0).num_bytes, 1);
  }
}

TEST(UnicodeTest, ReplacesInvalidBytes) {
  EXPECT_EQ(ValidUtf8("a\xF0\x9F\x98z\x80"), "a\uFFFDz\uFFFD");
  std::string out;
  EXPECT_EQ(AppendUtf8Lossy("\xF0\x9F", InvalidBytes::kOnePerByte, TextEnd::kOpen, out), 0u);
  EXPECT_EQ(out, "");
  EXPECT_EQ(AppendUtf8Lossy("\xF0\x9F", InvalidBytes::kOnePerByte, TextEnd::kClosed, out), 2u);
  EXPECT_EQ(out, "\uFFFD\uFFFD");
  EXPECT_TRUE(IsValidUtf8("\u00E9"));
  EXPECT_FALSE(IsValidUtf8("\xC3"));
}

TEST(UnicodeTest, Classes) {
  EXPECT_TRUE(IsWhitespace(0x85));
  EXPECT_FALSE(IsWhitespace(0x180E));
  EXPECT_TRUE(IsPunctuation('$'));  // all of ASCII's
  EXPECT_FALSE(IsPunctuation(0x20AC));
  EXPECT_TRUE(IsNumeric(0x00BD));
  EXPECT_TRUE(IsCombiningMark(0x0301));
  EXPECT_TRUE(IsWord('_'));
  EXPECT_TRUE(IsWord(0x24B6));
  EXPECT_FALSE(IsWord('-'));
}

TEST(UnicodeTest, Normalization) {
  EXPECT_EQ(Normalize("e\u0301", NormalForm::kNfc), "\u00E9");
  EXPECT_EQ(Normalize("\u00E9", NormalForm::kNfd), "e\u0301");
  EXPECT_EQ(Normalize("\uFB01", NormalForm::kNfkc), "fi");
  EXPECT_EQ(Normalize("\uFB01", NormalForm::kNfc), "\uFB01");
  EXPECT_EQ(Normalize("\uFF21\u00E9", NormalForm::kNfkd), "Ae\u0301");
  const std::string with_zero("\u00E9\0x", 4);
  EXPECT_EQ(Normalize(with_zero, NormalForm::kNfc), with_zero);
  EXPECT_EQ(Lowercase("\u0130\u00C9Z\u03A3"), "i\u0307\u00E9z\u03C3");
}

TEST(UnicodeTest, Graphemes) {
  EXPECT_EQ(GraphemeLength("e\u0301x"), 3u);
  EXPECT_EQ(GraphemeLength("\r\nx"), 2u);
  EXPECT_EQ(GraphemeLength("ab"), 1u);
}

}  // namespace
}  // namespace strata
