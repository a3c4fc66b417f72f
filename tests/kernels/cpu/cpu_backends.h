// CPU backends for tests: one per instruction set and number of threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/support/oracle/expected.h"

namespace strata::test {

// Every instruction set we have bodies for. A test of one that this processor lacks is skipped.
inline auto AllIsas() { return testing::Values(CpuIsa::kBaseline, CpuIsa::kAvx2, CpuIsa::kAvx512); }

inline std::string IsaName(const testing::TestParamInfo<CpuIsa>& info) {
  return std::string(CpuIsaName(info.param));
}

// Fixture whose backends use the instruction set of the parameter.
class CpuTest : public testing::TestWithParam<CpuIsa> {
 protected:
  void SetUp() override {
    for (const int num_threads : {1, 2, 3}) {
      absl::StatusOr<std::unique_ptr<CpuBackend>> backend =
          CpuBackend::Create({.num_threads = num_threads, .isa = GetParam()});
      if (absl::IsUnavailable(backend.status())) GTEST_SKIP() << backend.status().message();
      ASSERT_TRUE(backend.ok()) << backend.status();
      backends_.push_back(*std::move(backend));
    }
  }

  // The backend with this many threads, 1 to 3.
  CpuBackend& With(size_t num_threads) { return *backends_[num_threads - 1]; }

  // Runs the case and compares with the oracle, then demands the same bits of more threads.
  template <typename Problem, typename Case>
  void ExpectCorrect(const Case& c) {
    SCOPED_TRACE(c.ToString());
    Problem problem(c);
    const Expected expected = problem.Oracle();
    const absl::Status status = problem.Run(With(1));
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(Matches(problem.Values(), expected));
    EXPECT_TRUE(problem.Untouched());
    for (const size_t num_threads : {2, 3}) {
      Problem again(c);
      ASSERT_TRUE(again.Run(With(num_threads)).ok());
      EXPECT_TRUE(again.Bits() == problem.Bits()) << num_threads << " threads give other bits";
      EXPECT_TRUE(again.Untouched());
    }
  }

 private:
  std::vector<std::unique_ptr<CpuBackend>> backends_;
};

}  // namespace strata::test
