// libFuzzer entry: no bytes may crash the Parquet reader, and every row that it gives is one JSON
// object in UTF-8.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "engine/evaluate/parquet/parquet_rows.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto rows =
      strata::ParquetRowsAsJson(absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!rows.ok()) return 0;
  for (size_t i = 0; i < rows->size() && i < 1000; ++i) {
    STRATA_CHECK(strata::ParseJson((*rows)[i], "row").ok(), "a row is an object");
  }
  return 0;
}
