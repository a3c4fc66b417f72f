// What the checkpoint tests share: a directory that goes away, small files, expected errors.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace strata {

// A directory of its own for one test, removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = testing::TempDir() + "/strata_checkpoint_XXXXXX";
    const char* created = mkdtemp(pattern.data());
    EXPECT_NE(created, nullptr);
    if (created != nullptr) path_ = created;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string Join(const std::string& name) const { return path_ + "/" + name; }

  // Writes path()/name, making its directories.
  std::string Write(const std::string& name, const std::string& contents) const {
    const std::string file_path = Join(name);
    std::filesystem::create_directories(std::filesystem::path(file_path).parent_path());
    std::ofstream(file_path, std::ios::binary) << contents;
    return file_path;
  }

 private:
  std::string path_;
};

// A safetensors file: the little-endian length of `json`, `json`, then `data_bytes` zeros.
inline std::string SafetensorsBytes(const std::string& json, size_t data_bytes) {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) {
    file += static_cast<char>(static_cast<uint64_t>(json.size()) >> shift & 0xff);
  }
  return file + json + std::string(data_bytes, '\0');
}

// Expects an error of `code` whose message holds every one of `parts`.
inline void ExpectError(const absl::Status& status, absl::StatusCode code,
                        const std::vector<std::string>& parts) {
  EXPECT_EQ(status.code(), code) << status;
  for (const std::string& part : parts) {
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(part));
  }
}

}  // namespace strata
