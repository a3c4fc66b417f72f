// Bodies: the innermost loops of the CPU backend as a table of functions, one table per
// instruction set. The files around them split an operation into tasks and call through the table.
//
// The table's words are plain structs, pointers and numbers: a file compiled for AVX-512 must not
// emit any inline function that others share, since the linker may keep that copy for all. So the
// bodies include nothing of ours but this header and kernels/cpu/body/, whose functions have
// internal linkage. Strides count elements. Pointers are aligned to their element only.
#pragma once

#include <cstdint>

namespace strata::cpu {

enum class Element : uint8_t { kF32, kF16, kBF16 };

// Of quantised rows (kernels/base/quantized_rows.h) and packed weights (packed_weights.h).
enum class Code : uint8_t { k8Bits, k4Bits };

// Elements of a group, all but a row's last.
inline constexpr int64_t kCodeGroup = 64;

enum class Function : uint8_t { kRelu, kSilu, kGelu, kGeluTanh };

// out[r][o] = sum_k x[r][k] * weight[o][k] + bias[o] + residual[r][o]
struct MatMulBody {
  const float* x;
  int64_t x_stride;
  const void* weight;
  int64_t weight_stride;
  Element weight_element;
  // Packed weights: rows of so many bytes, dense, instead of elements and a stride.
  bool weight_is_packed;
  Code weight_code;
  int64_t weight_group;
  int64_t weight_row_bytes;
  int64_t in_dim;
  const void* bias;  // null: none
  Element bias_element;
  const float* residual;  // null: none
  int64_t residual_stride;
  float* out;
  int64_t out_stride;
};

// Rows of one task, at most.
inline constexpr int64_t kMatMulMaxRows = 128;

// The rows (at most kMatMulMaxRows) and outputs that one task computes.
struct MatMulTile {
  int64_t row_begin;
  int64_t row_end;
  int64_t out_begin;
  int64_t out_end;
};

// One chunk of positions seen by a block of queries of one span that share a kv head.
// Row r is one query of one head; it sees the positions [visible_begin[r], visible_end[r]) of the
// chunk, counted from the chunk's first position; an empty range is allowed.
struct AttentionChunkBody {
  const float* queries;  // [num_rows, query_stride], scaled, zero after head_dim
  int64_t query_stride;  // a multiple of kMaxLanes
  int64_t num_rows;
  const int32_t* visible_begin;  // [num_rows]
  const int32_t* visible_end;    // [num_rows]
  Element element;
  int64_t head_dim;
  int64_t v_head_dim;
  float* scores;       // [num_rows, kAttentionChunk], scratch
  float* out;          // [num_rows, out_stride]: sum_j exp(s_j - max) v_j
  int64_t out_stride;  // a multiple of kMaxLanes
  float* max;          // [num_rows]: -inf where a row sees nothing
  float* sum;          // [num_rows]: sum_j exp(s_j - max)
};

// Rows of K or V at positions [begin, end) of a chunk, one run of memory: those of a page.
struct AttentionRun {
  const char* rows;  // of position `begin`
  int64_t row_bytes;
  const char* ahead;  // memory as long as the run to ask for meanwhile: the next run; null: none
  int64_t begin;
  int64_t end;
};

// Lanes of the widest vectors; scratch rows are padded to a multiple of it.
inline constexpr int64_t kMaxLanes = 16;

struct Bodies {
  // `scratch` has mat_mul_scratch_floats elements, aligned to 64 bytes.
  void (*mat_mul)(const MatMulBody& body, const MatMulTile& tile, float* scratch);
  int64_t mat_mul_scratch_floats;

  // The three passes over a chunk: scores of every run of keys, then the softmax weights of all
  // rows, then every run of values in rising order added to `out`.
  void (*attention_scores)(const AttentionChunkBody& body, const AttentionRun& keys);
  void (*attention_weights)(const AttentionChunkBody& body);
  void (*attention_values)(const AttentionChunkBody& body, const AttentionRun& values);
  // Adds a chunk's partial result to the state of the chunks before it, row by row:
  // m = max(state_max, max); state = state * exp(state_max - m) + part * exp(max - m).
  void (*attention_fold)(int64_t num_rows, int64_t stride, const float* out, const float* max,
                         const float* sum, float* state_out, float* state_max, float* state_sum);

  // out = x * scale, n elements.
  void (*scale)(const float* x, float scale, float* out, int64_t n);
  // out = a * a_weight + b * b_weight
  void (*weighted_sum)(const float* a, float a_weight, const float* b, float b_weight, float* out,
                       int64_t n);
  void (*add)(const float* a, const float* b, float* out, int64_t n);
  void (*activate)(Function function, const float* x, float* out, int64_t n);
  void (*gated_activate)(Function function, const float* gate, const float* up, float* out,
                         int64_t n);
  void (*rms_norm)(const float* x, const void* weight, Element weight_element, float epsilon,
                   float* out, int64_t n);
  void (*layer_norm)(const float* x, const void* weight, Element weight_element, const void* bias,
                     Element bias_element, float epsilon, float* out, int64_t n);
  // One head: pairs (x[j], x[j + half]) turned by the angles, j < half.
  void (*rope)(float* x, const float* cosines, const float* sines, int64_t half);
  // Conversions of a row: to f32 (or added to it), and from f32 rounding to nearest even.
  void (*widen)(const void* x, Element element, float* out, int64_t n);
  void (*widen_add)(const void* x, Element element, float* out, int64_t n);
  void (*narrow)(const float* x, void* out, Element element, int64_t n);
  // Quantised rows to f32 and from it.
  void (*unpack)(const void* row, Code code, float* out, int64_t n);
  void (*pack)(const float* x, void* row, Code code, int64_t n);
};

const Bodies& BaselineBodies();
#if defined(__x86_64__)
const Bodies& Avx2Bodies();
const Bodies& Avx512Bodies();
#endif

}  // namespace strata::cpu
