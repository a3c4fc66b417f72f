// ConfigReader: typed, checked access to the keys of one config.json, with the file's name in every
// error. Families read their keys through it; it never guesses.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/config.h"

namespace strata {

class ConfigReader {
 public:
  // `object` outlives the reader.
  ConfigReader(const nlohmann::json& object, std::string origin)
      : object_(object), origin_(std::move(origin)) {}

  const std::string& origin() const { return origin_; }
  const nlohmann::json& object() const { return object_; }

  // True if `key` is there and not null.
  bool Has(absl::string_view key) const;

  // True if `key` is there and null: switched off, where a missing key means a default.
  bool IsNull(absl::string_view key) const;

  // A dimension or count in [1, 2^31); missing is an error unless a default is given.
  absl::StatusOr<int64_t> Dimension(absl::string_view key) const;
  absl::StatusOr<int64_t> DimensionOr(absl::string_view key, int64_t default_value) const;
  // A number of layers in [1, kMaxLayers]: tables are sized by it while the config is read.
  absl::StatusOr<int64_t> NumLayers(absl::string_view key) const;
  absl::StatusOr<double> NumberOr(absl::string_view key, double default_value) const;
  absl::StatusOr<bool> BoolOr(absl::string_view key, bool default_value) const;
  absl::StatusOr<std::string> StringOr(absl::string_view key, std::string default_value) const;

  // An activation by its Hugging Face name.
  absl::StatusOr<Activation> ActivationOr(absl::string_view key, std::string default_value) const;

  // One id or a list of ids; empty when missing or null.
  absl::StatusOr<std::vector<int32_t>> TokenIds(absl::string_view key) const;

  // rope_theta and rope_scaling in the classic form, or rope_parameters in the newer one.
  absl::StatusOr<RopeConfig> Rope(int64_t max_positions) const;

  // What all families share: dtype, special token ids.
  absl::Status ReadCommon(ModelConfig& config) const;

  // InvalidArgument: "<origin>: key '<key>': <what>".
  absl::Status Error(absl::string_view key, absl::string_view what) const;

 private:
  const nlohmann::json& object_;
  std::string origin_;
};

}  // namespace strata
