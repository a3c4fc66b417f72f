#include "engine/evaluate/endpoint/endpoint_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/evaluate/endpoint/download.h"
#include "engine/evaluate/endpoint/event_stream.h"
#include "kernels/base/json.h"
#include "tests/engine/evaluate/endpoint/openai_server.h"

namespace strata {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(EventStreamTest, EventsComeWholeWhereverTheBytesAreCut) {
  const std::string bytes =
      "data: one\n\n: comment\n\ndata:two\r\ndata: three\r\n\r\nid: 4\n\ndata: x";
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    EventStream stream;
    std::vector<std::string> events;
    const auto keep = [&events](absl::string_view data) { events.emplace_back(data); };
    stream.Push(absl::string_view(bytes).substr(0, cut), keep);
    stream.Push(absl::string_view(bytes).substr(cut), keep);
    EXPECT_THAT(events, ElementsAre("one", "two\nthree")) << cut;
  }
}

TEST(CompletionProtocolTest, TheBodySaysWhatIsNotTheDefault) {
  CompletionRequest request = {
      .prompt = "p", .stop = {"Q:"}, .max_new_tokens = 5, .sampling = {.seed = 4}};
  const auto body = *ParseJson(*EndpointBody(request, "m", EndpointProtocol::kCompletions), "body");
  EXPECT_EQ(body["prompt"], "p");
  EXPECT_EQ(body["temperature"], 0);
  EXPECT_EQ(body["stop"], nlohmann::json::array({"Q:"}));
  EXPECT_EQ(body["stream_options"]["include_usage"], true);
  EXPECT_FALSE(body.contains("seed"));  // greedy
  EXPECT_FALSE(body.contains("top_p"));
  request.sampling = {.temperature = 1, .top_p = 0.5, .seed = 4};
  request.messages = R"([{"role": "user", "content": "c"}])";
  const auto chat = *ParseJson(*EndpointBody(request, "m", EndpointProtocol::kChat), "body");
  EXPECT_EQ(chat["messages"][0]["content"], "c");
  EXPECT_EQ(chat["seed"], 4);
  EXPECT_EQ(chat["top_p"], 0.5);
  EXPECT_FALSE(chat.contains("prompt"));
  EXPECT_FALSE(EndpointBody(request, "m", EndpointProtocol::kCompletions).ok());
  request.messages = "nonsense";
  EXPECT_FALSE(EndpointBody(request, "m", EndpointProtocol::kChat).ok());
}

TEST(CompletionProtocolTest, ChunksOfAnyShapeAreRead) {
  EXPECT_EQ(ParseEndpointChunk(R"({"choices": [{"delta": {"content": "a"}}]})")->text, "a");
  EXPECT_EQ(ParseEndpointChunk(R"({"choices": [{"message": {"content": "b"}}]})")->text, "b");
  const auto thought =
      ParseEndpointChunk(R"({"choices": [{"delta": {"reasoning_content": "t"}}]})");
  EXPECT_TRUE(thought->text.empty() && thought->has_token);
  for (const char* text :
       {"", "3", "[]", "{", R"({"error": {"message": "m"}})", R"({"choices": [3]})"}) {
    EXPECT_FALSE(ParseEndpointChunk(text).ok()) << text;
  }
  for (const char* text : {"{}", R"({"choices": 3, "usage": 4})", R"({"choices": []})",
                           R"({"choices": [{"delta": 3, "finish_reason": 4, "text": []}]})"}) {
    EXPECT_TRUE(ParseEndpointChunk(text).ok()) << text;
  }
}

TEST(EndpointSourceTest, RefusesWhatNoServerIs) {
  const std::pair<const char*, EndpointOptions> cases[] = {
      {"http://", {.url = "localhost:8000/v1", .model = "m"}},
      {"password", {.url = "http://me:secret@host/v1", .model = "m"}},
      {"names no server", {.url = "http:///v1", .model = "m"}},
      {"query", {.url = "http://host/v1?key=3", .model = "m"}},
      {"--endpoint-model", {.url = "http://host/v1"}},
      {"header", {.url = "http://host/v1", .model = "m", .api_key = "a\r\nX: b"}},
  };
  for (const auto& [cause, options] : cases) {
    const auto source = EndpointSource::Create(options);
    EXPECT_THAT(source.status().message(), HasSubstr(cause));
    EXPECT_THAT(source.status().message(), Not(HasSubstr("secret")));
  }
}

// A server of Python's standard library in a process of its own.
class EndpointServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (server_.port() == 0) GTEST_SKIP() << "there is no python3";
    options_ = {.url = server_.address() + "/v1",
                .model = "demo",
                .max_retries = 2,
                .first_pause = std::chrono::milliseconds(1)};
  }
  absl::Status Ask(const std::vector<std::string>& prompts, int64_t batch_size = 2) {
    std::vector<CompletionRequest> requests;
    for (size_t i = 0; i < prompts.size(); ++i) {
      CompletionRequest request = {
          .id = static_cast<int64_t>(i), .stop = {"STOP"}, .max_new_tokens = 9};
      if (options_.protocol == EndpointProtocol::kChat) {
        request.messages =
            nlohmann::json::array({{{"role", "user"}, {"content", prompts[i]}}}).dump();
      } else {
        request.prompt = prompts[i];
      }
      requests.push_back(request);
    }
    results_.clear();
    auto source = EndpointSource::Create(options_);
    if (!source.ok()) return source.status();
    return (*source)->Complete(requests, batch_size, [this](CompletionResult result) {
      results_[result.id] = std::move(result);
      return absl::OkStatus();
    });
  }

  OpenAiServer server_;
  EndpointOptions options_;
  std::map<int64_t, CompletionResult> results_;
};

TEST_F(EndpointServerTest, StreamsAnswersWithTheirTimes) {
  for (const EndpointProtocol protocol :
       {EndpointProtocol::kCompletions, EndpointProtocol::kChat}) {
    options_.protocol = protocol;
    ASSERT_TRUE(Ask({"echo one two three", "echo x", "echo y z", "echo"}).ok());
    ASSERT_EQ(results_.size(), 4u);
    const CompletionResult& first = results_[0];
    EXPECT_EQ(first.text, "one two three");
    EXPECT_EQ(first.num_output_tokens, 3);
    EXPECT_EQ(first.num_prompt_tokens, 18);
    ASSERT_EQ(first.token_times.size(), 3u);
    EXPECT_LE(first.submitted, first.token_times.front());
    EXPECT_LE(first.token_times.back(), first.finished);
    EXPECT_EQ(results_[3].text, "");
    EXPECT_TRUE(results_[3].token_times.empty());
  }
}

TEST_F(EndpointServerTest, WhatPassesIsAskedAgainAndTheRestFailsAlone) {
  std::vector<std::string> reasons;
  options_.on_retry = [&reasons](const std::string& reason) { reasons.push_back(reason); };
  ASSERT_TRUE(
      Ask({"busy a b", "broken c", "cut d e", "refuse f", "always g", "plain h i"}, 3).ok());
  EXPECT_EQ(results_[0].text, "a b");
  EXPECT_EQ(results_[1].text, "c");
  EXPECT_EQ(results_[2].text, "d e");
  EXPECT_TRUE(absl::IsInvalidArgument(results_[3].status));
  EXPECT_THAT(results_[3].status.message(), HasSubstr("prompt too long"));
  EXPECT_TRUE(absl::IsUnavailable(results_[4].status)) << results_[4].status;
  EXPECT_EQ(results_[5].text, "h i");
  ASSERT_EQ(reasons.size(), 1u);  // of several within 5 s
  EXPECT_THAT(reasons[0], HasSubstr("asked again in 0.0 s"));
  EXPECT_EQ(results_[5].finish_reason, CompletionResult::FinishReason::kLength);
  EXPECT_EQ(results_[5].num_output_tokens, 2);
  EXPECT_TRUE(results_[5].token_times.empty());
}

TEST_F(EndpointServerTest, TheKeyIsSentAndNeverShown) {
  options_.model = "guarded";
  options_.api_key = "secret-key";
  EXPECT_TRUE(Ask({"echo a"}).ok());
  options_.api_key = "other-secret";
  const absl::Status refused = Ask({"echo a", "echo b"});
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("wrong key"));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("other-secret")));
}

TEST_F(EndpointServerTest, WhatNoRequestCanMendEndsTheRun) {
  options_.model = "lost";
  EXPECT_TRUE(absl::IsNotFound(Ask({"echo a", "echo b"})));
  options_.model = "demo";
  options_.is_interrupted = [] { return true; };
  EXPECT_TRUE(absl::IsCancelled(Ask({"echo a"})));
  options_.is_interrupted = nullptr;
  options_.url = "http://127.0.0.1:1/v1";
  options_.max_retries = 1;
  EXPECT_TRUE(absl::IsUnavailable(Ask({"echo a"})));
}

TEST_F(EndpointServerTest, DownloadsChecksSizeAndStatus) {
  const std::string url = server_.address();
  EXPECT_EQ(Download(url + "/file", 100).value_or(""), "{\"file\": 1}");
  EXPECT_TRUE(absl::IsResourceExhausted(Download(url + "/file", 3).status()));
  EXPECT_TRUE(absl::IsNotFound(Download(url + "/none", 100).status()));
  EXPECT_TRUE(absl::IsUnavailable(Download("http://127.0.0.1:1/", 100).status()));
  EXPECT_FALSE(Download("file:///etc/hostname", 100).ok());
  EXPECT_EQ(Download(url + "/moved", 100).value_or(""), "{\"file\": 1}");
  // Cut off before its length, moved in a circle, moved to what no server gave.
  for (const char* path : {"/cut", "/circle", "/to_disk"}) {
    const absl::Status status = Download(url + path, 100).status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << path << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(path));
  }
}

}  // namespace
}  // namespace strata
