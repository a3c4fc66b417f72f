// Generation over the bundled demo model: streaming, stops, seeds, ragged batches, bad requests.
#include "engine/session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

class SessionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(
        {.model = absl::StrCat(STRATA_SOURCE_DIR, "/models/demo/model"), .num_threads = 2});
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = engine->release();
  }
  static void TearDownTestSuite() {
    delete engine_;
    engine_ = nullptr;
  }

  static std::vector<int32_t> Encode(const std::string& text) {
    return *engine_->tokenizer()->Encode(text);
  }

  static Request MakeRequest(const std::string& prompt, int64_t max_new_tokens = 24) {
    return {.prompt_ids = Encode(prompt), .max_new_tokens = max_new_tokens};
  }

  // Runs all requests; completions by request, streamed text in streamed_.
  std::vector<Completion> Run(const std::vector<Request>& requests, SessionOptions options = {}) {
    std::vector<Completion> completions(requests.size());
    streamed_.assign(requests.size(), "");
    absl::StatusOr<std::unique_ptr<Session>> session =
        Session::Create(*engine_, options,
                        {.on_token =
                             [&](const TokenEvent& event) {
                               streamed_[static_cast<size_t>(event.request)] += event.text;
                             },
                         .on_finished =
                             [&](Completion completion) {
                               const size_t index = static_cast<size_t>(completion.request);
                               completions[index] = std::move(completion);
                             }});
    EXPECT_TRUE(session.ok()) << session.status();
    for (const Request& request : requests) EXPECT_TRUE((*session)->Submit(request).ok());
    EXPECT_TRUE((*session)->RunUntilIdle().ok());
    EXPECT_EQ((*session)->num_pending(), 0);
    return completions;
  }

  static absl::Status SubmitStatus(const Request& request) {
    absl::StatusOr<std::unique_ptr<Session>> session = Session::Create(*engine_, {}, {});
    EXPECT_TRUE(session.ok()) << session.status();
    return (*session)->Submit(request).status();
  }

  static Engine* engine_;
  std::vector<std::string> streamed_;
};

Engine* SessionTest::engine_ = nullptr;

constexpr char kPrompt[] =
    "Question: Tom has 3 apples and buys 4 more. How many apples does Tom have?\nAnswer:";

TEST_F(SessionTest, StreamedPiecesMakeTheText) {
  const std::vector<Completion> completions = Run({MakeRequest(kPrompt)});
  EXPECT_FALSE(completions[0].text.empty());
  EXPECT_EQ(streamed_[0], completions[0].text);
  EXPECT_EQ(completions[0].finish_reason, FinishReason::kLength);
  EXPECT_EQ(completions[0].output_ids.size(), 24u);
  EXPECT_EQ(completions[0].token_times.size(), 24u);
}

TEST_F(SessionTest, StopsBeforeAStringThatSpansTokens) {
  const std::string text = Run({MakeRequest(kPrompt)})[0].text;
  ASSERT_GT(text.size(), 20u);
  for (size_t begin = 1; begin < 12; ++begin) {
    Request request = MakeRequest(kPrompt);
    request.stop = {text.substr(begin, 6)};
    const Completion completion = Run({request})[0];
    EXPECT_EQ(completion.text, text.substr(0, text.find(request.stop[0])));
    EXPECT_EQ(streamed_[0], completion.text);
    EXPECT_EQ(completion.finish_reason, FinishReason::kStop);
    EXPECT_LT(completion.output_ids.size(), 24u);
  }
}

TEST_F(SessionTest, EndsAtAnyOfTheEndTokens) {
  const Completion whole = Run({MakeRequest(kPrompt)})[0];
  Request request = MakeRequest(kPrompt);
  const int32_t end = whole.output_ids[7];
  request.eos_token_ids = {end, 0};
  const Completion completion = Run({request})[0];
  EXPECT_EQ(completion.finish_reason, FinishReason::kStop);
  EXPECT_EQ(completion.output_ids.back(), end);
  EXPECT_LE(completion.output_ids.size(), 8u);
  EXPECT_EQ(whole.text.substr(0, completion.text.size()), completion.text);
}

TEST_F(SessionTest, SampledTextDependsOnItsSeedAlone) {
  std::vector<Request> requests;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    Request request = MakeRequest(kPrompt);
    request.sampling = {.temperature = 1.5, .top_p = 0.98, .seed = seed};
    requests.push_back(request);
  }
  const std::vector<Completion> alone = Run(requests, {.max_batch_size = 1});
  const std::vector<Completion> batched = Run(requests, {.max_batch_size = 5});
  std::set<std::string> texts;
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(alone[i].output_ids, batched[i].output_ids) << "seed " << i;
    texts.insert(alone[i].text);
  }
  EXPECT_GT(texts.size(), 4u);
}

TEST_F(SessionTest, RaggedBatchesFinishAtDifferentLengthsAndRefill) {
  std::vector<Request> requests;
  for (int64_t i = 0; i < 11; ++i) {
    std::string prompt = kPrompt;
    for (int64_t repeat = 0; repeat < i % 4; ++repeat) prompt += " 3+4=7\n" + prompt;
    requests.push_back(MakeRequest(prompt, 1 + 5 * (i % 3)));
  }
  const std::vector<Completion> alone = Run(requests, {.max_batch_size = 1});
  const std::vector<Completion> batched =
      Run(requests, {.max_batch_size = 4, .max_pass_tokens = 48});
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(batched[i].output_ids, alone[i].output_ids) << "request " << i;
    EXPECT_EQ(batched[i].output_ids.size(), static_cast<size_t>(requests[i].max_new_tokens));
  }
}

TEST_F(SessionTest, LogprobsAreThoseOfTheSoftmax) {
  Request request = MakeRequest(kPrompt, 6);
  request.num_logprobs = 3;
  request.keep_logits = true;
  const Completion completion = Run({request})[0];
  ASSERT_EQ(completion.logprobs.size(), 6u);
  const size_t vocab_size = completion.logits.size() / 6;
  for (size_t i = 0; i < 6; ++i) {
    ASSERT_EQ(completion.top_logprobs[i].size(), 3u);
    EXPECT_EQ(completion.top_logprobs[i][0].token_id, completion.output_ids[i]);  // greedy
    EXPECT_EQ(completion.top_logprobs[i][0].logprob, completion.logprobs[i]);
    EXPECT_GE(completion.top_logprobs[i][0].logprob, completion.top_logprobs[i][1].logprob);
    double sum = 0.0;
    for (size_t j = 0; j < vocab_size; ++j) sum += std::exp(completion.logits[i * vocab_size + j]);
    const float logit =
        completion.logits[i * vocab_size + static_cast<size_t>(completion.output_ids[i])];
    EXPECT_NEAR(completion.logprobs[i], logit - std::log(sum), 1e-4);
  }
}

TEST_F(SessionTest, TheContextEndsTheText) {
  const int64_t context = engine_->decoder().config().max_positions;
  Request request;
  request.prompt_ids.assign(static_cast<size_t>(context - 5), Encode("a").back());
  request.max_new_tokens = 100;
  const Completion completion = Run({request}, {.max_pass_tokens = 256})[0];
  EXPECT_EQ(completion.output_ids.size(), 5u);
  EXPECT_EQ(completion.finish_reason, FinishReason::kLength);
}

TEST_F(SessionTest, RefusesBadRequestsByName) {
  EXPECT_EQ(SubmitStatus({}).code(), absl::StatusCode::kInvalidArgument);
  Request outside = MakeRequest("a");
  outside.prompt_ids.push_back(1 << 30);
  EXPECT_NE(SubmitStatus(outside).message().find("1073741824"), absl::string_view::npos);
  Request negative = MakeRequest("a");
  negative.prompt_ids.push_back(-1);
  EXPECT_EQ(SubmitStatus(negative).code(), absl::StatusCode::kInvalidArgument);
  Request none = MakeRequest("a", 0);
  EXPECT_NE(SubmitStatus(none).message().find("max_new_tokens"), absl::string_view::npos);
  Request full;
  full.prompt_ids.assign(static_cast<size_t>(engine_->decoder().config().max_positions), 1);
  EXPECT_NE(SubmitStatus(full).message().find("context"), absl::string_view::npos);
  Request cold = MakeRequest("a");
  cold.sampling.temperature = -1.0;
  EXPECT_NE(SubmitStatus(cold).message().find("temperature"), absl::string_view::npos);
}

TEST_F(SessionTest, RefusesEmptySessions) {
  EXPECT_EQ(Session::Create(*engine_, {.max_batch_size = 0}, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace strata
