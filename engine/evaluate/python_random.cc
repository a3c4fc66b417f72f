#include "engine/evaluate/python_random.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <unordered_set>

#include "kernels/base/status.h"

namespace strata {
namespace {

// init_by_array of Matsumoto and Nishimura's mt19937ar.c, offered as a seed sequence:
// std::mt19937 takes the 624 words that `generate` writes as its state, unchanged.
class ArraySeed {
 public:
  using result_type = uint32_t;

  explicit ArraySeed(std::vector<uint32_t> key) : key_(std::move(key)) {}

  template <typename Iterator>
  void generate(Iterator begin, Iterator end) const {
    constexpr size_t kNumWords = std::mt19937::state_size;
    std::array<uint32_t, kNumWords> state;
    state[0] = 19650218u;
    for (size_t i = 1; i < kNumWords; ++i) {
      state[i] = 1812433253u * Mixed(state[i - 1]) + static_cast<uint32_t>(i);
    }
    size_t i = 1;
    size_t j = 0;
    const auto step_forward = [&] {
      if (++i < kNumWords) return;
      state[0] = state[kNumWords - 1];
      i = 1;
    };
    for (size_t k = std::max(kNumWords, key_.size()); k > 0; --k) {
      state[i] = (state[i] ^ (Mixed(state[i - 1]) * 1664525u)) + key_[j] + static_cast<uint32_t>(j);
      step_forward();
      if (++j == key_.size()) j = 0;
    }
    for (size_t k = kNumWords - 1; k > 0; --k) {
      state[i] = (state[i] ^ (Mixed(state[i - 1]) * 1566083941u)) - static_cast<uint32_t>(i);
      step_forward();
    }
    state[0] = 0x80000000u;
    STRATA_CHECK(end - begin == static_cast<std::ptrdiff_t>(kNumWords),
                 "std::mt19937 asks for one word per word of its state");
    std::copy(state.begin(), state.end(), begin);
  }

 private:
  static uint32_t Mixed(uint32_t word) { return word ^ (word >> 30); }

  std::vector<uint32_t> key_;  // not empty
};

// The seed's 32-bit digits, least significant first, as CPython hands them to init_by_array.
std::mt19937 SeededGenerator(uint64_t seed) {
  std::vector<uint32_t> key = {static_cast<uint32_t>(seed)};
  if (seed >> 32 != 0) key.push_back(static_cast<uint32_t>(seed >> 32));
  ArraySeed sequence(std::move(key));
  return std::mt19937(sequence);
}

}  // namespace

PythonRandom::PythonRandom(uint64_t seed) : generator_(SeededGenerator(seed)) {}

int64_t PythonRandom::RandomBelow(int64_t bound) {
  const int num_bits = std::bit_width(static_cast<uint32_t>(bound));
  for (;;) {
    const int64_t drawn =
        static_cast<int64_t>(static_cast<uint32_t>(generator_()) >> (32 - num_bits));
    if (drawn < bound) return drawn;
  }
}

std::vector<int64_t> PythonRandom::Sample(int64_t population_size, int64_t num_drawn) {
  STRATA_CHECK(0 <= num_drawn && num_drawn <= population_size && population_size <= INT32_MAX,
               "a sample is not larger than its population");
  // Python's estimate of a set's size: 21, and for k > 5 the power of four that is >= 3 k besides.
  int64_t set_size = 21;
  if (num_drawn > 5) {
    int64_t power_of_four = 1;
    while (power_of_four < 3 * num_drawn) power_of_four *= 4;
    set_size += power_of_four;
  }
  std::vector<int64_t> result;
  result.reserve(static_cast<size_t>(num_drawn));
  if (population_size <= set_size) {
    // A small population is a pool: what is drawn is replaced by the last that is left.
    std::vector<int64_t> pool(static_cast<size_t>(population_size));
    std::iota(pool.begin(), pool.end(), 0);
    while (static_cast<int64_t>(result.size()) < num_drawn) {
      const size_t drawn = static_cast<size_t>(RandomBelow(static_cast<int64_t>(pool.size())));
      result.push_back(pool[drawn]);
      pool[drawn] = pool.back();
      pool.pop_back();
    }
    return result;
  }
  std::unordered_set<int64_t> selected;
  while (static_cast<int64_t>(result.size()) < num_drawn) {
    const int64_t drawn = RandomBelow(population_size);
    if (selected.insert(drawn).second) result.push_back(drawn);
  }
  return result;
}

}  // namespace strata
