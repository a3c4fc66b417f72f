// Renders the vectors of huggingface.js's Jinja tests (beside a checkout, optional) and compares.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "kernels/base/file.h"
#include "models/text/chat_template.h"

namespace strata {
namespace {

constexpr char kVectors[] = STRATA_SOURCE_DIR "/../shared/conformance/chat_templates/";

struct Tally {
  int num_vectors = 0;
  std::map<std::string, std::string> failures;  // model -> why
};

// Renders each line of `file`; keys keep their order, which the templates print.
Tally RenderAll(const std::string& file) {
  Tally tally;
  const auto text = ReadFile(kVectors + file);
  EXPECT_TRUE(text.ok()) << text.status();
  if (!text.ok()) return tally;
  size_t begin = 0;
  while (begin < text->size()) {
    const size_t end = std::min(text->find('\n', begin), text->size());
    const auto row = nlohmann::ordered_json::parse(text->substr(begin, end - begin));
    begin = end + 1;
    ++tally.num_vectors;
    const std::string model = row["model"];
    const auto parsed = ChatTemplate::Parse(row["chat_template"].get<std::string>(), model);
    if (!parsed.ok()) {
      tally.failures[model] = parsed.status().ToString();
      continue;
    }
    const auto rendered =
        parsed->RenderVariables(row["data"].dump(), absl::CivilSecond(2025, 7, 10, 12, 0, 0));
    if (!rendered.ok()) {
      tally.failures[model] = rendered.status().ToString();
    } else if (*rendered != row["expected"].get<std::string>()) {
      tally.failures[model] =
          "rendered:\n" + *rendered + "\nexpected:\n" + row["expected"].get<std::string>();
    }
  }
  return tally;
}

TEST(ChatTemplateConformance, Core) {
  if (!std::filesystem::exists(kVectors)) GTEST_SKIP() << "no vectors at " << kVectors;
  const Tally tally = RenderAll("chat_templates_core.jsonl");
  EXPECT_EQ(tally.num_vectors, 23);
  for (const auto& [model, why] : tally.failures) ADD_FAILURE() << model << ": " << why;
}

TEST(ChatTemplateConformance, Other) {
  if (!std::filesystem::exists(kVectors)) GTEST_SKIP() << "no vectors at " << kVectors;
  // No exceptions are allowed: all 29 pass, the three that plain Jinja2 does not render
  // (transformers' generation tag, its JSON spacing) included.
  const Tally tally = RenderAll("chat_templates_other.jsonl");
  EXPECT_EQ(tally.num_vectors, 29);
  for (const auto& [model, why] : tally.failures) ADD_FAILURE() << model << ": " << why;
}

}  // namespace
}  // namespace strata
