#include "offload/weight_store.h"

#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status.h"
#include "offload/checkpoint/dummy_weights.h"

namespace strata {
namespace {

// What the checkpoint must hold for `spec`: the shape before the row range and the transpose.
Shape StoredShape(const TensorSpec& spec) {
  const int64_t rows = spec.stored_rows > 0 ? spec.stored_rows : spec.shape[0];
  if (spec.shape.rank() == 1) return {rows};
  return spec.layout == StoredLayout::kTransposed ? Shape({spec.shape[1], rows})
                                                  : Shape({rows, spec.shape[1]});
}

const TensorRecord* FindAny(const CheckpointIndex& index, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (const TensorRecord* record = index.Find(name)) return record;
  }
  return nullptr;
}

// Columns [first_row, first_row + rows) of `stored` [in, stored_rows], as rows of a dense
// [rows, in] copy.
void CopyTransposed(const char* stored, const TensorSpec& spec, int64_t element_bytes, char* copy) {
  const int64_t rows = spec.shape[0];
  const int64_t columns = spec.shape[1];
  const int64_t stored_rows = spec.stored_rows > 0 ? spec.stored_rows : rows;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      std::memcpy(copy + (row * columns + column) * element_bytes,
                  stored + (column * stored_rows + spec.first_row + row) * element_bytes,
                  static_cast<size_t>(element_bytes));
    }
  }
}

// Identifies a promised tensor, so that a tied head shares the embedding's bytes.
std::string Key(const TensorSpec& spec) {
  return absl::StrCat(absl::StrJoin(spec.names, "|"), "@", spec.first_row);
}

}  // namespace

absl::StatusOr<TensorView> WeightStore::Resolve(const CheckpointIndex& index,
                                                const TensorSpec& spec) {
  const TensorRecord* record = FindAny(index, spec.names);
  if (record == nullptr) {
    return absl::NotFoundError(absl::StrCat("tensor '", absl::StrJoin(spec.names, "' or '"),
                                            "' is missing in '", index.directory(), "'"));
  }
  const Shape expected = StoredShape(spec);
  if (record->shape != expected || !IsFloat(record->dtype)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor '", record->name, "' in '", index.directory(), "': expected ", expected.ToString(),
        " f32, f16 or bf16, got ", record->shape.ToString(), " ", DTypeName(record->dtype)));
  }
  const int64_t element_bytes = BytesOf(record->dtype, 1);
  const int64_t bytes = BytesOf(record->dtype, spec.shape.NumElements());
  const MappedFile& file = files_[static_cast<size_t>(record->file_index)];
  STRATA_ASSIGN_OR_RETURN(const absl::Span<const std::byte> stored,
                          file.Range(record->file_offset, record->bytes));
  const char* base = reinterpret_cast<const char*>(stored.data());
  const bool transposed = spec.layout == StoredLayout::kTransposed;
  if (!transposed) base += spec.first_row * (bytes / std::max<int64_t>(1, spec.shape[0]));
  const bool aligned =
      reinterpret_cast<uintptr_t>(base) % static_cast<uintptr_t>(AlignmentOf(record->dtype)) == 0;
  total_bytes_ += bytes;
  if (!transposed && aligned) return TensorView(base, record->dtype, spec.shape);

  STRATA_ASSIGN_OR_RETURN(Buffer copy, Buffer::Allocate(bytes, MemoryKind::kPageable));
  if (transposed) {
    CopyTransposed(base, spec, element_bytes, reinterpret_cast<char*>(copy.data()));
  } else {
    std::memcpy(copy.data(), base, static_cast<size_t>(bytes));
  }
  copied_bytes_ += bytes;
  copies_.push_back(std::move(copy));
  return TensorView(copies_.back().data(), record->dtype, spec.shape);
}

absl::StatusOr<std::unique_ptr<WeightStore>> WeightStore::OpenCheckpoint(
    const std::string& directory, absl::Span<const std::vector<TensorSpec>> units) {
  STRATA_ASSIGN_OR_RETURN(const CheckpointIndex index, CheckpointIndex::Open(directory));
  std::unique_ptr<WeightStore> store(new WeightStore());
  for (const CheckpointFile& file : index.files()) {
    STRATA_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(file.path));
    store->files_.push_back(std::move(mapped));
  }
  absl::flat_hash_map<std::string, TensorView> resolved;
  for (const std::vector<TensorSpec>& specs : units) {
    std::vector<TensorView> views;
    for (const TensorSpec& spec : specs) {
      const auto [it, inserted] = resolved.try_emplace(Key(spec));
      if (inserted) {
        STRATA_ASSIGN_OR_RETURN(it->second, store->Resolve(index, spec));
      }
      views.push_back(it->second);
    }
    store->units_.push_back(std::move(views));
  }
  return store;
}

absl::StatusOr<std::unique_ptr<WeightStore>> WeightStore::MakeDummy(
    const DummyWeightsOptions& options, absl::Span<const std::vector<TensorSpec>> units) {
  std::unique_ptr<WeightStore> store(new WeightStore());
  absl::flat_hash_map<std::string, TensorView> resolved;
  for (const std::vector<TensorSpec>& specs : units) {
    std::vector<TensorView> views;
    for (const TensorSpec& spec : specs) {
      const auto [it, inserted] = resolved.try_emplace(Key(spec));
      if (inserted) {
        const int64_t bytes = BytesOf(options.dtype, spec.shape.NumElements());
        STRATA_ASSIGN_OR_RETURN(Buffer buffer, Buffer::Allocate(bytes, MemoryKind::kPageable));
        const DummyTensor tensor = {
            .seed = options.seed,
            .name = Key(spec),
            .dtype = options.dtype,
            .fill = spec.is_norm_weight ? DummyFill::kOnes : DummyFill::kRandom};
        STRATA_RETURN_IF_ERROR(FillDummyWeights(
            tensor, 0,
            absl::MakeSpan(buffer.data(), static_cast<size_t>(bytes))));
        it->second = TensorView(buffer.data(), options.dtype, spec.shape);
        store->copies_.push_back(std::move(buffer));
        store->total_bytes_ += bytes;
        store->copied_bytes_ += bytes;
      }
      views.push_back(it->second);
    }
    store->units_.push_back(std::move(views));
  }
  return store;
}

int64_t WeightStore::unit_bytes(int64_t unit_index) const {
  int64_t bytes = 0;
  for (const TensorView& view : units_[static_cast<size_t>(unit_index)]) {
    bytes += BytesOf(view.dtype(), view.shape().NumElements());
  }
  return bytes;
}

absl::StatusOr<WeightLease> WeightStore::Acquire(int64_t unit_index) {
  STRATA_CHECK(unit_index >= 0 && unit_index < num_units(), "a unit that does not exist");
  return WeightLease(units_[static_cast<size_t>(unit_index)]);
}

}  // namespace strata
