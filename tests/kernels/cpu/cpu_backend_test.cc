#include "kernels/cpu/cpu_backend.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

using testing::HasSubstr;

TEST(CpuBackendTest, NamesWhatComputes) {
  const auto one = CpuBackend::Create({.num_threads = 1, .isa = CpuIsa::kBaseline});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ((*one)->Name(), "cpu (baseline, 1 thread)");
  const auto two = CpuBackend::Create({.num_threads = 2, .isa = CpuIsa::kBaseline});
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ((*two)->Name(), "cpu (baseline, 2 threads)");
}

TEST(CpuBackendTest, ChoosesTheWidestInstructionSet) {
  const auto backend = CpuBackend::Create({});
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_THAT((*backend)->Name(), HasSubstr(std::string(CpuIsaName(AvailableCpuIsas().back()))));
}

TEST(CpuBackendTest, RefusesWhatItCannotHonour) {
  for (const int num_threads : {0, -1, 100000}) {
    const auto backend = CpuBackend::Create({.num_threads = num_threads});
    EXPECT_EQ(backend.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(backend.status().message()), HasSubstr("expected 1 to 1024 threads"));
  }
  if (AvailableCpuIsas().back() == CpuIsa::kAvx512) GTEST_SKIP() << "has every instruction set";
  const auto backend = CpuBackend::Create({.isa = CpuIsa::kAvx512});
  EXPECT_EQ(backend.status(), absl::UnavailableError("cpu backend: this processor lacks avx512"));
}

// Arguments are checked before a body sees them.
TEST(CpuBackendTest, ReturnsTheErrorsOfCheck) {
  const auto backend = CpuBackend::Create({});
  ASSERT_TRUE(backend.ok());
  EXPECT_FALSE((*backend)->MatMul({}).ok());
  EXPECT_FALSE((*backend)->Attention({}).ok());
  EXPECT_FALSE((*backend)->AppendKv({}).ok());
  EXPECT_FALSE((*backend)->GatherRows({}).ok());
  EXPECT_FALSE((*backend)->RmsNorm({}).ok());
  EXPECT_FALSE((*backend)->LayerNorm({}).ok());
  EXPECT_FALSE((*backend)->Rope({}).ok());
  EXPECT_FALSE((*backend)->MergeAttention({}).ok());
  EXPECT_FALSE((*backend)->Activate({}).ok());
  EXPECT_FALSE((*backend)->GatedActivate({}).ok());
  EXPECT_FALSE((*backend)->Add({}).ok());
}

}  // namespace
}  // namespace strata
