// An open regular file that is only read: the owner of one file descriptor.
//
// Reads are positioned (pread), so one ReadOnlyFile serves many threads at once. A file that
// shrinks after Open gives an error here, where a mapping of it would raise SIGBUS; headers are
// therefore read through this class and only weights through MappedFile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace strata {

class ReadOnlyFile {
 public:
  // Follows symbolic links. NotFound, PermissionDenied; InvalidArgument for anything but a regular
  // file (a directory, a pipe: opening never blocks). Errors name the path.
  static absl::StatusOr<ReadOnlyFile> Open(const std::string& path);

  ReadOnlyFile(ReadOnlyFile&& other) noexcept;
  ReadOnlyFile& operator=(ReadOnlyFile&& other) noexcept;
  ~ReadOnlyFile();

  // Fills `out` with the bytes from `offset` (>= 0) on. DataLoss when the file ends before that.
  absl::Status ReadAt(int64_t offset, absl::Span<std::byte> out) const;

  const std::string& path() const { return path_; }
  int64_t size_bytes() const { return size_bytes_; }  // at Open
  int descriptor() const { return descriptor_; }      // owned by this object

 private:
  ReadOnlyFile(std::string path, int descriptor, int64_t size_bytes);

  std::string path_;
  int descriptor_ = -1;  // -1: moved from
  int64_t size_bytes_ = 0;
};

}  // namespace strata
