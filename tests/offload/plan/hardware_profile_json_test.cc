#include "offload/plan/hardware_profile_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"

namespace strata {
namespace {

using testing::HasSubstr;

HardwareProfile Example() {
  HardwareProfile profile;
  profile.cpu = {.name = "two threads",
                 .memory_bytes_per_s = 1.1e10,
                 .mat_mul = {{DType::kBF16, 1, 5.5e9}, {DType::kBF16, 64, 1.0 / 3 * 1e11}},
                 .attention_bytes_per_s = 9e9,
                 .attention_flops_per_s = 3e10,
                 .seconds_per_stage = 1e-5};
  profile.disk_read = {1.9e9, 1e-4};
  profile.disk_write = {1.1e9, 2e-4};
  profile.cpu_share_beside_disk = 0.85;
  profile.disk_share_beside_cpu = 0.75;
  profile.measured_at = "2025-01-31";
  return profile;
}

std::string MessageOf(absl::string_view text) {
  const absl::StatusOr<HardwareProfile> profile = HardwareProfileFromJson(text, "p.json");
  EXPECT_FALSE(profile.ok());
  EXPECT_EQ(profile.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(profile.status().message());
}

std::string Changed(absl::string_view from, absl::string_view to) {
  const std::string text = ToJson(Example());
  EXPECT_THAT(text, HasSubstr(std::string(from)));
  return absl::StrReplaceAll(text, {{from, to}});
}

TEST(HardwareProfileJson, ReadsBackWhatItWrote) {
  HardwareProfile profile = Example();
  absl::StatusOr<HardwareProfile> read = HardwareProfileFromJson(ToJson(profile), "p.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, profile);

  profile.gpu = profile.cpu;
  profile.gpu->name = "a \"gpu\" \xff";  // bytes that are no UTF-8 must not stop the writer
  profile.host_to_device = {1.2e10, 1e-5};
  profile.device_to_host = {1.1e10, 1e-5};
  read = HardwareProfileFromJson(ToJson(profile), "p.json");
  ASSERT_TRUE(read.ok()) << read.status();
  profile.gpu->name = read->gpu->name;
  EXPECT_EQ(*read, profile);
}

TEST(HardwareProfileJson, NamesTheSourceAndThePlaceOfAFault) {
  EXPECT_THAT(MessageOf("{"), HasSubstr("p.json"));
  EXPECT_THAT(MessageOf("[]"), HasSubstr("p.json: expected an object"));
  EXPECT_THAT(MessageOf("{}"), HasSubstr("p.json: cpu: is missing"));
  EXPECT_THAT(MessageOf(Changed("\"num_rows\": 64", "\"num_rows\": 1")),
              HasSubstr("p.json: cpu.mat_mul[1]: the rows of one format must rise"));
  EXPECT_THAT(MessageOf(Changed("\"num_rows\": 64", "\"num_rows\": -1")),
              HasSubstr("cpu.mat_mul[1]"));
  EXPECT_THAT(MessageOf(Changed("\"bf16\"", "\"bf15\"")),
              HasSubstr("p.json: cpu.mat_mul[0].weight_format: unknown format 'bf15'"));
  EXPECT_THAT(MessageOf(Changed("11000000000.0", "0")),
              HasSubstr("p.json: cpu.memory_bytes_per_s: expected a number above 0"));
  EXPECT_THAT(MessageOf(Changed("11000000000.0", "-5")), HasSubstr("cpu.memory_bytes_per_s"));
  EXPECT_THAT(MessageOf(Changed("11000000000.0", "\"x\"")), HasSubstr("memory_bytes_per_s"));
  EXPECT_THAT(MessageOf(Changed("0.85", "1.5")),
              HasSubstr("p.json: cpu_share_beside_disk: expected a number in [0.01, 1]"));
  EXPECT_THAT(MessageOf(Changed("0.75", "0")),
              HasSubstr("p.json: disk_share_beside_cpu: expected a number in [0.01, 1]"));
  EXPECT_THAT(MessageOf(Changed("\"latency_s\": 0.0001", "\"latency\": 0.0001")),
              HasSubstr("p.json: disk_read"));
  EXPECT_THAT(MessageOf(Changed("\"measured_at\"", "\"spare\": 1, \"measured_at\"")),
              HasSubstr("p.json: spare: is not a known key"));
}

TEST(HardwareProfileJson, AGpuNeedsItsLinks) {
  HardwareProfile profile = Example();
  profile.gpu = profile.cpu;
  EXPECT_THAT(MessageOf(ToJson(profile)), HasSubstr("host_to_device"));
}

TEST(HardwareProfileJson, EveryTruncationIsAnError) {
  const std::string text = ToJson(Example());
  for (size_t length = 0; length + 2 < text.size(); ++length) {
    EXPECT_FALSE(HardwareProfileFromJson(text.substr(0, length), "p.json").ok()) << length;
  }
}

}  // namespace
}  // namespace strata
