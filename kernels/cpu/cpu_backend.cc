#include "kernels/cpu/cpu_backend.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/mat_mul.h"
#include "kernels/cpu/top_logits.h"
#include "kernels/cpu/workspace.h"

namespace strata {
namespace {

// Bound of num_threads; more is a mistake in a flag.
constexpr int kMaxThreads = 1024;

const cpu::Bodies& BodiesFor(CpuIsa isa) {
#if defined(__x86_64__)
  if (isa == CpuIsa::kAvx512) return cpu::Avx512Bodies();
  if (isa == CpuIsa::kAvx2) return cpu::Avx2Bodies();
#endif
  STRATA_CHECK(isa == CpuIsa::kBaseline, "bodies asked for an instruction set that is not built");
  return cpu::BaselineBodies();
}

cpu::Function FunctionOf(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return cpu::Function::kRelu;
    case Activation::kSilu:
      return cpu::Function::kSilu;
    case Activation::kGelu:
      return cpu::Function::kGelu;
    case Activation::kGeluTanh:
      return cpu::Function::kGeluTanh;
  }
  STRATA_CHECK(false, "an Activation outside its list");
}

// Bytes of a row of f32, the measure of a task's size.
int64_t RowBytes(const TensorView& tensor) { return BytesOf(DType::kF32, tensor.num_columns()); }

}  // namespace

absl::StatusOr<std::unique_ptr<CpuBackend>> CpuBackend::Create(const CpuBackendOptions& options) {
  if (options.num_threads < 1 || options.num_threads > kMaxThreads) {
    return absl::InvalidArgumentError(absl::StrCat("cpu backend: expected 1 to ", kMaxThreads,
                                                   " threads, got ", options.num_threads));
  }
  const std::vector<CpuIsa> available = AvailableCpuIsas();
  const CpuIsa isa = options.isa.value_or(available.back());
  if (std::find(available.begin(), available.end(), isa) == available.end()) {
    return absl::UnavailableError(
        absl::StrCat("cpu backend: this processor lacks ", CpuIsaName(isa)));
  }
  return std::unique_ptr<CpuBackend>(
      new CpuBackend(isa, std::make_unique<cpu::Workspace>(BodiesFor(isa), options.num_threads)));
}

CpuBackend::CpuBackend(CpuIsa isa, std::unique_ptr<cpu::Workspace> workspace)
    : isa_(isa), workspace_(std::move(workspace)) {}

CpuBackend::~CpuBackend() = default;

std::string CpuBackend::Name() const {
  const int num_threads = workspace_->threads.num_threads();
  return absl::StrCat("cpu (", CpuIsaName(isa_), ", ", num_threads,
                      num_threads == 1 ? " thread)" : " threads)");
}

absl::Status CpuBackend::MatMul(const MatMulArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  return cpu::MatMul(*workspace_, args);
}

absl::Status CpuBackend::Attention(const AttentionArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  return cpu::Attention(*workspace_, args);
}

absl::Status CpuBackend::TopLogits(const TopLogitsArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  workspace_->threads.ParallelFor(
      args.logits.num_rows(), [&](int64_t row, int /*thread*/) { cpu::TopLogitsOfRow(args, row); });
  return absl::OkStatus();
}

absl::Status CpuBackend::GatherRows(const GatherRowsArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  const cpu::Bodies& bodies = workspace_->bodies;
  const auto body = args.mode == GatherMode::kAdd ? bodies.widen_add : bodies.widen;
  const char* table = static_cast<const char*>(args.table.data());
  const int64_t row_stride = BytesOf(args.table.dtype(), args.table.row_stride());
  const cpu::Element element = cpu::ElementOf(args.table.dtype());
  workspace_->ForRows(args.out.num_rows(), 2 * RowBytes(args.out), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      body(table + args.indices[static_cast<size_t>(row)] * row_stride, element,
           args.out.MutableRow<float>(row), args.out.num_columns());
    }
  });
  return absl::OkStatus();
}

absl::Status CpuBackend::RmsNorm(const RmsNormArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  const cpu::Element element = cpu::ElementOf(args.weight.dtype());
  workspace_->ForRows(args.x.num_rows(), 2 * RowBytes(args.x), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      workspace_->bodies.rms_norm(args.x.Row<float>(row), args.weight.data(), element, args.epsilon,
                                  args.out.MutableRow<float>(row), args.x.num_columns());
    }
  });
  return absl::OkStatus();
}

absl::Status CpuBackend::LayerNorm(const LayerNormArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  const cpu::Element weight_element = cpu::ElementOf(args.weight.dtype());
  const cpu::Element bias_element = cpu::ElementOf(args.bias.dtype());
  workspace_->ForRows(args.x.num_rows(), 2 * RowBytes(args.x), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      workspace_->bodies.layer_norm(args.x.Row<float>(row), args.weight.data(), weight_element,
                                    args.bias.data(), bias_element, args.epsilon,
                                    args.out.MutableRow<float>(row), args.x.num_columns());
    }
  });
  return absl::OkStatus();
}

absl::Status CpuBackend::Rope(const RopeArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  const int64_t num_heads = args.x.shape()[1];
  workspace_->ForRows(args.x.num_rows(), 2 * RowBytes(args.x), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t token = row / num_heads;
      workspace_->bodies.rope(args.x.MutableRow<float>(row), args.cosines.Row<float>(token),
                              args.sines.Row<float>(token), args.cosines.num_columns());
    }
  });
  return absl::OkStatus();
}

absl::Status CpuBackend::AppendKv(const AppendKvArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  const KvLayout& layout = args.kv.layout;
  const auto store = [&](const float* x, void* row, int64_t n) {
    if (IsQuantizedRow(layout.dtype)) {
      workspace_->bodies.pack(x, row, cpu::CodeOf(layout.dtype), n);
    } else {
      workspace_->bodies.narrow(x, row, cpu::ElementOf(layout.dtype), n);
    }
  };
  for (const KvSequence& sequence : args.kv.sequences) {
    const int64_t token_bytes = layout.num_kv_heads * (RowBytes(args.keys) + RowBytes(args.values));
    workspace_->ForRows(sequence.num_queries, token_bytes, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t position = sequence.first_position + i;
        const int64_t slot = position % layout.page_size;
        char* page =
            static_cast<char*>(sequence.pages[static_cast<size_t>(position / layout.page_size)]);
        for (int64_t head = 0; head < layout.num_kv_heads; ++head) {
          const int64_t row = (sequence.first_query + i) * layout.num_kv_heads + head;
          store(args.keys.Row<float>(row),
                page + layout.KeyOffset(head) + slot * layout.KeyRowBytes(), layout.head_dim);
          store(args.values.Row<float>(row),
                page + layout.ValueOffset(head) + slot * layout.ValueRowBytes(), layout.v_head_dim);
        }
      }
    });
  }
  return absl::OkStatus();
}

absl::Status CpuBackend::MergeAttention(const MergeAttentionArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  constexpr float kNothing = -std::numeric_limits<float>::infinity();
  const int64_t num_heads = args.out.shape()[1];
  const int64_t num_columns = args.out.num_columns();
  workspace_->ForRows(args.out.num_rows(), 3 * RowBytes(args.out), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float a = args.a_log_sum_exp.Row<float>(row / num_heads)[row % num_heads];
      const float b = args.b_log_sum_exp.Row<float>(row / num_heads)[row % num_heads];
      float& merged = args.log_sum_exp.MutableRow<float>(row / num_heads)[row % num_heads];
      float* out = args.out.MutableRow<float>(row);
      if (a == kNothing || b == kNothing) {
        const TensorView& source = b == kNothing ? args.a_out : args.b_out;
        merged = b == kNothing ? a : b;
        std::copy_n(source.Row<float>(row), num_columns, out);
        continue;
      }
      const float max = std::max(a, b);
      const float a_weight = std::exp(a - max);
      const float b_weight = std::exp(b - max);
      const float sum = a_weight + b_weight;
      merged = max + std::log(sum);
      workspace_->bodies.weighted_sum(args.a_out.Row<float>(row), a_weight / sum,
                                      args.b_out.Row<float>(row), b_weight / sum, out, num_columns);
    }
  });
  return absl::OkStatus();
}

absl::Status CpuBackend::Activate(const ActivateArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  const cpu::Function function = FunctionOf(args.activation);
  workspace_->ForRows(args.x.num_rows(), 2 * RowBytes(args.x), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      workspace_->bodies.activate(function, args.x.Row<float>(row), args.out.MutableRow<float>(row),
                                  args.x.num_columns());
    }
  });
  return absl::OkStatus();
}

absl::Status CpuBackend::GatedActivate(const GatedActivateArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  const cpu::Function function = FunctionOf(args.activation);
  workspace_->ForRows(args.gate.num_rows(), 3 * RowBytes(args.gate),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t row = begin; row < end; ++row) {
                          workspace_->bodies.gated_activate(
                              function, args.gate.Row<float>(row), args.up.Row<float>(row),
                              args.out.MutableRow<float>(row), args.gate.num_columns());
                        }
                      });
  return absl::OkStatus();
}

absl::Status CpuBackend::Add(const AddArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  workspace_->ForRows(args.a.num_rows(), 3 * RowBytes(args.a), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      workspace_->bodies.add(args.a.Row<float>(row), args.b.Row<float>(row),
                             args.out.MutableRow<float>(row), args.a.num_columns());
    }
  });
  return absl::OkStatus();
}

}  // namespace strata
