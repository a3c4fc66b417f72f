#include "kernels/ops/check.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "kernels/base/packed_weights.h"

namespace strata {
namespace {

absl::Status CheckRowStride(absl::string_view op, absl::string_view name,
                            const TensorView& tensor) {
  if (tensor.row_stride() >= tensor.num_columns()) return absl::OkStatus();
  return OpError(op, name,
                 absl::StrCat("expected a row stride of at least ", tensor.num_columns(),
                              " elements, got ", tensor.row_stride()));
}

// The bytes a tensor lies in: [begin, end).
struct ByteRange {
  uintptr_t begin;
  uintptr_t end;
};

ByteRange RangeOf(const TensorView& tensor) {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(tensor.data());
  const int64_t bytes = (tensor.num_rows() - 1) * BytesOf(tensor.dtype(), tensor.row_stride()) +
                        BytesOf(tensor.dtype(), tensor.num_columns());
  return {begin, begin + static_cast<uintptr_t>(bytes)};
}

bool IsEmpty(const TensorView& tensor) {
  return !tensor.present() || tensor.shape().NumElements() == 0;
}

bool Overlap(const TensorView& a, const TensorView& b) {
  if (IsEmpty(a) || IsEmpty(b)) return false;
  const ByteRange a_range = RangeOf(a);
  const ByteRange b_range = RangeOf(b);
  if (a_range.end <= b_range.begin || b_range.end <= a_range.begin) return false;
  // Windows of columns of one buffer interleave without sharing an element.
  const int64_t stride = BytesOf(a.dtype(), a.row_stride());
  if (stride != BytesOf(b.dtype(), b.row_stride())) return true;
  const bool a_first = a_range.begin <= b_range.begin;
  const TensorView& first = a_first ? a : b;
  const TensorView& second = a_first ? b : a;
  const uintptr_t distance =
      a_first ? b_range.begin - a_range.begin : a_range.begin - b_range.begin;
  const int64_t offset = static_cast<int64_t>(distance % static_cast<uintptr_t>(stride));
  return offset < BytesOf(first.dtype(), first.num_columns()) ||
         offset + BytesOf(second.dtype(), second.num_columns()) > stride;
}

bool IsSame(const TensorView& a, const TensorView& b) {
  return a.data() == b.data() && a.dtype() == b.dtype() && a.shape() == b.shape() &&
         a.row_stride() == b.row_stride();
}

}  // namespace

absl::Status OpError(absl::string_view op, absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(op, ": '", name, "': ", what));
}

absl::Status CheckTensor(absl::string_view op, absl::string_view name, const TensorView& tensor,
                         DType dtype, const Shape& shape) {
  if (tensor.present() && tensor.dtype() == dtype && tensor.shape() == shape) {
    return CheckRowStride(op, name, tensor);
  }
  const std::string expected = absl::StrCat("expected ", shape.ToString(), " ", DTypeName(dtype));
  if (!tensor.present()) return OpError(op, name, expected + ", got nothing");
  return OpError(
      op, name,
      absl::StrCat(expected, ", got ", tensor.shape().ToString(), " ", DTypeName(tensor.dtype())));
}

absl::Status CheckFloatTensor(absl::string_view op, absl::string_view name,
                              const TensorView& tensor, const Shape& shape) {
  if (tensor.present() && !IsFloat(tensor.dtype())) {
    return absl::UnimplementedError(absl::StrCat(op, ": '", name, "': format ",
                                                 DTypeName(tensor.dtype()),
                                                 " cannot be computed from, only f32, f16, bf16"));
  }
  return CheckTensor(op, name, tensor, tensor.dtype(), shape);
}

absl::Status CheckWeight(absl::string_view op, absl::string_view name, const TensorView& tensor,
                         const Shape& shape) {
  if (!tensor.present() || !IsPackedWeight(tensor.dtype())) {
    return CheckFloatTensor(op, name, tensor, shape);
  }
  STRATA_RETURN_IF_ERROR(CheckTensor(op, name, tensor, tensor.dtype(), shape));
  if (!tensor.dense()) return OpError(op, name, "expected packed rows without gaps, got a stride");
  if (reinterpret_cast<uintptr_t>(tensor.data()) % kPackedAlignment == 0) return absl::OkStatus();
  return OpError(op, name, "expected packed rows aligned to 16 bytes");
}

absl::Status CheckRank(absl::string_view op, absl::string_view name, const TensorView& tensor,
                       int rank) {
  if (!tensor.present()) {
    return OpError(op, name, absl::StrCat("expected a tensor of rank ", rank, ", got nothing"));
  }
  if (tensor.shape().rank() == rank) return absl::OkStatus();
  return OpError(op, name,
                 absl::StrCat("expected rank ", rank, ", got ", tensor.shape().ToString()));
}

absl::Status CheckDisjoint(absl::string_view op, absl::string_view name, const TensorView& input,
                           const TensorView& out) {
  if (!Overlap(input, out)) return absl::OkStatus();
  return OpError(op, name, "expected memory apart from what is written, got an overlap");
}

absl::Status CheckSameOrDisjoint(absl::string_view op, absl::string_view name,
                                 const TensorView& input, const TensorView& out) {
  if (IsSame(input, out) || !Overlap(input, out)) return absl::OkStatus();
  return OpError(op, name, "expected 'out' itself or memory apart from it, got a partial overlap");
}

absl::Status CheckKvView(absl::string_view op, const KvView& kv, int64_t num_tokens) {
  const KvLayout& layout = kv.layout;
  if (!IsFloat(layout.dtype) && !IsQuantizedRow(layout.dtype)) {
    return absl::UnimplementedError(
        absl::StrCat(op, ": 'kv': format ", DTypeName(layout.dtype),
                     " is not supported, only f32, f16, bf16, int8 and int4 in groups"));
  }
  if (layout.page_size <= 0 || layout.num_kv_heads <= 0 || layout.head_dim <= 0 ||
      layout.v_head_dim <= 0) {
    return OpError(op, "kv",
                   absl::StrCat("expected positive extents, got page_size ", layout.page_size,
                                ", num_kv_heads ", layout.num_kv_heads, ", head_dim ",
                                layout.head_dim, ", v_head_dim ", layout.v_head_dim));
  }
  int64_t next_query = 0;
  for (size_t i = 0; i < kv.sequences.size(); ++i) {
    const KvSequence& sequence = kv.sequences[i];
    const std::string name = absl::StrCat("kv.sequences[", i, "]");
    if (sequence.num_queries < 0 || sequence.num_queries > num_tokens - next_query ||
        sequence.first_query != next_query) {
      return OpError(
          op, name,
          absl::StrCat("expected rows from ", next_query, " within ", num_tokens, " tokens, got ",
                       sequence.num_queries, " rows from ", sequence.first_query));
    }
    next_query += sequence.num_queries;
    int64_t end_position = 0;
    if (sequence.first_position < 0 ||
        __builtin_add_overflow(sequence.first_position, sequence.num_queries, &end_position)) {
      return OpError(
          op, name,
          absl::StrCat("expected a position, got first_position ", sequence.first_position));
    }
    const int64_t num_pages =
        end_position / layout.page_size + (end_position % layout.page_size != 0 ? 1 : 0);
    if (sequence.num_queries > 0 && static_cast<int64_t>(sequence.pages.size()) < num_pages) {
      return OpError(op, name,
                     absl::StrCat("expected ", num_pages, " pages for ", end_position,
                                  " positions, got ", sequence.pages.size()));
    }
  }
  if (next_query != num_tokens) {
    return OpError(op, "kv.sequences",
                   absl::StrCat("expected to cover ", num_tokens, " tokens, got ", next_query));
  }
  return absl::OkStatus();
}

absl::Status CheckPages(absl::string_view op, const KvLayout& layout, const KvSequence& sequence,
                        int64_t begin, int64_t end) {
  if (begin >= end) return absl::OkStatus();
  for (int64_t page = begin / layout.page_size; page <= (end - 1) / layout.page_size; ++page) {
    if (sequence.pages[static_cast<size_t>(page)] == nullptr) {
      return OpError(op, "kv",
                     absl::StrCat("expected page ", page, " of the sequence whose rows begin at ",
                                  sequence.first_query, ", got null"));
    }
  }
  return absl::OkStatus();
}

int64_t BytesOf(const TensorView& tensor) {
  return tensor.present() ? TensorBytes(tensor.dtype(), tensor.shape()) : 0;
}

}  // namespace strata
