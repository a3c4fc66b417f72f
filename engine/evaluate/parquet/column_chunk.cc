#include "engine/evaluate/parquet/column_chunk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/evaluate/parquet/little_endian.h"
#include "engine/evaluate/parquet/page_codec.h"
#include "engine/evaluate/parquet/page_header.h"
#include "engine/evaluate/parquet/run_length.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

absl::Status Take(int64_t& left, int64_t count, const char* unit, absl::string_view what) {
  if (count <= left) {
    left -= count;
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(what, " takes ", count, " ", unit, ", ", left, " are left of the limit"));
}

// Bits of a level of at most `max_level`, which is below 4.
int LevelBits(int max_level) { return max_level == 0 ? 0 : max_level == 1 ? 1 : 2; }

class ChunkReader {
 public:
  ChunkReader(const ParquetColumn& column, const ParquetChunk& chunk, DecodeBudget& budget)
      : column_(column), chunk_(chunk), budget_(budget) {}

  absl::StatusOr<ColumnValues> Read(absl::string_view pages) && {
    STRATA_RETURN_IF_ERROR(budget_.TakeValues(chunk_.num_values, "the chunk"));
    while (num_values() < chunk_.num_values) {
      STRATA_ASSIGN_OR_RETURN(const PageHeader header, ParsePageHeader(pages));
      pages.remove_prefix(header.header_bytes);
      const auto size = static_cast<size_t>(header.compressed_size_bytes);
      if (size > pages.size()) {
        return absl::DataLossError(
            absl::StrCat("a page of ", size, " bytes where the chunk has ", pages.size(), " more"));
      }
      STRATA_RETURN_IF_ERROR(Page(header, pages.substr(0, size)));
      pages.remove_prefix(size);
    }
    return std::move(values_);
  }

 private:
  int64_t num_values() const { return static_cast<int64_t>(values_.definition_levels.size()); }

  absl::Status Page(const PageHeader& header, absl::string_view bytes) {
    if (header.crc.has_value() && *header.crc != Crc32(bytes)) {
      return absl::DataLossError("a page's CRC-32 is not the one in its header");
    }
    if (header.kind == PageKind::kIndex) return absl::OkStatus();
    STRATA_RETURN_IF_ERROR(budget_.TakeBytes(header.size_bytes, "a page"));
    if (header.kind == PageKind::kDictionary) return Dictionary(header, bytes);
    if (header.num_values > chunk_.num_values - num_values()) {
      return absl::DataLossError(absl::StrCat("a page of ", header.num_values,
                                              " values where the chunk has ",
                                              chunk_.num_values - num_values(), " more"));
    }
    return header.kind == PageKind::kData ? DataV1(header, bytes) : DataV2(header, bytes);
  }

  absl::Status Dictionary(const PageHeader& header, absl::string_view bytes) {
    if (has_dictionary_ || num_values() > 0) {
      return absl::DataLossError("a dictionary that is not the first page");
    }
    has_dictionary_ = true;
    STRATA_RETURN_IF_ERROR(budget_.TakeValues(header.num_values, "a dictionary"));
    STRATA_ASSIGN_OR_RETURN(const std::string page,
                            Decompress(chunk_.codec, bytes, header.size_bytes));
    return Plain(page, header.num_values, dictionary_);
  }

  absl::Status DataV1(const PageHeader& header, absl::string_view bytes) {
    STRATA_ASSIGN_OR_RETURN(const std::string page,
                            Decompress(chunk_.codec, bytes, header.size_bytes));
    absl::string_view rest = page;
    const auto levels = [&rest, &header, this](int max_level, std::vector<uint32_t>& all) {
      if (max_level == 0) return Levels("", max_level, header.num_values, all);
      if (rest.size() < 4 || ReadUint32(rest) > rest.size() - 4) {
        return absl::Status(absl::DataLossError("the levels of a page are cut off"));
      }
      const auto size = static_cast<size_t>(ReadUint32(rest));
      const absl::Status status = Levels(rest.substr(4, size), max_level, header.num_values, all);
      rest.remove_prefix(4 + size);
      return status;
    };
    STRATA_RETURN_IF_ERROR(levels(column_.max_repetition_level(), values_.repetition_levels));
    STRATA_RETURN_IF_ERROR(levels(column_.max_definition_level(), values_.definition_levels));
    return Values(header, rest);
  }

  absl::Status DataV2(const PageHeader& header, absl::string_view bytes) {
    const auto repetition = static_cast<size_t>(header.repetition_levels_bytes);
    const auto definition = static_cast<size_t>(header.definition_levels_bytes);
    STRATA_RETURN_IF_ERROR(Levels(bytes.substr(0, repetition), column_.max_repetition_level(),
                                  header.num_values, values_.repetition_levels));
    STRATA_RETURN_IF_ERROR(Levels(bytes.substr(repetition, definition),
                                  column_.max_definition_level(), header.num_values,
                                  values_.definition_levels));
    const absl::string_view compressed = bytes.substr(repetition + definition);
    const int64_t size = header.size_bytes - static_cast<int64_t>(repetition + definition);
    // Without values some writers leave nothing, not even an empty frame.
    if (compressed.empty() && size == 0) return Values(header, "");
    const ParquetCodec codec = header.are_values_compressed ? chunk_.codec : ParquetCodec::kNone;
    STRATA_ASSIGN_OR_RETURN(const std::string page, Decompress(codec, compressed, size));
    return Values(header, page);
  }

  // Appends `count` levels to `all`.
  static absl::Status Levels(absl::string_view bytes, int max_level, int64_t count,
                             std::vector<uint32_t>& all) {
    if (max_level == 0) {
      all.resize(all.size() + static_cast<size_t>(count), 0);
      return absl::OkStatus();
    }
    STRATA_ASSIGN_OR_RETURN(const std::vector<uint32_t> levels,
                            DecodeRunLength(bytes, LevelBits(max_level), count));
    for (const uint32_t level : levels) {
      if (level > static_cast<uint32_t>(max_level)) {
        return absl::DataLossError(absl::StrCat("level ", level, " of at most ", max_level));
      }
    }
    all.insert(all.end(), levels.begin(), levels.end());
    return absl::OkStatus();
  }

  // The values of a page whose levels are the last of values_.
  absl::Status Values(const PageHeader& header, absl::string_view bytes) {
    const auto& levels = values_.definition_levels;
    const int64_t count = std::count(levels.end() - header.num_values, levels.end(),
                                     static_cast<uint32_t>(column_.max_definition_level()));
    if (header.encoding == PageEncoding::kPlain) return Plain(bytes, count, values_);
    if (!has_dictionary_) return absl::DataLossError("indices without a dictionary before them");
    if (count == 0) return absl::OkStatus();
    if (bytes.empty() || static_cast<uint8_t>(bytes.front()) > 32) {
      return absl::DataLossError("the width of dictionary indices is missing or above 32 bits");
    }
    const int bit_width = static_cast<uint8_t>(bytes.front());
    STRATA_ASSIGN_OR_RETURN(const std::vector<uint32_t> indices,
                            DecodeRunLength(bytes.substr(1), bit_width, count));
    const size_t num_entries = column_.type == ParquetColumn::Type::kText
                                   ? dictionary_.texts.size()
                                   : dictionary_.integers.size();
    for (const uint32_t index : indices) {
      if (index >= num_entries) {
        return absl::DataLossError(
            absl::StrCat("index ", index, " into a dictionary of ", num_entries));
      }
      if (column_.type == ParquetColumn::Type::kText) {
        const std::string& text = dictionary_.texts[index];
        STRATA_RETURN_IF_ERROR(budget_.TakeBytes(static_cast<int64_t>(text.size()), "a text"));
        values_.texts.push_back(text);
      } else {
        values_.integers.push_back(dictionary_.integers[index]);
      }
    }
    return absl::OkStatus();
  }

  // Appends the `count` values that fill `bytes`.
  absl::Status Plain(absl::string_view bytes, int64_t count, ColumnValues& out) {
    const size_t width = column_.type == ParquetColumn::Type::kInt64 ? 8 : 4;
    for (int64_t i = 0; i < count; ++i) {
      if (bytes.size() < width) return PlainCutOff(i, count);
      const uint64_t number = ReadLittleEndian(bytes, width);
      bytes.remove_prefix(width);
      if (column_.type == ParquetColumn::Type::kInt32) {
        out.integers.push_back(static_cast<int32_t>(static_cast<uint32_t>(number)));
      } else if (column_.type == ParquetColumn::Type::kInt64) {
        out.integers.push_back(static_cast<int64_t>(number));
      } else {
        if (bytes.size() < number) return PlainCutOff(i, count);
        out.texts.emplace_back(bytes.substr(0, number));
        bytes.remove_prefix(number);
      }
    }
    if (bytes.empty()) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat("a page of ", count, " values has ", bytes.size(), " bytes more"));
  }

  static absl::Status PlainCutOff(int64_t num_found, int64_t count) {
    return absl::DataLossError(
        absl::StrCat("a page of ", count, " values is cut off after ", num_found));
  }

  const ParquetColumn& column_;
  const ParquetChunk& chunk_;
  DecodeBudget& budget_;
  ColumnValues values_;
  ColumnValues dictionary_;  // no levels
  bool has_dictionary_ = false;
};

}  // namespace

absl::Status DecodeBudget::TakeValues(int64_t count, absl::string_view what) {
  return Take(num_values, count, "values", what);
}

absl::Status DecodeBudget::TakeBytes(int64_t count, absl::string_view what) {
  return Take(bytes, count, "bytes", what);
}

absl::StatusOr<ColumnValues> ReadColumnChunk(absl::string_view file, const ParquetColumn& column,
                                             const ParquetChunk& chunk, DecodeBudget& budget) {
  return ChunkReader(column, chunk, budget)
      .Read(file.substr(static_cast<size_t>(chunk.offset), static_cast<size_t>(chunk.size_bytes)));
}

}  // namespace strata
