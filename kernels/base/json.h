// Reading JSON that we did not write: total, bounded, strict.
//
// A parsed document is nlohmann::json; the full type is included in .cc files only. The readers
// here refuse duplicate keys, deep nesting, bytes that are no UTF-8 and NaN, and every error names
// the origin (a path) and the place. Nothing throws across this interface.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// Objects and arrays may nest this deep; real files (chat tools, tokenizers) stay below 20.
inline constexpr int kMaxJsonDepth = 64;

// Parses one JSON document. InvalidArgument with `origin` and the position on any fault, a
// duplicate key in one object included.
absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text, absl::string_view origin);

// ParseJson over a file of at most `max_bytes`. NotFound, ResourceExhausted (too large).
absl::StatusOr<nlohmann::json> ReadJsonFile(const std::string& path, int64_t max_bytes = 256 << 20);

// Parses JSON lines: one document per line, empty lines skipped. Errors name the line number.
absl::StatusOr<std::vector<nlohmann::json>> ParseJsonLines(absl::string_view text,
                                                           absl::string_view origin);

// The texts of the documents that ParseJsonLines parses, in the same order: for callers to whom the
// order of keys matters, which a parsed object does not keep.
std::vector<absl::string_view> JsonLineTexts(absl::string_view text);

// Typed access to a member of `object`; InvalidArgument naming `origin` and `key` when it is
// missing or of another type. GetInt refuses fractions and values outside [min, max].
absl::StatusOr<int64_t> GetInt(const nlohmann::json& object, absl::string_view key, int64_t min,
                               int64_t max, absl::string_view origin);
absl::StatusOr<double> GetNumber(const nlohmann::json& object, absl::string_view key,
                                 absl::string_view origin);
absl::StatusOr<std::string> GetString(const nlohmann::json& object, absl::string_view key,
                                      absl::string_view origin);
absl::StatusOr<bool> GetBool(const nlohmann::json& object, absl::string_view key,
                             absl::string_view origin);

// True if `object` is an object that has `key` with a value other than null.
bool HasValue(const nlohmann::json& object, absl::string_view key);

}  // namespace strata
