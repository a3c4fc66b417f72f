#include "models/text/normalizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "models/text/precompiled_charsmap.h"

namespace strata {
namespace {

std::string Apply(const std::string& object, std::string text) {
  const auto normalizer = Normalizer::Create(nlohmann::json::parse(object), "test");
  EXPECT_TRUE(normalizer.ok()) << normalizer.status();
  if (!normalizer.ok()) return "";
  const absl::Status status = (*normalizer)->Apply(text);
  EXPECT_TRUE(status.ok()) << status;
  return text;
}

TEST(NormalizerTest, Steps) {
  EXPECT_EQ(Apply("null", "A "), "A ");
  EXPECT_EQ(Apply(R"({"type": "NFC"})", "e\u0301"), "\u00E9");
  EXPECT_EQ(Apply(R"({"type": "Lowercase"})", "\u00C9A"), "\u00E9a");
  EXPECT_EQ(Apply(R"({"type": "StripAccents"})", "e\u0301\u00E9"), "e\u00E9");
  EXPECT_EQ(Apply(R"({"type": "Nmt"})", "a\tb\u0001c\u200B"), "a bc ");
  EXPECT_EQ(Apply(R"({"type": "Prepend", "prepend": "_"})", "a"), "_a");
  EXPECT_EQ(Apply(R"({"type": "Prepend", "prepend": "_"})", ""), "");
  EXPECT_EQ(Apply(R"({"type": "Replace", "pattern": {"String": "aa"}, "content": "b"})", "aaa"),
            "ba");
  EXPECT_EQ(Apply(R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})", "a   b"),
            "a b");
}

TEST(NormalizerTest, Strip) {
  const auto strip = [](const char* left, const char* right, const std::string& text) {
    return Apply(std::string(R"({"type": "Strip", "strip_left": )") + left +
                     R"(, "strip_right": )" + right + "}",
                 text);
  };
  EXPECT_EQ(strip("true", "true", " a b\u3000"), "a b");
  EXPECT_EQ(strip("true", "false", " a "), "a ");
  EXPECT_EQ(strip("false", "true", " a "), " a");
  EXPECT_EQ(strip("false", "false", "  "), "  ");
  EXPECT_EQ(strip("true", "false", "  "), "");
}

// A double array of one block that maps "A" to a replacement: the child of unit 0 by 'A' is unit
// 'A', and its leaf lies at its own index ^ its offset.
std::string CharsmapOfA(uint32_t leaf_offset, uint32_t value, const std::string& replacements) {
  std::vector<uint32_t> units(256, 0);
  units[0] = 0;
  units['A'] = 'A' | (1u << 8) | (leaf_offset << 10);
  units['A' ^ (leaf_offset & 0xFF)] = 0x80000000u | value;
  std::string blob;
  const auto append = [&](uint32_t word) {
    for (int i = 0; i < 4; ++i) blob.push_back(static_cast<char>(word >> (8 * i)));
  };
  append(1024);
  for (const uint32_t unit : units) append(unit);
  return blob + replacements;
}

TEST(PrecompiledCharsmapTest, Maps) {
  const auto map = PrecompiledCharsmap::Create(CharsmapOfA(3, 0, std::string("xy\0", 3)), "test");
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->Apply("bA\u00E9A"), "bxy\u00E9xy");
  EXPECT_EQ(PrecompiledCharsmap::Create("", "test")->Apply("A"), "A");
}

TEST(PrecompiledCharsmapTest, LeadsNowhereOutside) {
  const std::string good = CharsmapOfA(3, 0, std::string("xy\0", 3));
  for (const size_t size : {1u, 3u, 4u, 5u, 1000u, 1027u}) {
    EXPECT_FALSE(PrecompiledCharsmap::Create(good.substr(0, size), "test").ok()) << size;
  }
  EXPECT_FALSE(PrecompiledCharsmap::Create(CharsmapOfA(4099, 0, "xy"), "test").ok());
  EXPECT_FALSE(PrecompiledCharsmap::Create(CharsmapOfA(3, 1 << 30, "xy"), "test").ok());
  EXPECT_FALSE(PrecompiledCharsmap::Create(CharsmapOfA(3, 1, "\u00E9"), "test").ok());
  EXPECT_FALSE(PrecompiledCharsmap::Create(CharsmapOfA(3, 0, "\xFF"), "test").ok());
}

}  // namespace
}  // namespace strata
