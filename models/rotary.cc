#include "models/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace strata {
namespace {

// theta^(-2j / head_dim), rounded to float as a float32 tensor library does.
std::vector<float> PlainFrequencies(double theta, int64_t head_dim) {
  std::vector<float> inverse(static_cast<size_t>(head_dim / 2));
  for (size_t j = 0; j < inverse.size(); ++j) {
    const float exponent = static_cast<float>(2 * j) / static_cast<float>(head_dim);
    inverse[j] = 1.0f / std::pow(static_cast<float>(theta), exponent);
  }
  return inverse;
}

void ScaleLlama3(const RopeConfig& rope, std::vector<float>& inverse) {
  const double original = static_cast<double>(rope.original_max_positions);
  const double long_wavelength = original / rope.low_freq_factor;
  const double short_wavelength = original / rope.high_freq_factor;
  for (float& frequency : inverse) {
    const double wavelength = 2.0 * std::numbers::pi / frequency;
    if (wavelength > long_wavelength) {
      frequency = static_cast<float>(frequency / rope.factor);
    } else if (wavelength >= short_wavelength) {
      const double smooth = (original / wavelength - rope.low_freq_factor) /
                            (rope.high_freq_factor - rope.low_freq_factor);
      frequency = static_cast<float>((1.0 - smooth) * frequency / rope.factor + smooth * frequency);
    }
  }
}

// 0.1 mscale ln(factor) + 1, Peng et al. 2023, eq. 22.
double YarnScale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

double YarnAttentionFactor(const RopeConfig& rope) {
  if (rope.attention_factor > 0.0) return rope.attention_factor;
  if (rope.mscale > 0.0 && rope.mscale_all_dim > 0.0) {
    return YarnScale(rope.factor, rope.mscale) / YarnScale(rope.factor, rope.mscale_all_dim);
  }
  return YarnScale(rope.factor, 1.0);
}

void ScaleYarn(const RopeConfig& rope, int64_t head_dim, std::vector<float>& inverse) {
  // The dimension whose wavelength makes `rotations` turns over the original context.
  const auto correction_dim = [&](double rotations) {
    return static_cast<double>(head_dim) *
           std::log(static_cast<double>(rope.original_max_positions) /
                    (rotations * 2.0 * std::numbers::pi)) /
           (2.0 * std::log(rope.theta));
  };
  double low = correction_dim(rope.beta_fast);
  double high = correction_dim(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(head_dim - 1));
  if (low == high) high += 0.001;
  for (size_t j = 0; j < inverse.size(); ++j) {
    const double ramp = std::clamp((static_cast<double>(j) - low) / (high - low), 0.0, 1.0);
    const double kept = 1.0 - ramp;  // share of the unscaled (extrapolated) frequency
    inverse[j] = static_cast<float>(inverse[j] / rope.factor * (1.0 - kept) + inverse[j] * kept);
  }
}

}  // namespace

RotaryFrequencies ComputeRotaryFrequencies(const RopeConfig& rope, int64_t head_dim,
                                           int64_t sequence_length) {
  double theta = rope.theta;
  if (rope.scaling == RopeScaling::kDynamic) {
    const double trained = static_cast<double>(rope.original_max_positions);
    const double length = std::max(static_cast<double>(sequence_length), trained);
    theta *= std::pow(rope.factor * length / trained - (rope.factor - 1.0),
                      static_cast<double>(head_dim) / static_cast<double>(head_dim - 2));
  }
  RotaryFrequencies frequencies = {.inverse = PlainFrequencies(theta, head_dim)};
  switch (rope.scaling) {
    case RopeScaling::kNone:
    case RopeScaling::kDynamic:
      break;
    case RopeScaling::kLinear:
      for (float& frequency : frequencies.inverse) {
        frequency /= static_cast<float>(rope.factor);
      }
      break;
    case RopeScaling::kLlama3:
      ScaleLlama3(rope, frequencies.inverse);
      break;
    case RopeScaling::kYarn:
      ScaleYarn(rope, head_dim, frequencies.inverse);
      frequencies.attention_factor = static_cast<float>(YarnAttentionFactor(rope));
      break;
  }
  return frequencies;
}

void FillRotaryAngles(const RotaryFrequencies& frequencies, absl::Span<const int32_t> positions,
                      const MutableTensorView& cosines, const MutableTensorView& sines) {
  for (size_t token = 0; token < positions.size(); ++token) {
    float* cosine = cosines.MutableRow<float>(static_cast<int64_t>(token));
    float* sine = sines.MutableRow<float>(static_cast<int64_t>(token));
    for (size_t j = 0; j < frequencies.inverse.size(); ++j) {
      const float angle = static_cast<float>(positions[token]) * frequencies.inverse[j];
      cosine[j] = std::cos(angle) * frequencies.attention_factor;
      sine[j] = std::sin(angle) * frequencies.attention_factor;
    }
  }
}

}  // namespace strata
