// tokenizer.json of a stranger, as Tokenizer::Load finds it in a directory. What loads encodes
// texts of all kinds, its own file among them, into ids of its vocabulary, and decodes them into
// valid UTF-8.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/string_view.h"
#include "kernels/base/status.h"
#include "models/text/tokenizer.h"
#include "models/text/unicode.h"

namespace {

// A directory of this process, gone with it.
class ScratchDirectory {
 public:
  ScratchDirectory()
      : path_(std::filesystem::temp_directory_path() /
              ("strata_tokenizer_fuzz_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void EncodeAndDecode(const strata::Tokenizer& tokenizer, absl::string_view text) {
  const auto ids = tokenizer.Encode(text);
  if (!ids.ok()) return;
  for (const int32_t id : *ids) {
    STRATA_CHECK(id >= 0 && id < tokenizer.vocab_size(), "encoding gives ids of the vocabulary");
  }
  STRATA_CHECK(strata::IsValidUtf8(tokenizer.Decode(*ids)), "decoding gives UTF-8");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchDirectory directory;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  std::ofstream(directory.path() / "tokenizer.json", std::ios::binary) << bytes;
  const auto tokenizer = strata::Tokenizer::Load(directory.path().string());
  if (!tokenizer.ok()) return 0;
  for (const char* text : {"", "Natalia sold 48/2 = 24 clips, didn't she?\n\n####  72",
                           "\xc3\xa9t\xc3\xa9 e\xcc\x81 \xf0\x9f\x98\x80 \xe6\x96\x87<s> </s>",
                           "\xff\xc3 \xe2\x96\x81\xe2\x96\x81 broken \xf0\x9f"}) {
    EncodeAndDecode(**tokenizer, text);
  }
  EncodeAndDecode(**tokenizer, absl::string_view(bytes).substr(0, 256));
  return 0;
}
