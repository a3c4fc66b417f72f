#include "kernels/cuda/host/cublas_lt.h"

#include <cublasLt.h>
#include <dlfcn.h>

#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"

namespace strata::cuda {
namespace {

// The functions that are used, each with the type that the header gives it.
struct Functions {
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtGetVersion) get_version = nullptr;
  decltype(&cublasLtGetStatusString) get_status_string = nullptr;
  decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmulAlgoCheck) algo_check = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
};

template <typename Function>
absl::Status Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function != nullptr) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cuBLASLt lacks the function ", name));
}

absl::Status FindAll(void* library, Functions& functions) {
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtCreate", functions.create));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtDestroy", functions.destroy));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtGetVersion", functions.get_version));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtGetStatusString", functions.get_status_string));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtMatmulDescCreate", functions.desc_create));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtMatmulDescDestroy", functions.desc_destroy));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtMatmulDescSetAttribute", functions.desc_set));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtMatrixLayoutCreate", functions.layout_create));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtMatrixLayoutDestroy", functions.layout_destroy));
  STRATA_RETURN_IF_ERROR(
      Find(library, "cublasLtMatmulPreferenceCreate", functions.preference_create));
  STRATA_RETURN_IF_ERROR(
      Find(library, "cublasLtMatmulPreferenceDestroy", functions.preference_destroy));
  STRATA_RETURN_IF_ERROR(
      Find(library, "cublasLtMatmulPreferenceSetAttribute", functions.preference_set));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtMatmulAlgoGetHeuristic", functions.heuristic));
  STRATA_RETURN_IF_ERROR(Find(library, "cublasLtMatmulAlgoCheck", functions.algo_check));
  return Find(library, "cublasLtMatmul", functions.matmul);
}

// An object of the library with the function that ends it.
template <typename Handle>
class Owned {
 public:
  using Destroy = cublasStatus_t (*)(Handle);
  Owned() = default;
  ~Owned() {
    if (handle_ != nullptr) destroy_(handle_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  Handle* Fill(Destroy destroy) {
    destroy_ = destroy;
    return &handle_;
  }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
  Destroy destroy_ = nullptr;
};

// A product as the library describes it. It thinks in columns: our row-major matrices are its
// transposed ones, so it computes out^T = weight * x^T.
struct Description {
  Owned<cublasLtMatmulDesc_t> operation;
  Owned<cublasLtMatrixLayout_t> weight, x, residual, out;
};

cudaDataType_t TypeOf(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return CUDA_R_16F;
    case DType::kBF16:
      return CUDA_R_16BF;
    default:
      return CUDA_R_32F;
  }
}

// Addresses are aligned at least so, or the product is not given to the library.
constexpr uint32_t kAlignmentBytes = 16;

bool IsAligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % kAlignmentBytes == 0;
}

}  // namespace

struct CublasLt::State {
  // Everything that may change the algorithm, but the number of rows.
  using Key = std::tuple<DType, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, bool, bool>;

  ~State() {
    if (handle != nullptr) functions.destroy(handle);
    if (library != nullptr) dlclose(library);
  }

  absl::Status ToStatus(const char* call, cublasStatus_t status) const {
    if (status == CUBLAS_STATUS_SUCCESS) return absl::OkStatus();
    const std::string text = absl::StrCat(call, ": ", functions.get_status_string(status));
    return status == CUBLAS_STATUS_NOT_SUPPORTED ? absl::UnimplementedError(text)
                                                 : absl::InternalError(text);
  }

  absl::Status MakeLayout(Owned<cublasLtMatrixLayout_t>& layout, DType dtype, int64_t columns,
                          int64_t rows, int64_t stride) const {
    return ToStatus("cublasLtMatrixLayoutCreate",
                    functions.layout_create(layout.Fill(functions.layout_destroy), TypeOf(dtype),
                                            static_cast<uint64_t>(columns),
                                            static_cast<uint64_t>(rows), stride));
  }

  template <typename T>
  absl::Status SetOperation(const Description& description,
                            cublasLtMatmulDescAttributes_t attribute, const T& value) const {
    return ToStatus(
        "cublasLtMatmulDescSetAttribute",
        functions.desc_set(description.operation.get(), attribute, &value, sizeof(value)));
  }

  absl::Status Describe(const LibraryProduct& product, int64_t num_rows,
                        Description& description) const {
    STRATA_RETURN_IF_ERROR(
        ToStatus("cublasLtMatmulDescCreate",
                 functions.desc_create(description.operation.Fill(functions.desc_destroy),
                                       CUBLAS_COMPUTE_32F, CUDA_R_32F)));
    const cublasOperation_t transposed = CUBLAS_OP_T;
    STRATA_RETURN_IF_ERROR(SetOperation(description, CUBLASLT_MATMUL_DESC_TRANSA, transposed));
    if (product.bias != nullptr) {
      const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
      STRATA_RETURN_IF_ERROR(SetOperation(description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue));
      const cudaDataType_t type = CUDA_R_32F;
      STRATA_RETURN_IF_ERROR(SetOperation(description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type));
      STRATA_RETURN_IF_ERROR(
          SetOperation(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, product.bias));
    }
    STRATA_RETURN_IF_ERROR(MakeLayout(description.weight, product.dtype, product.in_dim,
                                      product.out_dim, product.weight_stride));
    STRATA_RETURN_IF_ERROR(
        MakeLayout(description.x, product.dtype, product.in_dim, num_rows, product.x_stride));
    const bool adds = product.residual != nullptr;
    STRATA_RETURN_IF_ERROR(MakeLayout(description.residual, DType::kF32, product.out_dim, num_rows,
                                      adds ? product.residual_stride : product.out_stride));
    return MakeLayout(description.out, DType::kF32, product.out_dim, num_rows, product.out_stride);
  }

  // The best that sums in one piece, for kReferenceRows rows.
  absl::Status Choose(const LibraryProduct& product, cublasLtMatmulAlgo_t& algorithm) const {
    Description description;
    STRATA_RETURN_IF_ERROR(Describe(product, kReferenceRows, description));
    Owned<cublasLtMatmulPreference_t> preference;
    STRATA_RETURN_IF_ERROR(
        ToStatus("cublasLtMatmulPreferenceCreate",
                 functions.preference_create(preference.Fill(functions.preference_destroy))));
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
      return ToStatus("cublasLtMatmulPreferenceSetAttribute",
                      functions.preference_set(preference.get(), attribute, &value, sizeof(value)));
    };
    const uint64_t workspace = kWorkspaceBytes;
    STRATA_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace));
    const uint32_t no_reduction = CUBLASLT_REDUCTION_SCHEME_NONE;
    STRATA_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, no_reduction));
    for (const auto attribute :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      STRATA_RETURN_IF_ERROR(set(attribute, kAlignmentBytes));
    }
    cublasLtMatmulHeuristicResult_t result = {};
    int num_found = 0;
    STRATA_RETURN_IF_ERROR(ToStatus(
        "cublasLtMatmulAlgoGetHeuristic",
        functions.heuristic(handle, description.operation.get(), description.weight.get(),
                            description.x.get(), description.residual.get(), description.out.get(),
                            preference.get(), 1, &result, &num_found)));
    if (num_found == 0 || result.state != CUBLAS_STATUS_SUCCESS) {
      return absl::UnimplementedError("cuBLASLt has no algorithm for this product");
    }
    algorithm = result.algo;
    return absl::OkStatus();
  }

  void* library = nullptr;
  Functions functions;
  cublasLtHandle_t handle = nullptr;  // of the device that was current at the first product
  std::map<Key, absl::StatusOr<cublasLtMatmulAlgo_t>> algorithms;
};

CublasLt::CublasLt(std::unique_ptr<State> state) : state_(std::move(state)) {}
CublasLt::~CublasLt() = default;

absl::StatusOr<std::unique_ptr<CublasLt>> CublasLt::Load() {
  auto state = std::make_unique<State>();
  // The version that the header is of, then its neighbours: these functions are the same in them.
  std::string tried;
  for (const char* name :
       {"libcublasLt.so." STRATA_CUDA_MAJOR, "libcublasLt.so.13", "libcublasLt.so.12"}) {
    state->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (state->library != nullptr) break;
    tried = absl::StrCat(tried, tried.empty() ? "" : "; ", dlerror());
  }
  if (state->library == nullptr) {
    return absl::UnavailableError(absl::StrCat("cuBLASLt was not found: ", tried));
  }
  STRATA_RETURN_IF_ERROR(FindAll(state->library, state->functions));
  return std::unique_ptr<CublasLt>(new CublasLt(std::move(state)));
}

std::string CublasLt::Name() const {
  const size_t version = state_->functions.get_version();
  return absl::StrCat("cuBLASLt ", version / 10000, ".", version / 100 % 100, ".", version % 100);
}

absl::Status CublasLt::Multiply(const LibraryProduct& product, LaunchContext& context) {
  State& state = *state_;
  for (const void* address : std::array<const void*, 5>{product.x, product.weight, product.bias,
                                                        product.residual, product.out}) {
    if (!IsAligned(address)) {
      return absl::UnimplementedError("cuBLASLt: an address that is not aligned to 16 bytes");
    }
  }
  if (state.handle == nullptr) {
    STRATA_RETURN_IF_ERROR(state.ToStatus("cublasLtCreate", state.functions.create(&state.handle)));
  }
  const State::Key key = {product.dtype,      product.in_dim,          product.out_dim,
                          product.x_stride,   product.weight_stride,   product.residual_stride,
                          product.out_stride, product.bias != nullptr, product.residual != nullptr};
  auto found = state.algorithms.find(key);
  if (found == state.algorithms.end()) {
    cublasLtMatmulAlgo_t algorithm = {};
    const absl::Status chosen = state.Choose(product, algorithm);
    if (!chosen.ok() && !absl::IsUnimplemented(chosen)) return chosen;
    using Entry = absl::StatusOr<cublasLtMatmulAlgo_t>;
    found = state.algorithms.emplace(key, chosen.ok() ? Entry(algorithm) : Entry(chosen)).first;
  }
  STRATA_RETURN_IF_ERROR(found->second.status());
  Description description;
  STRATA_RETURN_IF_ERROR(state.Describe(product, product.num_rows, description));
  cublasLtMatmulHeuristicResult_t check = {};
  STRATA_RETURN_IF_ERROR(state.ToStatus(
      "cublasLtMatmulAlgoCheck",
      state.functions.algo_check(
          state.handle, description.operation.get(), description.weight.get(), description.x.get(),
          description.residual.get(), description.out.get(), &*found->second, &check)));
  if (check.workspaceSize > static_cast<size_t>(kWorkspaceBytes)) {
    return absl::UnimplementedError("cuBLASLt: an algorithm that needs more workspace");
  }
  const float one = 1.0f;
  const float beta = product.residual != nullptr ? 1.0f : 0.0f;
  const float* const residual = product.residual != nullptr ? product.residual : product.out;
  return state.ToStatus(
      "cublasLtMatmul",
      state.functions.matmul(state.handle, description.operation.get(), &one, product.weight,
                             description.weight.get(), product.x, description.x.get(), &beta,
                             residual, description.residual.get(), product.out,
                             description.out.get(), &*found->second, product.workspace,
                             check.workspaceSize, context.stream()));
}

}  // namespace strata::cuda
