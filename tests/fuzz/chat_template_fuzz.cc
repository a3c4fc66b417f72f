// Fuzzes chat templates: whatever a template file or a request holds, rendering ends with a text or
// a status. An input is the template, a line "====", and the JSON object of variables.

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "models/text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr absl::string_view kSeparator = "\n====\n";
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t at = input.find(kSeparator);
  const absl::string_view source = input.substr(0, at);
  const absl::string_view variables =
      at == absl::string_view::npos ? "{}" : input.substr(at + kSeparator.size());
  const auto parsed = strata::ChatTemplate::Parse(source, "fuzz");
  if (!parsed.ok()) return 0;
  // Small limits, so that one input takes milliseconds.
  const strata::jinja::RenderLimits limits{
      .max_steps = 50'000, .max_allocated_bytes = 4 << 20, .max_output_bytes = 1 << 20};
  (void)parsed->RenderVariables(variables, absl::CivilSecond(2025, 7, 10, 12, 0, 0), limits);
  return 0;
}
