#include "engine/evaluate/parquet/page_codec.h"

#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

// Each fills all of `out` from `in`; false when `in` is broken or holds more or less.

bool Unsnappy(absl::string_view in, std::string& out) {
  size_t size = 0;
  if (snappy_uncompressed_length(in.data(), in.size(), &size) != SNAPPY_OK || size != out.size()) {
    return false;
  }
  return snappy_uncompress(in.data(), in.size(), out.data(), &size) == SNAPPY_OK &&
         size == out.size();
}

bool Unzstd(absl::string_view in, std::string& out) {
  const size_t size = ZSTD_decompress(out.data(), out.size(), in.data(), in.size());
  return ZSTD_isError(size) == 0 && size == out.size();
}

bool Gunzip(absl::string_view in, std::string& out) {
  constexpr int kGzipOrZlibHeader = 15 + 32;  // the largest window; the header says which
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipOrZlibHeader) != Z_OK) return false;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int code = inflate(&stream, Z_FINISH);
  const bool is_whole = code == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
  inflateEnd(&stream);
  return is_whole;
}

}  // namespace

absl::StatusOr<std::string> Decompress(ParquetCodec codec, absl::string_view compressed,
                                       int64_t size_bytes) {
  std::string out(static_cast<size_t>(size_bytes), '\0');
  bool is_whole = false;
  switch (codec) {
    case ParquetCodec::kNone:
      is_whole = compressed.size() == out.size();
      out.assign(compressed.data(), compressed.size());
      break;
    case ParquetCodec::kSnappy:
      is_whole = Unsnappy(compressed, out);
      break;
    case ParquetCodec::kGzip:
      is_whole = Gunzip(compressed, out);
      break;
    case ParquetCodec::kZstd:
      is_whole = Unzstd(compressed, out);
      break;
  }
  if (is_whole) return out;
  return absl::DataLossError(absl::StrCat("a page of ", compressed.size(), " bytes under codec ",
                                          static_cast<int>(codec), " does not hold the ",
                                          size_bytes, " bytes that it says"));
}

uint32_t Crc32(absl::string_view bytes) {
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

}  // namespace strata
