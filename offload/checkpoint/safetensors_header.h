// The header of a safetensors file: which tensors it holds and where their bytes lie.
//
// Format (huggingface/safetensors): 8 bytes little-endian header length N, N bytes of JSON
// {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...} with an optional
// "__metadata__" of strings, then the data that the offsets are relative to. Reading is total and
// at least as strict as the official library: whatever the bytes are, the result is a header whose
// tensors tile the data exactly (no hole, no overlap, nothing behind the last), or an error.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/base/dtype.h"
#include "kernels/base/shape.h"

namespace strata {

// The official library's bound; real headers are below 10 MB.
inline constexpr int64_t kMaxSafetensorsHeaderBytes = 100'000'000;

struct SafetensorsTensor {
  std::string name;
  DType dtype;
  Shape shape;
  // Of the first byte, from the start of the file. Old writers did not align it: the bytes may not
  // be addressable as dtype in place (file_offset % AlignmentOf(dtype) tells).
  int64_t file_offset = 0;
  int64_t bytes = 0;  // BytesOf(dtype, shape.NumElements())

  friend bool operator==(const SafetensorsTensor&, const SafetensorsTensor&) = default;
};

struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors;       // in the order of their bytes in the file
  std::map<std::string, std::string> metadata;  // of "__metadata__"
  int64_t data_offset = 0;  // of the first data byte, from the start of the file

  friend bool operator==(const SafetensorsHeader&, const SafetensorsHeader&) = default;
};

// Parses a header from `bytes`, which are the beginning of a file of `file_size` bytes and must
// include the whole header (data may follow). DataLoss for any malformed header, truncated data
// included; Unimplemented for a dtype that Strata does not know or a rank above Shape::kMaxRank.
// Errors name `origin` (the path) and the tensor.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view bytes, int64_t file_size,
                                                         absl::string_view origin);

// Reads and parses the header of the file `path`; never touches its data. NotFound,
// PermissionDenied, InvalidArgument (no regular file), and as ParseSafetensorsHeader.
absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(const std::string& path);

}  // namespace strata
