#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

namespace strata {
namespace {

TEST(StopMatcherTest, PassesTextThroughWithoutStopStrings) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.Push("abc"), "abc");
  EXPECT_EQ(matcher.Finish(), "");
  EXPECT_FALSE(matcher.matched());
}

TEST(StopMatcherTest, IgnoresEmptyStopStrings) {
  StopMatcher matcher({"", ""});
  EXPECT_EQ(matcher.Push("abc"), "abc");
  EXPECT_FALSE(matcher.matched());
}

TEST(StopMatcherTest, CutsBeforeAStopStringInsideOnePiece) {
  StopMatcher matcher({"Question:"});
  EXPECT_EQ(matcher.Push("#### 18\n\nQuestion: next"), "#### 18\n\n");
  EXPECT_TRUE(matcher.matched());
  EXPECT_EQ(matcher.Push("more"), "");
  EXPECT_EQ(matcher.Finish(), "");
}

TEST(StopMatcherTest, HoldsBackWhatMayBecomeAStopString) {
  StopMatcher matcher({"Question:"});
  EXPECT_EQ(matcher.Push("18 Que"), "18 ");
  EXPECT_EQ(matcher.Push("st"), "");
  EXPECT_EQ(matcher.Push("ed"), "Quested");
  EXPECT_EQ(matcher.Push("Quest"), "");
  EXPECT_EQ(matcher.Push("ion:"), "");
  EXPECT_TRUE(matcher.matched());
}

TEST(StopMatcherTest, FinishGivesBackWhatWasHeld) {
  StopMatcher matcher({"\n\n"});
  EXPECT_EQ(matcher.Push("end\n"), "end");
  EXPECT_EQ(matcher.Finish(), "\n");
  EXPECT_FALSE(matcher.matched());
}

TEST(StopMatcherTest, TheEarliestOfSeveralWins) {
  StopMatcher matcher({"</s>", "b</"});
  EXPECT_EQ(matcher.Push("ab</s>"), "a");
}

// A later-ending match that begins earlier must not be overtaken by text already handed out.
TEST(StopMatcherTest, EqualsCuttingTheWholeTextForAnySplit) {
  std::mt19937 random(7);
  const std::vector<std::string> stop = {"aab", "ba", "abab"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 12; ++i) text.push_back("abc"[random() % 3]);
    StopMatcher matcher(stop);
    std::string streamed;
    for (size_t i = 0; i < text.size();) {
      const size_t length = 1 + random() % 4;
      streamed += matcher.Push(text.substr(i, length));
      i += length;
      if (matcher.matched()) break;
    }
    streamed += matcher.Finish();
    // Streaming stops at the first piece that completes a match; cut what was pushed until then.
    bool is_prefix = text.compare(0, streamed.size(), streamed) == 0;
    EXPECT_TRUE(is_prefix) << text << " gave " << streamed;
    for (const std::string& s : stop) {
      EXPECT_EQ(streamed.find(s), std::string::npos) << text << " gave " << streamed;
    }
    if (!matcher.matched()) {
      EXPECT_EQ(streamed, text);
    }
  }
}

}  // namespace
}  // namespace strata
