#include "tests/models/text/tokenizer_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace strata {

std::string WriteTokenizerFiles(const std::string& name,
                                const std::map<std::string, std::string>& files) {
  namespace fs = std::filesystem;
  const fs::path directory = fs::path(testing::TempDir()) / ("strata_text_" + name);
  fs::remove_all(directory);
  fs::create_directories(directory);
  for (const auto& [file, contents] : files) {
    std::ofstream(directory / file, std::ios::binary) << contents;
  }
  return directory.string();
}

std::string TestName() {
  const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(info->test_suite_name()) + "_" + info->name();
  for (char& c : name) {
    if (c == '/') c = '_';
  }
  return name;
}

nlohmann::json LlamaLikeJson() {
  nlohmann::json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  constexpr char kHexDigits[] = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    vocab[std::string("<0x") + kHexDigits[byte / 16] + kHexDigits[byte % 16] + ">"] = 3 + byte;
  }
  int id = 259;
  for (const char* token : {"\xE2\x96\x81", "h", "e", "l", "o", "w", "r", "d", ".", "\xE2\x96\x81h",
                            "el", "lo", "\xE2\x96\x81hel", "\xE2\x96\x81hello"}) {
    vocab[token] = id++;
  }
  const auto added = [](int added_id, const char* content) {
    return nlohmann::json{{"id", added_id},  {"content", content}, {"single_word", false},
                          {"lstrip", false}, {"rstrip", false},    {"normalized", false},
                          {"special", true}};
  };
  return {
      {"version", "1.0"},
      {"added_tokens", {added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")}},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         {{{"type", "Prepend"}, {"prepend", "\xE2\x96\x81"}},
          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xE2\x96\x81"}}}}}},
      {"pre_tokenizer", nullptr},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"pair", nlohmann::json::array()},
        {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}}},
      {"decoder",
       {{"type", "Sequence"},
        {"decoders",
         {{{"type", "Replace"}, {"pattern", {{"String", "\xE2\x96\x81"}}}, {"content", " "}},
          {{"type", "ByteFallback"}},
          {{"type", "Fuse"}},
          {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"fuse_unk", true},
        {"byte_fallback", true},
        {"vocab", vocab},
        {"merges", {"\xE2\x96\x81 h", "e l", "l o", "\xE2\x96\x81h el", "\xE2\x96\x81hel lo"}}}},
  };
}

}  // namespace strata
