// The readers under every config, tokenizer and checkpoint index: one document, and JSON lines.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/strings/string_view.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = strata::ParseJson(text, "fuzz");
  if (document.ok()) {
    // What was read can be written and read again, and is the same.
    const auto again = strata::ParseJson(document->dump(), "fuzz");
    STRATA_CHECK(again.ok() && *again == *document, "a written document reads as it was");
    strata::GetInt(*document, "a", 0, 100, "fuzz").IgnoreError();
    strata::GetNumber(*document, "a", "fuzz").IgnoreError();
    strata::GetString(*document, "a", "fuzz").IgnoreError();
    strata::GetBool(*document, "a", "fuzz").IgnoreError();
  }
  strata::ParseJsonLines(text, "fuzz").IgnoreError();
  return 0;
}
