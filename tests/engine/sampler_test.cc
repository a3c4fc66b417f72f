#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <random>

namespace strata {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::map<int32_t, int> Histogram(SamplingParams sampling, const std::vector<float>& logits,
                                 int num_draws) {
  std::map<int32_t, int> counts;
  for (int i = 0; i < num_draws; ++i) {
    sampling.seed = static_cast<uint64_t>(i);
    Sampler sampler(sampling, {});
    ++counts[sampler.Sample(logits)];
  }
  return counts;
}

TEST(ArgMaxTest, PrefersTheLowerIndexOnATieAndNeverNaN) {
  EXPECT_EQ(ArgMax({1.0f, 3.0f, 3.0f}), 1);
  EXPECT_EQ(ArgMax({NAN, -2.0f, NAN}), 1);
  EXPECT_EQ(ArgMax({-kInfinity, -kInfinity}), 0);
}

TEST(SamplerTest, GreedyTakesTheHighestLogit) {
  Sampler sampler({}, {});
  EXPECT_EQ(sampler.Sample({0.0f, 5.0f, 4.9f}), 1);
}

TEST(SamplerTest, DrawsFollowTheSoftmax) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  const std::map<int32_t, int> counts = Histogram({.temperature = 1.0}, logits, 20000);
  EXPECT_NEAR(counts.at(0) / 20000.0, 0.5, 0.015);
  EXPECT_NEAR(counts.at(1) / 20000.0, 0.3, 0.015);
  EXPECT_NEAR(counts.at(2) / 20000.0, 0.2, 0.015);
}

TEST(SamplerTest, TemperatureSharpens) {
  const std::vector<float> logits = {std::log(0.6f), std::log(0.4f)};
  const std::map<int32_t, int> counts = Histogram({.temperature = 0.5}, logits, 20000);
  EXPECT_NEAR(counts.at(0) / 20000.0, 0.36 / (0.36 + 0.16), 0.015);
}

TEST(SamplerTest, TopKTopPAndMinPCutTheTail) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f),
                                     std::log(0.05f)};
  EXPECT_EQ(Histogram({.temperature = 1.0, .top_k = 2}, logits, 3000).size(), 2u);
  // 0.5 + 0.3 = 0.8 is short of 0.9: the third is in, the fourth is not.
  EXPECT_EQ(Histogram({.temperature = 1.0, .top_p = 0.9}, logits, 3000).size(), 3u);
  EXPECT_EQ(Histogram({.temperature = 1.0, .top_p = 0.01}, logits, 3000).size(), 1u);
  // min_p 0.2 of 0.5 is 0.1.
  EXPECT_EQ(Histogram({.temperature = 1.0, .min_p = 0.2}, logits, 3000).size(), 3u);
}

TEST(SamplerTest, TopKKeepsLowerIdsOnATie) {
  const std::vector<float> logits = {1.0f, 1.0f, 1.0f, 1.0f};
  for (const auto& [id, count] : Histogram({.temperature = 1.0, .top_k = 2}, logits, 500)) {
    EXPECT_LT(id, 2);
    EXPECT_GT(count, 0);
  }
}

TEST(SamplerTest, RepetitionPenaltyPushesSeenTokensDownWhateverTheirSign) {
  const std::vector<int32_t> prompt = {0, 1};
  Sampler sampler({.repetition_penalty = 2.0}, prompt);
  EXPECT_EQ(sampler.Sample({2.0f, -1.0f, 1.5f}), 2);    // 1.0, -2.0, 1.5
  EXPECT_EQ(sampler.Sample({-1.0f, -1.0f, -0.6f}), 2);  // -2.0, -2.0, -1.2: the penalised output
  EXPECT_EQ(sampler.Sample({-1.0f, -1.0f, -1.1f}), 0);  // -2.0, -2.0, -2.2
}

TEST(SamplerTest, PresenceCountsOnceAndFrequencyEveryTime) {
  Sampler presence({.presence_penalty = 1.0}, {});
  EXPECT_EQ(presence.Sample({2.0f, 0.5f}), 0);
  EXPECT_EQ(presence.Sample({2.0f, 0.5f}), 0);  // 1.0 and 0.5
  EXPECT_EQ(presence.Sample({2.0f, 0.5f}), 0);  // still 1.0
  Sampler frequency({.frequency_penalty = 1.0}, {});
  EXPECT_EQ(frequency.Sample({2.0f, 0.5f}), 0);
  EXPECT_EQ(frequency.Sample({2.0f, 0.5f}), 0);
  EXPECT_EQ(frequency.Sample({2.0f, 0.5f}), 1);  // 0.0 and 0.5
}

TEST(SamplerTest, TheSameSeedGivesTheSameStream) {
  const std::vector<float> logits(50, 0.0f);
  Sampler a({.temperature = 1.0, .seed = 3}, {});
  Sampler b({.temperature = 1.0, .seed = 3}, {});
  Sampler c({.temperature = 1.0, .seed = 4}, {});
  int num_different = 0;
  for (int i = 0; i < 40; ++i) {
    const int32_t token = a.Sample(logits);
    EXPECT_EQ(token, b.Sample(logits));
    num_different += token != c.Sample(logits) ? 1 : 0;
  }
  EXPECT_GT(num_different, 30);
}

// A stream of draws from rows of a random walk, from the candidates where they decide.
struct CandidateDraws {
  int num_decided = 0;
  int num_drawn = 0;
};

// Draws with the same seed from whole rows and from candidates, and expects the same tokens.
CandidateDraws ExpectCandidatesGiveTheSame(const SamplingParams& sampling, size_t vocab_size,
                                           double spread) {
  const std::vector<int32_t> prompt = {0, 1, 2, 3};
  Sampler by_row(sampling, prompt);
  Sampler by_candidates(sampling, prompt);
  std::mt19937 random(static_cast<uint32_t>(vocab_size));
  std::normal_distribution<float> normal(0.0f, static_cast<float>(spread));
  CandidateDraws draws;
  for (int i = 0; i < 60; ++i) {
    std::vector<float> logits(vocab_size);
    // Coarse steps: ties are common.
    for (float& logit : logits) logit = std::round(8.0f * normal(random)) / 8.0f;
    const int32_t expected = by_row.Sample(logits);
    ++draws.num_drawn;
    const std::optional<float> temperature = by_candidates.candidate_temperature();
    std::optional<int32_t> token;
    if (temperature.has_value()) {
      const std::vector<TokenLogprob> top = TopLogprobs(logits, kNumCandidates);
      std::vector<int32_t> ids;
      std::vector<float> values;
      for (const TokenLogprob& each : top) {
        ids.push_back(each.token_id);
        values.push_back(logits[static_cast<size_t>(each.token_id)]);
      }
      double mass = 0.0;
      for (const float logit : logits) mass += std::exp((logit - values[0]) / double{*temperature});
      token = by_candidates.Sample(TokenCandidates{.ids = ids,
                                                   .logits = values,
                                                   .mass = static_cast<float>(mass),
                                                   .vocab_size = static_cast<int64_t>(vocab_size)});
    }
    if (token.has_value()) ++draws.num_decided;
    if (!token.has_value()) token = by_candidates.Sample(logits);
    EXPECT_EQ(*token, expected) << "draw " << i;
  }
  return draws;
}

TEST(SamplerTest, CandidatesGiveTheTokenOfTheWholeRow) {
  struct Case {
    const char* name;
    SamplingParams sampling;
    double spread = 2.0;
    int least_decided = 60;
    int most_decided = 60;
  };
  const Case cases[] = {
      {"greedy", {}},
      {"top-k", {.temperature = 0.8, .top_k = 50}},
      {"top-k and top-p", {.temperature = 1.3, .top_k = 128, .top_p = 0.7}},
      {"narrow nucleus", {.temperature = 0.5, .top_p = 0.9}, 4.0},
      {"wide nucleus", {.temperature = 1.5, .top_p = 0.95}, 1.0, 0, 0},
      {"min-p", {.temperature = 1.0, .min_p = 0.1}, 2.0, 50, 60},
      {"min-p that cuts what top-p would keep", {.temperature = 1.0, .top_p = 0.99, .min_p = 0.2}},
      {"min-p below the candidates", {.temperature = 2.0, .min_p = 0.001}, 1.0, 0, 0},
      {"everything", {.temperature = 1.0}, 2.0, 10, 59},
      {"everything, sharp", {.temperature = 0.3}, 4.0},
      {"lowering penalties, greedy",
       {.repetition_penalty = 1.3, .presence_penalty = 0.5, .frequency_penalty = 0.2}},
      {"lowering penalties, top-k", {.temperature = 0.9, .top_k = 40, .frequency_penalty = 1.0}},
      {"lowering penalties, unbounded", {.temperature = 0.9, .repetition_penalty = 1.1}, 2.0, 0, 0},
      {"raising penalty", {.presence_penalty = -0.5}, 2.0, 0, 0},
      {"top-k of more", {.temperature = 1.0, .top_k = 200}, 2.0, 0, 0},
      {"tiny temperature", {.temperature = 1e-9}, 2.0, 0, 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const CandidateDraws draws = ExpectCandidatesGiveTheSame(c.sampling, 3000, c.spread);
    EXPECT_GE(draws.num_decided, c.least_decided);
    EXPECT_LE(draws.num_decided, c.most_decided);
    ExpectCandidatesGiveTheSame(c.sampling, 100, c.spread);  // all of the row are candidates
  }
}

// A penalty may push all candidates below what is not among them.
TEST(SamplerTest, CandidatesThatPenaltiesPushDownDoNotDecide) {
  std::vector<int32_t> ids(128);
  std::vector<float> logits(128, 1.0f);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
  Sampler sampler({.repetition_penalty = 2.0}, ids);
  EXPECT_EQ(sampler.Sample(
                TokenCandidates{.ids = ids, .logits = logits, .mass = 1000.0, .vocab_size = 1000}),
            std::nullopt);
}

TEST(LogprobTest, IsTheLogOfTheSoftmax) {
  const std::vector<float> logits = {1.0f, 2.0f, 3.0f};
  const double sum = std::exp(1.0) + std::exp(2.0) + std::exp(3.0);
  EXPECT_NEAR(Logprob(logits, 1), std::log(std::exp(2.0) / sum), 1e-6);
  const std::vector<TokenLogprob> top = TopLogprobs(logits, 2);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].token_id, 2);
  EXPECT_EQ(top[1].token_id, 1);
  EXPECT_NEAR(top[0].logprob, std::log(std::exp(3.0) / sum), 1e-6);
  EXPECT_EQ(TopLogprobs(logits, 9).size(), 3u);
}

TEST(SamplingParamsTest, RefusesValuesOutOfRangeByName) {
  EXPECT_TRUE(Validate(SamplingParams()).ok());
  const std::pair<SamplingParams, std::string> cases[] = {
      {{.temperature = -1.0}, "temperature"},
      {{.temperature = NAN}, "temperature"},
      {{.top_k = -1}, "top_k"},
      {{.top_p = 0.0}, "top_p"},
      {{.top_p = 1.5}, "top_p"},
      {{.min_p = -0.1}, "min_p"},
      {{.repetition_penalty = 0.0}, "repetition_penalty"},
      {{.presence_penalty = NAN}, "presence_penalty"},
      {{.frequency_penalty = 1000.0}, "frequency_penalty"},
  };
  for (const auto& [sampling, name] : cases) {
    const absl::Status status = Validate(sampling);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_NE(std::string(status.message()).find(name), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace strata
