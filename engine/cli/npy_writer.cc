#include "engine/cli/npy_writer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"

namespace strata {

absl::Status WriteNpy(const std::string& path, absl::Span<const float> values, int64_t num_rows,
                      int64_t num_columns) {
  STRATA_CHECK(num_rows * num_columns == static_cast<int64_t>(values.size()),
               "a matrix of another size than its values");
  // Magic, version, header length, header; all together a multiple of 64 bytes, newline last.
  std::string header = absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (", num_rows,
                                    ", ", num_columns, "), }");
  constexpr size_t kPreludeBytes = 10;
  header.append(63 - (kPreludeBytes + header.size()) % 64, ' ');
  header.push_back('\n');
  std::string contents("\x93NUMPY\x01\x00", 8);
  contents.push_back(static_cast<char>(header.size() & 0xff));
  contents.push_back(static_cast<char>(header.size() >> 8));
  contents += header;
  contents.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return WriteFileAtomically(path, contents);
}

}  // namespace strata
