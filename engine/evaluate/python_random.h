// Python's `random.Random(seed).sample`, number for number.
//
// lm-evaluation-harness draws its few-shot examples with it, so a prompt equals the harness's only
// if the generator, the seeding, the rejection rule and the choice between the two sampling
// algorithms are Python's. The generator is std::mt19937; all else is reproduced here.
// Not thread-safe: a draw changes the state.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace strata {

class PythonRandom {
 public:
  // As `random.Random(seed)` for a non-negative integer seed.
  explicit PythonRandom(uint64_t seed);

  // As `sample(range(population_size), num_drawn)`: distinct numbers of [0, population_size) in
  // the order drawn. Needs 0 <= num_drawn <= population_size < 2^31.
  std::vector<int64_t> Sample(int64_t population_size, int64_t num_drawn);

 private:
  // As `_randbelow_with_getrandbits`: uniform in [0, bound), 0 < bound < 2^31.
  int64_t RandomBelow(int64_t bound);

  std::mt19937 generator_;
};

}  // namespace strata
