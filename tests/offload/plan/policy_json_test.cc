#include "offload/plan/policy_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace strata {
namespace {

using testing::HasSubstr;

Policy Example() {
  Policy policy;
  policy.stages = {
      {{Tier::kDisk}, ComputeDevice::kCpu},
      {{Tier::kHost, Tier::kHost, Tier::kDisk, Tier::kGpu, Tier::kGpu}, ComputeDevice::kGpu},
      {{}, ComputeDevice::kCpu},
  };
  policy.micro_batch_rows = 384;
  policy.num_micro_batches = 5;
  policy.kv = {.gpu = 0.125, .host = 0.775, .disk = 0.1};
  policy.micro_batch_sequences = 7;
  policy.activations = {.gpu = 0.5, .host = 0.5, .disk = 0};
  policy.prefill_attend_device = ComputeDevice::kCpu;
  policy.kv_dtype = DType::kF16;
  policy.host_staging_bytes = 123456789012;
  policy.gpu_staging_bytes = 4096;
  return policy;
}

std::string MessageOf(absl::string_view text) {
  const absl::StatusOr<Policy> policy = PolicyFromJson(text, "f.json");
  EXPECT_FALSE(policy.ok());
  EXPECT_EQ(policy.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(policy.status().message());
}

std::string Changed(absl::string_view from, absl::string_view to) {
  const std::string text = ToJson(Example());
  EXPECT_THAT(text, HasSubstr(std::string(from)));
  return absl::StrReplaceAll(text, {{from, to}});
}

TEST(PolicyJson, ReadsBackWhatItWrote) {
  const std::string text = ToJson(Example());
  EXPECT_THAT(text, HasSubstr("\"2hd2g\""));
  absl::StatusOr<Policy> read = PolicyFromJson(text, "f.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Example());
}

TEST(PolicyJson, TakesThePolicyOutOfAPlan) {
  const std::string text =
      absl::StrCat("{\"tokens_per_s\": 3, \"policy\": ", ToJson(Example()), "}");
  absl::StatusOr<Policy> read = PolicyFromJson(text, "f.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Example());
}

// Files from before every stage had a device of its own.
TEST(PolicyJson, ReadsOneDeviceForAllAttention) {
  Policy policy = Example();
  policy.prefill_attend_device = ComputeDevice::kGpu;
  const auto old = [&](absl::string_view attend) {
    std::string text = ToJson(policy);
    text.insert(1, absl::StrCat("\"attend_device\": \"", attend, "\","));
    return PolicyFromJson(text, "f.json");
  };
  absl::StatusOr<Policy> read = old("gpu");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->stages[2].device, ComputeDevice::kGpu);
  EXPECT_FALSE(read->prefill_attend_device.has_value());
  read = old("cpu");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->stages[2].device, ComputeDevice::kCpu);
  EXPECT_EQ(read->prefill_attend_device, ComputeDevice::kGpu);
  policy.kv = {.gpu = 1, .host = 0, .disk = 0};
  read = old("cpu");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->stages[2].device, ComputeDevice::kGpu);
  EXPECT_FALSE(read->prefill_attend_device.has_value());
}

TEST(PolicyJson, NamesTheSourceAndThePlaceOfAFault) {
  EXPECT_THAT(MessageOf("nonsense"), HasSubstr("f.json"));
  EXPECT_THAT(MessageOf("{}"), HasSubstr("f.json: "));
  EXPECT_THAT(MessageOf("{\"policy\": 3}"), HasSubstr("f.json: policy: expected an object"));
  EXPECT_THAT(MessageOf(Changed("2hd2g", "2hx")), HasSubstr("f.json: stages[1].homes: expected"));
  EXPECT_THAT(MessageOf(Changed("2hd2g", "2h3")), HasSubstr("a count without a tier"));
  EXPECT_THAT(MessageOf(Changed("2hd2g", "0h")), HasSubstr("a count of 0"));
  EXPECT_THAT(MessageOf(Changed("2hd2g", "99999999999999999999h")), HasSubstr("too large"));
  EXPECT_THAT(MessageOf(Changed("2hd2g", "1048576h1048576h")), HasSubstr("too many tensors"));
  EXPECT_THAT(MessageOf(Changed("0.775", "0.5")), HasSubstr("f.json: kv: the shares sum to"));
  EXPECT_THAT(MessageOf(Changed("\"f16\"", "\"f17\"")), HasSubstr("unknown format 'f17'"));
  EXPECT_THAT(MessageOf(Changed("384", "0")), HasSubstr("micro_batch_rows"));
  EXPECT_THAT(MessageOf(Changed("\"device\": \"gpu\"", "\"device\": \"tpu\"")),
              HasSubstr("f.json: stages[1].device: expected \"cpu\" or \"gpu\", got \"tpu\""));
  EXPECT_THAT(MessageOf(Changed("\"stages\"", "\"stage\"")), HasSubstr("stages"));
}

TEST(PolicyJson, EveryTruncationIsAnError) {
  const std::string text = ToJson(Example());
  for (size_t length = 0; length + 2 < text.size(); ++length) {
    EXPECT_FALSE(PolicyFromJson(text.substr(0, length), "f.json").ok()) << length;
  }
}

}  // namespace
}  // namespace strata
