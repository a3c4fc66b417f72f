#include "engine/cli/profile_command.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "absl/strings/match.h"
#include "engine/cli/exit_code.h"
#include "kernels/base/file.h"
#include "offload/plan/hardware_profile_json.h"

namespace strata {
namespace {

// A machine's profile is kept already, so that nothing is measured.
class ProfileCommandTest : public testing::Test {
 protected:
  ProfileCommandTest() {
    std::string pattern = testing::TempDir() + "/strata_profile_command_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    options_.profile.cache_directory = directory_;
    profile_.cpu = {.name = "a processor",
                    .memory_bytes_per_s = 30e9,
                    .mat_mul = {{DType::kF32, 1, 10e9},
                                {DType::kF32, 512, 150e9},
                                {DType::kBF16, 1, 20e9},
                                {DType::kBF16, 512, 140e9}},
                    .attention_bytes_per_s = 11e9,
                    .attention_flops_per_s = 90e9,
                    .seconds_per_stage = 2e-6};
    profile_.disk_read = {.bytes_per_s = 1.88e9, .latency_s = 90e-6};
    profile_.disk_write = {.bytes_per_s = 2.5e9, .latency_s = 40e-6};
    profile_.cpu_share_beside_disk = 0.97;
    profile_.disk_share_beside_cpu = 0.88;
    profile_.measured_at = "2026-11-22T08:00:00Z";
    EXPECT_TRUE(WriteFileAtomically(ProfileCachePath(options_.profile), ToJson(profile_)).ok());
  }
  ~ProfileCommandTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  int Run() { return RunProfile(options_, out_, err_); }

  std::string directory_;
  ProfileCommandOptions options_;
  HardwareProfile profile_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ProfileCommandTest, PrintsATable) {
  ASSERT_EQ(Run(), kExitDone) << err_.str();
  EXPECT_EQ(out_.str(),
            "a processor, measured 2026-11-22T08:00:00Z\n"
            "\n"
            "memory, read            30.00 GB/s\n"
            "attention, decode       11.00 GB/s of keys and values\n"
            "attention, prefill      90.00 GFLOP/s\n"
            "start of a stage         2.00 us\n"
            "disk, read               1.88 GB/s, 90 us for one page alone\n"
            "disk, write              2.50 GB/s, 40 us for one page alone\n"
            "cpu beside the disk     97.00 % of its rate alone\n"
            "disk beside the cpu     88.00 % of its rate alone\n"
            "\n"
            "matrix products, GFLOP/s\n"
            "rows           1     512\n"
            "f32         10.0   150.0\n"
            "bf16        20.0   140.0\n");
  EXPECT_EQ(err_.str(), "");  // there is a kept one: nothing is measured
}

TEST_F(ProfileCommandTest, PrintsAndWritesJson) {
  options_.json = true;
  options_.output = directory_ + "/profile.json";
  ASSERT_EQ(Run(), kExitDone) << err_.str();
  EXPECT_EQ(*HardwareProfileFromJson(out_.str(), "stdout"), profile_);
  EXPECT_EQ(*HardwareProfileFromJson(*ReadFile(options_.output), options_.output), profile_);
}

TEST_F(ProfileCommandTest, AnOutputThatCannotBeWrittenIsAnError) {
  options_.output = directory_ + "/absent/profile.json";
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_TRUE(absl::StrContains(err_.str(), "absent/profile.json"));
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ProfileCommandTest, ADirectoryThatIsNotThereIsAnError) {
  options_.profile.disk_directory = directory_ + "/absent";
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_TRUE(absl::StrContains(err_.str(), directory_ + "/absent"));
}

}  // namespace
}  // namespace strata
