// libFuzzer entry: no bytes may crash the safetensors header reader, and every header it accepts
// must tile the file.
#include <cstddef>
#include <cstdint>

#include "kernels/base/status.h"
#include "offload/checkpoint/safetensors_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  // The input is the beginning of a file that may go on; the last byte says for how long, so that
  // tensors larger than any input are reached too.
  const int64_t rest_bytes = size == 0 ? 0 : int64_t{1} << (data[size - 1] % 48);
  for (const int64_t file_size :
       {static_cast<int64_t>(size), static_cast<int64_t>(size) + rest_bytes}) {
    const auto header = strata::ParseSafetensorsHeader(bytes, file_size, "input");
    if (!header.ok()) continue;
    int64_t end = header->data_offset;
    for (const strata::SafetensorsTensor& tensor : header->tensors) {
      STRATA_CHECK(tensor.file_offset == end, "the tensors tile the file");
      STRATA_CHECK(tensor.bytes == strata::BytesOf(tensor.dtype, tensor.shape.NumElements()),
                   "a tensor has the bytes of its shape");
      end += tensor.bytes;
    }
    STRATA_CHECK(end == file_size, "the tensors end with the file");
  }
  return 0;
}
