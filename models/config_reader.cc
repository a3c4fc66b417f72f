#include "models/config_reader.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr int64_t kMaxDimension = std::numeric_limits<int32_t>::max();

}  // namespace

bool ConfigReader::Has(absl::string_view key) const { return HasValue(object_, key); }

bool ConfigReader::IsNull(absl::string_view key) const {
  return object_.contains(std::string(key)) && !Has(key);
}

absl::Status ConfigReader::Error(absl::string_view key, absl::string_view what) const {
  return absl::InvalidArgumentError(absl::StrCat(origin_, ": key '", key, "': ", what));
}

absl::StatusOr<int64_t> ConfigReader::Dimension(absl::string_view key) const {
  return GetInt(object_, key, 1, kMaxDimension, origin_);
}

absl::StatusOr<int64_t> ConfigReader::DimensionOr(absl::string_view key,
                                                  int64_t default_value) const {
  return Has(key) ? Dimension(key) : default_value;
}

absl::StatusOr<int64_t> ConfigReader::NumLayers(absl::string_view key) const {
  return GetInt(object_, key, 1, kMaxLayers, origin_);
}

absl::StatusOr<double> ConfigReader::NumberOr(absl::string_view key, double default_value) const {
  if (!Has(key)) return default_value;
  return GetNumber(object_, key, origin_);
}

absl::StatusOr<bool> ConfigReader::BoolOr(absl::string_view key, bool default_value) const {
  if (!Has(key)) return default_value;
  return GetBool(object_, key, origin_);
}

absl::StatusOr<std::string> ConfigReader::StringOr(absl::string_view key,
                                                   std::string default_value) const {
  if (!Has(key)) return default_value;
  return GetString(object_, key, origin_);
}

absl::StatusOr<Activation> ConfigReader::ActivationOr(absl::string_view key,
                                                      std::string default_value) const {
  STRATA_ASSIGN_OR_RETURN(const std::string name, StringOr(key, std::move(default_value)));
  if (name == "relu") return Activation::kRelu;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") {
    return Activation::kGeluTanh;
  }
  return Error(key, absl::StrCat("unknown activation '", name,
                                 "', expected relu, silu, gelu, gelu_new or gelu_pytorch_tanh"));
}

absl::StatusOr<std::vector<int32_t>> ConfigReader::TokenIds(absl::string_view key) const {
  std::vector<int32_t> ids;
  if (!Has(key)) return ids;
  const nlohmann::json& value = object_[std::string(key)];
  const nlohmann::json list = value.is_array() ? value : nlohmann::json::array({value});
  for (const nlohmann::json& element : list) {
    // Published configs use -1 for "none".
    if (!element.is_number_integer() || element < -1 || element > kMaxDimension) {
      return Error(key, "expected a token id or a list of token ids");
    }
    if (element >= 0) ids.push_back(element.get<int32_t>());
  }
  return ids;
}

absl::StatusOr<RopeConfig> ConfigReader::Rope(int64_t max_positions) const {
  RopeConfig rope;
  // transformers 5 moved rope_theta into rope_parameters, which also holds the scaling.
  const bool newer = Has("rope_parameters");
  const char* key = newer ? "rope_parameters" : "rope_scaling";
  const nlohmann::json none = nlohmann::json::object();
  const nlohmann::json& scaling_object = Has(key) ? object_[key] : none;
  if (!scaling_object.is_object()) return Error(key, "expected an object");
  const ConfigReader scaling(scaling_object, absl::StrCat(origin_, ": ", key));
  STRATA_ASSIGN_OR_RETURN(rope.theta, NumberOr("rope_theta", 10000.0));
  STRATA_ASSIGN_OR_RETURN(rope.theta, scaling.NumberOr("rope_theta", rope.theta));
  if (!(rope.theta > 0.0)) return Error("rope_theta", "expected a positive number");

  STRATA_ASSIGN_OR_RETURN(const double rotary_share, NumberOr("partial_rotary_factor", 1.0));
  if (rotary_share != 1.0) {
    return absl::UnimplementedError(
        absl::StrCat(origin_, ": partial_rotary_factor ", rotary_share, " is not supported"));
  }
  STRATA_ASSIGN_OR_RETURN(std::string kind, scaling.StringOr("type", "default"));
  STRATA_ASSIGN_OR_RETURN(kind, scaling.StringOr("rope_type", kind));
  if (kind == "default") return rope;
  STRATA_ASSIGN_OR_RETURN(rope.factor, GetNumber(scaling_object, "factor", scaling.origin()));
  if (!(rope.factor >= 1.0)) return scaling.Error("factor", "expected a number of at least 1");
  STRATA_ASSIGN_OR_RETURN(rope.original_max_positions,
                          scaling.DimensionOr("original_max_position_embeddings", max_positions));
  if (kind == "linear") {
    rope.scaling = RopeScaling::kLinear;
  } else if (kind == "dynamic") {
    rope.scaling = RopeScaling::kDynamic;
    rope.original_max_positions = max_positions;  // all that transformers reads for this kind
  } else if (kind == "llama3") {
    rope.scaling = RopeScaling::kLlama3;
    STRATA_ASSIGN_OR_RETURN(rope.low_freq_factor, scaling.NumberOr("low_freq_factor", 1.0));
    STRATA_ASSIGN_OR_RETURN(rope.high_freq_factor, scaling.NumberOr("high_freq_factor", 4.0));
    if (!(rope.high_freq_factor > rope.low_freq_factor && rope.low_freq_factor > 0.0)) {
      return scaling.Error("high_freq_factor", "expected more than low_freq_factor, both positive");
    }
  } else if (kind == "yarn") {
    rope.scaling = RopeScaling::kYarn;
    STRATA_ASSIGN_OR_RETURN(rope.beta_fast, scaling.NumberOr("beta_fast", 32.0));
    STRATA_ASSIGN_OR_RETURN(rope.beta_slow, scaling.NumberOr("beta_slow", 1.0));
    STRATA_ASSIGN_OR_RETURN(rope.mscale, scaling.NumberOr("mscale", 0.0));
    STRATA_ASSIGN_OR_RETURN(rope.mscale_all_dim, scaling.NumberOr("mscale_all_dim", 0.0));
    STRATA_ASSIGN_OR_RETURN(rope.attention_factor, scaling.NumberOr("attention_factor", 0.0));
    STRATA_ASSIGN_OR_RETURN(rope.truncate, scaling.BoolOr("truncate", true));
    if (!(rope.beta_fast > 0.0 && rope.beta_slow > 0.0 && rope.attention_factor >= 0.0)) {
      return scaling.Error("beta_fast", "expected positive beta_fast, beta_slow, attention_factor");
    }
  } else {
    return absl::UnimplementedError(
        absl::StrCat(scaling.origin(), ": rope type '", kind,
                     "' is not supported; supported: default, linear, dynamic, llama3, yarn"));
  }
  return rope;
}

absl::Status ConfigReader::ReadCommon(ModelConfig& config) const {
  const char* dtype_key = Has("torch_dtype") ? "torch_dtype" : "dtype";
  STRATA_ASSIGN_OR_RETURN(const std::string dtype, StringOr(dtype_key, "float32"));
  const absl::StatusOr<DType> parsed = DTypeFromTorch(dtype);
  if (!parsed.ok()) return Error(dtype_key, parsed.status().message());
  config.checkpoint_dtype = *parsed;
  STRATA_ASSIGN_OR_RETURN(config.eos_token_ids, TokenIds("eos_token_id"));
  STRATA_ASSIGN_OR_RETURN(config.bos_token_ids, TokenIds("bos_token_id"));
  return absl::OkStatus();
}

}  // namespace strata
