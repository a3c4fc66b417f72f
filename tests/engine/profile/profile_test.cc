#include "engine/profile/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/profile/machine_identity.h"
#include "engine/profile/repeated_measurement.h"
#include "kernels/base/file.h"
#include "offload/plan/hardware_profile_json.h"

namespace strata {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// A cache of its own, and the least that can be measured.
class ProfileTest : public testing::Test {
 protected:
  ProfileTest() {
    std::string pattern = testing::TempDir() + "/strata_profile_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    options_.num_threads = 1;
    options_.cache_directory = directory_ + "/cache/strata";
    options_.spill_bytes = 64 << 20;
    options_.cold_bytes = 1 << 20;
    options_.max_rows = 4;
    options_.seconds_per_rate = 1e-5;
    options_.report = [this](absl::string_view what) { reports_.emplace_back(what); };
  }
  ~ProfileTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // Written by hand, with a rate that no machine has.
  HardwareProfile Keep() {
    HardwareProfile profile;
    profile.cpu = {.name = "by hand",
                   .memory_bytes_per_s = 12345,
                   .mat_mul = {{.weight_dtype = DType::kBF16, .num_rows = 1, .flops_per_s = 1}},
                   .attention_bytes_per_s = 1,
                   .attention_flops_per_s = 1,
                   .seconds_per_stage = 1e-6};
    std::filesystem::create_directories(options_.cache_directory);
    EXPECT_TRUE(WriteFileAtomically(ProfileCachePath(options_), ToJson(profile)).ok());
    return profile;
  }

  std::string directory_;
  ProfileOptions options_;
  std::vector<std::string> reports_;
};

TEST_F(ProfileTest, MeasuresEveryRateAndKeepsThem) {
  options_.disk_directory = directory_;
  const auto measured = LoadOrMeasureProfile(options_);
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_THAT(measured->cpu.name, HasSubstr("1 thread"));
  EXPECT_GT(measured->cpu.memory_bytes_per_s, 0);
  EXPECT_GT(measured->cpu.attention_bytes_per_s, 0);
  EXPECT_GT(measured->cpu.attention_flops_per_s, 0);
  EXPECT_GT(measured->cpu.seconds_per_stage, 0);
  ASSERT_EQ(measured->cpu.mat_mul.size(), 3u * 5u);  // rows 1, 2, 4 of five formats
  for (const MatMulRate& rate : measured->cpu.mat_mul) EXPECT_GT(rate.flops_per_s, 0);
  EXPECT_GT(measured->disk_read.bytes_per_s, 0);
  EXPECT_GT(measured->disk_read.latency_s, 0);
  EXPECT_GT(measured->disk_write.bytes_per_s, 0);
  EXPECT_GT(measured->cpu_share_beside_disk, 0);
  EXPECT_LE(measured->cpu_share_beside_disk, 1);
  EXPECT_GT(measured->disk_share_beside_cpu, 0);
  EXPECT_LE(measured->disk_share_beside_cpu, 1);
  EXPECT_FALSE(measured->gpu.has_value());
  EXPECT_FALSE(measured->measured_at.empty());
  // Nothing but the cache is left of it.
  int64_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    EXPECT_EQ(entry.path().filename(), "cache");
    ++entries;
  }
  EXPECT_EQ(entries, 1);
  reports_.clear();
  const auto kept = LoadOrMeasureProfile(options_);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(*kept, *measured);
  EXPECT_THAT(reports_, Not(Contains("memory")));
}

TEST_F(ProfileTest, ReadsWhatWasKept) {
  const HardwareProfile by_hand = Keep();
  const auto profile = LoadOrMeasureProfile(options_);
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(*profile, by_hand);
  EXPECT_EQ(KeptProfile(options_), by_hand);
}

TEST_F(ProfileTest, NothingIsMeasuredForWhatIsNotKept) {
  EXPECT_EQ(KeptProfile(options_), std::nullopt);
  Keep();
  ASSERT_TRUE(WriteFileAtomically(ProfileCachePath(options_), "{\"cpu\":").ok());
  EXPECT_EQ(KeptProfile(options_), std::nullopt);
  EXPECT_THAT(reports_, ::testing::IsEmpty());
  options_.cache_directory.clear();
  EXPECT_EQ(KeptProfile(options_), std::nullopt);
}

TEST_F(ProfileTest, MeasuresAgainWhenToldToOrWhenTheKeptOneIsBroken) {
  Keep();
  options_.refresh = true;
  auto profile = LoadOrMeasureProfile(options_);
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_NE(profile->cpu.name, "by hand");
  EXPECT_EQ(profile->disk_read.bytes_per_s, 0);  // no disk was asked for
  EXPECT_EQ(profile->cpu_share_beside_disk, 1);
  EXPECT_EQ(profile->disk_share_beside_cpu, 1);
  options_.refresh = false;
  ASSERT_TRUE(WriteFileAtomically(ProfileCachePath(options_), "{\"cpu\":").ok());
  reports_.clear();
  profile = LoadOrMeasureProfile(options_);
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_THAT(reports_, Contains(HasSubstr("measured again")));
  EXPECT_TRUE(HardwareProfileFromJson(*ReadFile(ProfileCachePath(options_)), "cache").ok());
}

TEST_F(ProfileTest, OneFilePerMachineThreadsAndDisk) {
  const std::string path = ProfileCachePath(options_);
  EXPECT_THAT(path, HasSubstr("1threads-no-disk.json"));
  EXPECT_EQ(path.find(' '), std::string::npos);
  options_.num_threads = 2;
  EXPECT_NE(ProfileCachePath(options_), path);
  options_.num_threads = 1;
  options_.disk_directory = directory_;
  EXPECT_NE(ProfileCachePath(options_), path);
  options_.cache_directory = "";
  EXPECT_EQ(ProfileCachePath(options_), "");
}

TEST_F(ProfileTest, RefusesWhatItCannotMeasure) {
  options_.num_threads = -1;
  EXPECT_TRUE(absl::IsInvalidArgument(MeasureProfile(options_).status()));
  options_.num_threads = 1;
  options_.max_rows = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(MeasureProfile(options_).status()));
  options_.max_rows = 1;
  options_.cold_bytes = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(MeasureProfile(options_).status()));
  options_.cold_bytes = 1 << 20;
  options_.disk_directory = directory_ + "/absent";
  EXPECT_TRUE(absl::IsNotFound(MeasureProfile(options_).status()));
}

TEST(MachineIdentityTest, SaysSomethingOfThisMachine) {
  EXPECT_GE(NumUsableCores(), 1);
  EXPECT_FALSE(CpuModelName().empty());
  EXPECT_FALSE(DiskName("/").empty());
  EXPECT_EQ(DiskName("/no/such/directory"), "");
}

TEST(RepeatedMeasurementTest, TakesTheMiddle) {
  EXPECT_EQ(Median({3}), 3);
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({4, 1, 2, 100}), 3);
}

TEST(RepeatedMeasurementTest, RunsAtLeastThreeTimesAndPassesOnErrors) {
  int calls = 0;
  const auto seconds = MedianSecondsOf(1e-3, [&] {
    ++calls;
    return absl::OkStatus();
  });
  ASSERT_TRUE(seconds.ok());
  EXPECT_GE(calls, 1 + 3);  // the first is not measured
  EXPECT_TRUE(
      absl::IsInternal(MedianSecondsOf(1, [] { return absl::InternalError("broken"); }).status()));
}

}  // namespace
}  // namespace strata
