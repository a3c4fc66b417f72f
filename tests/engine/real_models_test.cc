// Trained models that other people published, when they lie beside the checkout.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/session.h"

namespace strata {
namespace {

std::string SharedModel(const std::string& name) {
  return absl::StrCat(STRATA_SOURCE_DIR, "/../shared/models/", name);
}

Completion Greedy(Engine& engine, std::vector<int32_t> prompt_ids, int64_t max_new_tokens) {
  Completion result;
  std::unique_ptr<Session> session = *Session::Create(
      engine, {}, {.on_finished = [&](Completion completion) { result = std::move(completion); }});
  EXPECT_TRUE(session
                  ->Submit({.prompt_ids = std::move(prompt_ids),
                            .max_new_tokens = max_new_tokens,
                            .eos_token_ids = engine.eos_token_ids()})
                  .ok());
  EXPECT_TRUE(session->RunUntilIdle().ok());
  return result;
}

TEST(RealModelsTest, Stories260KGivesThePublishedText) {
  if (!std::filesystem::exists(SharedModel("stories260K"))) {
    GTEST_SKIP() << "no shared/models/stories260K beside the checkout";
  }
  std::unique_ptr<Engine> engine =
      *Engine::Create({.model = SharedModel("stories260K"), .num_threads = 2});
  const Completion completion = Greedy(*engine, {*engine->tokenizer()->bos_id()}, 100);
  // llama2.c, doc/stories260K.md.
  EXPECT_TRUE(absl::StartsWith(
      completion.text,
      "Once upon a time, there was a little girl named Lily. She loved to play outside in the "
      "park. One day, she saw a big, red ball. She wanted to play with it, but it was too high."))
      << completion.text;
}

TEST(RealModelsTest, Aidreams260KSpeaks) {
  if (!std::filesystem::exists(SharedModel("aidreams260K"))) {
    GTEST_SKIP() << "no shared/models/aidreams260K beside the checkout";
  }
  std::unique_ptr<Engine> engine =
      *Engine::Create({.model = SharedModel("aidreams260K"), .num_threads = 2});
  const Completion completion = Greedy(*engine, *engine->tokenizer()->Encode("I dream"), 40);
  EXPECT_GT(completion.text.size(), 40u);
  EXPECT_TRUE(absl::StrContains(completion.text, " I ")) << completion.text;
}

TEST(RealModelsTest, CappGpt2RunsOnTokenIds) {
  if (!std::filesystem::exists(SharedModel("capp-gpt2"))) {
    GTEST_SKIP() << "no shared/models/capp-gpt2 beside the checkout";
  }
  std::unique_ptr<Engine> engine =
      *Engine::Create({.model = SharedModel("capp-gpt2"), .num_threads = 2});
  EXPECT_EQ(engine->tokenizer(), nullptr);
  const Completion completion = Greedy(*engine, {1, 2, 3}, 10);
  EXPECT_EQ(completion.output_ids, (std::vector<int32_t>{29, 45, 41, 37, 42, 50, 32, 45, 41,
                                                         37}));  // transformers' greedy
  EXPECT_EQ(completion.text, "");
}

TEST(RealModelsTest, DummyWeightsRunFromAConfigAlone) {
  const std::string config = SharedModel("configs/opt-125m.json");
  if (!std::filesystem::exists(config)) {
    GTEST_SKIP() << "no shared/models/configs beside the checkout";
  }
  std::unique_ptr<Engine> engine = *Engine::Create(
      {.model = config, .load_format = LoadFormat::kDummy, .num_threads = 2, .seed = 7});
  const Completion completion = Greedy(*engine, {1, 2, 3}, 2);
  EXPECT_EQ(completion.output_ids.size(), 2u);
}

}  // namespace
}  // namespace strata
