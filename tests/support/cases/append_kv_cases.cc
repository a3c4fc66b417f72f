#include "tests/support/cases/append_kv_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/base/quantized_rows.h"
#include "tests/support/test_tensor.h"

namespace strata::test {

void ExpectAppendsItsRowsOnly(Backend& backend, const AttentionCase& c) {
  const KvLayout layout = LayoutOf(c);
  int64_t num_tokens = 0;
  std::vector<KvPages> pages;
  std::vector<KvSequence> sequences;
  for (const SequenceCase& sequence : c.sequences) {
    pages.emplace_back(layout, sequence.first_position + sequence.num_queries, 9);
  }
  for (size_t i = 0; i < c.sequences.size(); ++i) {
    sequences.push_back({.pages = pages[i].pages(),
                         .first_query = num_tokens,
                         .num_queries = c.sequences[i].num_queries,
                         .first_position = c.sequences[i].first_position});
    num_tokens += c.sequences[i].num_queries;
  }
  TestTensor keys(TestTensor::Role::kInput, DType::kF32, {num_tokens, c.num_kv_heads, c.head_dim},
                  c.placement);
  TestTensor values(TestTensor::Role::kInput, DType::kF32,
                    {num_tokens, c.num_kv_heads, c.v_head_dim}, c.placement);
  keys.FillNormal(1);
  values.FillNormal(2);

  // What the pages should hold: what they held, with the rows of the tokens replaced.
  std::vector<std::vector<uint8_t>> expected;
  for (const KvSequence& sequence : sequences) {
    for (void* page : sequence.pages) {
      const uint8_t* bytes = static_cast<const uint8_t*>(page);
      expected.emplace_back(bytes, bytes + layout.PageBytes());
    }
  }
  size_t first_page = 0;
  for (const KvSequence& sequence : sequences) {
    for (int64_t i = 0; i < sequence.num_queries; ++i) {
      const int64_t position = sequence.first_position + i;
      uint8_t* page =
          expected[first_page + static_cast<size_t>(position / layout.page_size)].data();
      for (int64_t head = 0; head < layout.num_kv_heads; ++head) {
        const int64_t row = (sequence.first_query + i) * layout.num_kv_heads + head;
        WriteKvRow(
            layout, page, head, position % layout.page_size,
            absl::MakeConstSpan(keys.view().Row<float>(row), static_cast<size_t>(layout.head_dim)),
            absl::MakeConstSpan(values.view().Row<float>(row),
                                static_cast<size_t>(layout.v_head_dim)));
      }
    }
    first_page += sequence.pages.size();
  }

  ASSERT_TRUE(
      backend.AppendKv({.keys = keys.view(), .values = values.view(), .kv = {layout, sequences}})
          .ok());
  size_t page_index = 0;
  for (const KvSequence& sequence : sequences) {
    for (void* page : sequence.pages) {
      const uint8_t* bytes = static_cast<const uint8_t*>(page);
      EXPECT_TRUE(std::equal(bytes, bytes + layout.PageBytes(), expected[page_index].begin()));
      ++page_index;
    }
  }
}

void ExpectRotatesAndAppends(Backend& backend, const AttentionCase& c, int64_t rotary_dim) {
  // The operands of one call, with pages of their own.
  struct Operands {
    Operands(const AttentionCase& c, int64_t num_tokens, int64_t rotary_dim)
        : layout(LayoutOf(c)),
          queries(TestTensor::Role::kOutput, DType::kF32, {num_tokens, c.num_q_heads, c.head_dim},
                  c.placement),
          keys(TestTensor::Role::kOutput, DType::kF32, {num_tokens, c.num_kv_heads, c.head_dim},
               c.placement),
          values(TestTensor::Role::kInput, DType::kF32, {num_tokens, c.num_kv_heads, c.v_head_dim},
                 c.placement),
          cosines(TestTensor::Role::kInput, DType::kF32, {num_tokens, rotary_dim / 2}, c.placement),
          sines(TestTensor::Role::kInput, DType::kF32, {num_tokens, rotary_dim / 2}, c.placement) {
      queries.FillNormal(1);
      keys.FillNormal(2);
      values.FillNormal(3);
      cosines.FillNormal(4);
      sines.FillNormal(5);
      int64_t first_query = 0;
      for (const SequenceCase& sequence : c.sequences) {
        pages.emplace_back(layout, sequence.first_position + sequence.num_queries, 9);
        sequences.push_back({.pages = pages.back().pages(),
                             .first_query = first_query,
                             .num_queries = sequence.num_queries,
                             .first_position = sequence.first_position});
        first_query += sequence.num_queries;
      }
    }
    RopeAppendKvArgs Args() {
      return {.queries = queries.mutable_view(),
              .keys = keys.mutable_view(),
              .values = values.view(),
              .cosines = cosines.view(),
              .sines = sines.view(),
              .kv = {layout, sequences}};
    }
    KvLayout layout;
    std::vector<KvPages> pages;
    std::vector<KvSequence> sequences;
    TestTensor queries, keys, values, cosines, sines;
  };
  int64_t num_tokens = 0;
  for (const SequenceCase& sequence : c.sequences) num_tokens += sequence.num_queries;
  Operands fused(c, num_tokens, rotary_dim);
  Operands composed(c, num_tokens, rotary_dim);
  const Expected rotated = ExpectedRope(RopeOfQueries(fused.Args()));
  ASSERT_TRUE(backend.RopeAppendKv(fused.Args()).ok());
  ASSERT_TRUE(backend.Backend::RopeAppendKv(composed.Args()).ok());
  EXPECT_TRUE(Matches(fused.queries.Values(), rotated));
  EXPECT_TRUE(fused.queries.Bits() == composed.queries.Bits());
  EXPECT_TRUE(fused.queries.Untouched());
  EXPECT_TRUE(fused.keys.Untouched());
  for (size_t i = 0; i < fused.sequences.size(); ++i) {
    for (size_t page = 0; page < fused.sequences[i].pages.size(); ++page) {
      const uint8_t* const bytes = static_cast<const uint8_t*>(fused.sequences[i].pages[page]);
      EXPECT_TRUE(std::equal(bytes, bytes + fused.layout.PageBytes(),
                             static_cast<const uint8_t*>(composed.sequences[i].pages[page])))
          << "sequence " << i << " page " << page;
    }
  }
}

void ExpectPacksExtremeRows(Backend& backend) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const DType dtype : {DType::kInt8Groups, DType::kInt4Groups}) {
    for (const int64_t dim : {1, 7, 16, 33, 64, 100}) {
      for (const auto& [first, last] :
           {std::pair(0.1f, 0.1f), std::pair(0.0f, 1e-44f), std::pair(-3e38f, 3e38f),
            std::pair(1.0f, 1.0000001f), std::pair(nan, 1.0f), std::pair(1.0f, infinity),
            std::pair(-infinity, nan), std::pair(-1e30f, 1e30f)}) {
        std::vector<float> row(static_cast<size_t>(dim), first);
        row.back() = last;
        const KvLayout layout = {
            .dtype = dtype, .page_size = 1, .num_kv_heads = 1, .head_dim = dim, .v_head_dim = dim};
        std::vector<float> page(static_cast<size_t>(layout.PageBytes() / 4));
        void* const pages[] = {page.data()};
        const KvSequence sequence = {.pages = pages, .num_queries = 1};
        const TensorView x(row.data(), DType::kF32, {1, 1, dim});
        ASSERT_TRUE(
            backend
                .AppendKv(
                    {.keys = x, .values = x, .kv = {layout, absl::MakeConstSpan(&sequence, 1)}})
                .ok());
        std::vector<float> packed(static_cast<size_t>(layout.KeyRowBytes() / 4));
        PackRow(dtype, row.data(), dim, packed.data());
        std::vector<float> expected(row.size()), key(row.size());
        UnpackRow(dtype, packed.data(), dim, expected.data());
        UnpackRow(dtype, page.data(), dim, key.data());
        for (size_t i = 0; i < row.size(); ++i) {
          EXPECT_TRUE(key[i] == expected[i] || (std::isnan(key[i]) && std::isnan(expected[i])))
              << first << " " << last << " at " << i << ": " << key[i] << ", " << expected[i];
        }
      }
    }
  }
}

}  // namespace strata::test
