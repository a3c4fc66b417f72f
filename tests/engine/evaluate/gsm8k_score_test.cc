#include "engine/evaluate/gsm8k_score.h"

#include <gtest/gtest.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "absl/strings/str_cat.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr char kTarget[] = "She sells 9.\nShe makes 9 * 2 = $<<9*2=18>>18.\n#### 18";

TEST(Gsm8kScoreTest, AcceptsTheDataSetsOwnAnswer) {
  const Gsm8kScore score = ScoreGsm8k(kTarget, kTarget);
  EXPECT_TRUE(score.strict);
  EXPECT_TRUE(score.flexible);
  EXPECT_EQ(score.extracted_strict, "18");
  EXPECT_EQ(score.extracted_flexible, "18");
}

TEST(Gsm8kScoreTest, StrictTakesTheFirstMatchAndFlexibleTheLast) {
  const Gsm8kScore score = ScoreGsm8k("#### 18\n\nthen #### 7 in 2 days", kTarget);
  EXPECT_EQ(score.extracted_strict, "18");
  EXPECT_EQ(score.extracted_flexible, "2");
  EXPECT_TRUE(score.strict);
  EXPECT_FALSE(score.flexible);
}

TEST(Gsm8kScoreTest, NoMatchIsInvalid) {
  for (const char* completion : {"", "no number", "####", "#### ", "#### -", "- $ . , -"}) {
    const Gsm8kScore score = ScoreGsm8k(completion, kTarget);
    EXPECT_EQ(score.extracted_strict, "[invalid]") << completion;
    EXPECT_EQ(score.extracted_flexible, "[invalid]") << completion;
    EXPECT_FALSE(score.strict || score.flexible) << completion;
  }
}

TEST(Gsm8kScoreTest, ComparesTextNotNumbers) {
  for (const char* wrong : {"18.0", "18.00", "018", "18..", "+18", "1 8"}) {
    EXPECT_FALSE(ScoreGsm8k(absl::StrCat("#### ", wrong), kTarget).strict) << wrong;
  }
  for (const char* right : {"18", "18.", "1,8", "18 dollars", ",18", "18,"}) {
    EXPECT_TRUE(ScoreGsm8k(absl::StrCat("#### ", right), kTarget).strict) << right;
  }
  EXPECT_FALSE(ScoreGsm8k("#### $18", kTarget).strict);   // the strict pattern has no `$`
  EXPECT_TRUE(ScoreGsm8k("#### $18", kTarget).flexible);  // the flexible one has
  EXPECT_TRUE(ScoreGsm8k("#### 2,125", "#### 2125").strict);
  EXPECT_TRUE(ScoreGsm8k("#### 2125", "#### 2,125").strict);
  EXPECT_TRUE(ScoreGsm8k("#### -4", "#### -4").strict);
}

TEST(Gsm8kScoreTest, StrictNeedsItsMarkerExactly) {
  EXPECT_EQ(ExtractGsm8kStrict("###### 5", Gsm8kProtocol::kGsm8k), "5");
  EXPECT_EQ(ExtractGsm8kStrict("### 5", Gsm8kProtocol::kGsm8k), "[invalid]");
  EXPECT_EQ(ExtractGsm8kStrict("####5", Gsm8kProtocol::kGsm8k), "[invalid]");
  EXPECT_EQ(ExtractGsm8kStrict("####  5", Gsm8kProtocol::kGsm8k), "[invalid]");
  EXPECT_EQ(ExtractGsm8kStrict("#### x #### 5", Gsm8kProtocol::kGsm8k), "5");
  EXPECT_EQ(ExtractGsm8kStrict("#### --5", Gsm8kProtocol::kGsm8k), "[invalid]");
}

// gsm8k_cot's pattern ends in an unescaped dot that must match some character.
TEST(Gsm8kScoreTest, ChainOfThoughtPatternGivesItsLastCharacterBack) {
  const auto extract = [](absl::string_view text) {
    return ExtractGsm8kStrict(text, Gsm8kProtocol::kGsm8kCot);
  };
  EXPECT_EQ(extract("The answer is 18."), "18");
  EXPECT_EQ(extract("The answer is 18.\n"), "18");
  EXPECT_EQ(extract("The answer is 18 dollars"), "18");
  EXPECT_EQ(extract("The answer is 18"), "1");
  EXPECT_EQ(extract("The answer is 18\n"), "1");
  EXPECT_EQ(extract("The answer is -18"), "-1");
  EXPECT_EQ(extract("The answer is 8"), "[invalid]");
  EXPECT_EQ(extract("The answer is -8"), "[invalid]");
  EXPECT_EQ(extract("The answer is 8\nThe answer is 9."), "9");
  EXPECT_EQ(extract("The answer is 18.."), "18.");
  EXPECT_EQ(extract("the answer is 18."), "[invalid]");
}

TEST(Gsm8kScoreTest, ChainOfThoughtGoldIsWhatStandsBehindTheLastMark) {
  const auto is_right = [](absl::string_view target) {
    return ScoreGsm8k("The answer is 18.", target, Gsm8kProtocol::kGsm8kCot).strict;
  };
  EXPECT_TRUE(is_right("text\n#### 18"));
  EXPECT_TRUE(is_right("text\n####18 \n"));
  EXPECT_TRUE(is_right("18"));
  EXPECT_FALSE(is_right("text 18"));
}

// Traps that differ between scorers: the last match decides, whatever it looks like.
TEST(Gsm8kScoreTest, FlexibleTraps) {
  const std::array<std::pair<const char*, const char*>, 22> cases = {{
      {"so it is 18...", "18..."},
      {"it is 18 ...", "..."},
      {"10-12", "-12"},
      {"1e5", "5"},
      {"is 7.", "7."},
      {"is 7..", "7.."},
      {"$29.00", "$29.00"},
      {"-$5", "-$5"},
      {"- 5", "5"},
      {"18 in 2 days", "2"},
      {"5", "5"},
      {"-5", "-5"},
      {"--5", "-5"},
      {"5-", "5"},
      {"a.b 7 c,d $x", "7"},
      {"$$", "$$"},
      {"3.", "3."},
      {"x=1,000,000!", "1,000,000"},
      {"\xEF\xBC\x91\xEF\xBC\x98", "[invalid]"},  // full-width digits
      {"\xD9\xA1\xD9\xA8", "[invalid]"},          // Arabic digits
      {"\xE2\x88\x92"
       "18",
       "18"},  // U+2212 is no minus
      {"1\xC2\xA0"
       "8",
       "8"},  // a no-break space parts numbers
  }};
  for (const auto& [completion, extracted] : cases) {
    EXPECT_EQ(ExtractGsm8kFlexible(completion), extracted) << completion;
  }
  EXPECT_TRUE(ScoreGsm8k("is 18.", kTarget).flexible);
  EXPECT_FALSE(ScoreGsm8k("is 18...", kTarget).flexible);
  EXPECT_FALSE(ScoreGsm8k("is 18 ...", kTarget).flexible);
  EXPECT_FALSE(ScoreGsm8k("$29.00", "#### 29").flexible);
}

TEST(Gsm8kScoreTest, NormalizesInFourSteps) {
  EXPECT_EQ(NormalizeGsm8kAnswer("a #### 1 #### $2,5."), "25");
  EXPECT_EQ(NormalizeGsm8kAnswer("##,## 18"), "18");  // the comma goes first
  EXPECT_EQ(NormalizeGsm8kAnswer("a\nb #### 18.\n"), "18\n");
  EXPECT_EQ(NormalizeGsm8kAnswer(".\n."), ".\n");
  EXPECT_EQ(NormalizeGsm8kAnswer("..\n\n"), "..\n\n");
  EXPECT_EQ(NormalizeGsm8kAnswer("..."), "..");
  EXPECT_EQ(NormalizeGsm8kAnswer("[INVALID]"), "[invalid]");
  EXPECT_EQ(NormalizeGsm8kAnswer("####18"), "####18");
  EXPECT_EQ(NormalizeGsm8kAnswer(""), "");
}

// One of the harness's patterns under a matcher that backtracks as Python's does: a dot refuses
// "\n" and nothing else. (std::regex does not compile warning-free under the sanitizers.)
class Pattern {
 public:
  explicit Pattern(const char* pattern)
      : context_(pcre2_compile_context_create(nullptr), pcre2_compile_context_free),
        code_(nullptr, pcre2_code_free),
        match_(nullptr, pcre2_match_data_free) {
    pcre2_set_newline(context_.get(), PCRE2_NEWLINE_LF);
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, 0,
                              &error, &offset, context_.get()));
    STRATA_CHECK(code_ != nullptr, "the pattern is one of the harness's");
    match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }

  // The first non-empty group of every match, in order.
  std::vector<std::string> FindAll(const std::string& text) {
    std::vector<std::string> found;
    PCRE2_SIZE start = 0;
    while (pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start,
                       0, match_.get(), nullptr) > 0) {
      const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match_.get());
      size_t group = 1;
      while (ends[2 * group] == PCRE2_UNSET) ++group;
      found.push_back(text.substr(ends[2 * group], ends[2 * group + 1] - ends[2 * group]));
      start = ends[1];
    }
    return found;
  }

 private:
  std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context*)> context_;
  std::unique_ptr<pcre2_code, void (*)(pcre2_code*)> code_;
  std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match_;
};

std::string FirstOf(const std::vector<std::string>& found) {
  return found.empty() ? kGsm8kInvalid : found.front();
}

std::string LastOf(const std::vector<std::string>& found) {
  return found.empty() ? kGsm8kInvalid : found.back();
}

TEST(Gsm8kScoreTest, ScannersEqualThePatterns) {
  Pattern strict(R"(#### (\-?[0-9\.\,]+))");
  Pattern strict_cot(R"(The answer is (\-?[0-9\.\,]+).)");
  Pattern flexible(R"((-?[$0-9.,]{2,})|(-?[0-9]+))");
  constexpr std::array<const char*, 22> kPieces = {"#### ",
                                                   "####",
                                                   "#",
                                                   " ",
                                                   "The answer is ",
                                                   "The answer is",
                                                   "-",
                                                   ".",
                                                   ",",
                                                   "$",
                                                   "0",
                                                   "1",
                                                   "42",
                                                   "\n",
                                                   "a",
                                                   "7.",
                                                   "1,000",
                                                   "$5",
                                                   "\xC3\xA9",
                                                   "...",
                                                   "-3",
                                                   "\r"};
  std::mt19937 random(20240501);
  int num_matched = 0;
  for (int round = 0; round < 10000; ++round) {
    std::string text;
    const size_t num_pieces = random() % 12;
    for (size_t i = 0; i < num_pieces; ++i) text += kPieces[random() % kPieces.size()];
    const std::string extracted = ExtractGsm8kStrict(text, Gsm8kProtocol::kGsm8k);
    ASSERT_EQ(extracted, FirstOf(strict.FindAll(text))) << text;
    ASSERT_EQ(ExtractGsm8kStrict(text, Gsm8kProtocol::kGsm8kCot), FirstOf(strict_cot.FindAll(text)))
        << text;
    ASSERT_EQ(ExtractGsm8kFlexible(text), LastOf(flexible.FindAll(text))) << text;
    num_matched += extracted != kGsm8kInvalid ? 1 : 0;
  }
  EXPECT_GT(num_matched, 500);  // the texts are not all without an answer
}

TEST(Gsm8kScoreTest, LongTextsAreLinear) {
  const std::string digits(4 << 20, '1');
  EXPECT_EQ(ExtractGsm8kFlexible(digits).size(), digits.size());
  EXPECT_EQ(ExtractGsm8kStrict("#### " + digits, Gsm8kProtocol::kGsm8k).size(), digits.size());
  EXPECT_EQ(ExtractGsm8kStrict(std::string(4 << 20, '#'), Gsm8kProtocol::kGsm8k), "[invalid]");
}

// Four real models' answers to the whole test set, with their authors' verdicts.
TEST(Gsm8kScoreTest, ReproducesTheLabelsOfTheExampleSolutions) {
  const absl::StatusOr<std::string> text =
      ReadFile(STRATA_SOURCE_DIR "/../shared/data/gsm8k_example_model_solutions.jsonl");
  if (!text.ok()) GTEST_SKIP() << "the example solutions are not here: " << text.status();
  const absl::StatusOr<std::vector<nlohmann::json>> rows = ParseJsonLines(*text, "solutions");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 1319u);
  const std::array<std::pair<const char*, int>, 4> expected = {{{"6b_finetuning", 286},
                                                                {"6b_verification", 515},
                                                                {"175b_finetuning", 458},
                                                                {"175b_verification", 742}}};
  for (const auto& [model, num_expected] : expected) {
    int num_strict = 0;
    int num_flexible = 0;
    for (const nlohmann::json& row : *rows) {
      const auto remark = [](std::string solution) {  // their final line is "A: n"
        if (const size_t at = solution.rfind("A: "); at != std::string::npos) {
          solution.replace(at, 3, "#### ");
        }
        return solution;
      };
      const std::string solution = row[model]["solution"];
      const bool label = row[model]["is_correct"];
      const Gsm8kScore score =
          ScoreGsm8k(remark(solution), remark(row["ground_truth"].get<std::string>()));
      EXPECT_EQ(score.strict, label) << model << ": " << solution;
      EXPECT_EQ(score.flexible, label) << model << ": " << solution;
      num_strict += score.strict ? 1 : 0;
      num_flexible += score.flexible ? 1 : 0;
    }
    EXPECT_EQ(num_strict, num_expected) << model;
    EXPECT_EQ(num_flexible, num_expected) << model;
  }
}

TEST(Gsm8kProtocolTest, CutsAtTheEarliestStopString) {
  const std::vector<std::string> stops = Gsm8kStopStrings(Gsm8kProtocol::kGsm8k);
  EXPECT_EQ(stops, (std::vector<std::string>{"Question:", "</s>", "<|im_end|>"}));
  EXPECT_EQ(Gsm8kStopStrings(Gsm8kProtocol::kGsm8kCot).front(), "Q:");
  EXPECT_EQ(CutAtStopStrings("#### 18\n\nQuestion: x</s>", stops), "#### 18\n\n");
  EXPECT_EQ(CutAtStopStrings("a<|im_end|>b</s>c", stops), "a");
  EXPECT_EQ(CutAtStopStrings("no stop", stops), "no stop");
  EXPECT_EQ(CutAtStopStrings("Question:", stops), "");
  EXPECT_EQ(CutAtStopStrings("text", {std::string()}), "text");
}

TEST(Gsm8kProtocolTest, NamesRoundTrip) {
  EXPECT_EQ(*ParseGsm8kProtocol("gsm8k"), Gsm8kProtocol::kGsm8k);
  EXPECT_EQ(*ParseGsm8kProtocol("gsm8k_cot"), Gsm8kProtocol::kGsm8kCot);
  EXPECT_FALSE(ParseGsm8kProtocol("gsm8k_llama").ok());
}

}  // namespace
}  // namespace strata
