#include "offload/plan/workload_passes.h"

#include <algorithm>

namespace strata {
namespace {

// Cuts micro-batches into passes.
class PassBuilder {
 public:
  explicit PassBuilder(const Policy& policy) : policy_(policy) {}

  // Rows that the micro-batch under construction still takes; opens one where needed.
  int64_t FreeRows() {
    if (IsFull()) Close();
    return policy_.micro_batch_rows - current_.num_rows;
  }

  MicroBatchShape& current() { return current_; }

  std::vector<PassShape> Finish() {
    Close();
    return std::move(passes_);
  }

 private:
  bool IsFull() const {
    return current_.num_rows >= policy_.micro_batch_rows ||
           (policy_.micro_batch_sequences > 0 &&
            current_.num_sequences >= policy_.micro_batch_sequences);
  }

  void Close() {
    if (current_.num_rows == 0) return;
    if (passes_.empty() ||
        static_cast<int64_t>(passes_.back().micro_batches.size()) >= policy_.num_micro_batches) {
      passes_.emplace_back();
    }
    passes_.back().micro_batches.push_back(current_);
    current_ = {};
  }

  const Policy& policy_;
  MicroBatchShape current_;
  std::vector<PassShape> passes_;
};

}  // namespace

std::vector<PassShape> PrefillPasses(const Workload& workload, const Policy& policy) {
  PassBuilder builder(policy);
  const int64_t prefix = std::min(workload.shared_prefix_tokens, workload.prompt_tokens);
  for (int64_t sequence = 0; sequence < workload.num_sequences; ++sequence) {
    // The last token is always computed: its logits are wanted.
    int64_t position = sequence == 0 ? 0 : std::min(prefix, workload.prompt_tokens - 1);
    while (position < workload.prompt_tokens) {
      const int64_t rows = std::min(builder.FreeRows(), workload.prompt_tokens - position);
      const int64_t end = position + rows;
      MicroBatchShape& micro_batch = builder.current();
      // A shared prefix is read once for all sequences of a micro-batch.
      const int64_t own_context =
          micro_batch.num_sequences == 0 || end <= prefix ? end : end - prefix;
      micro_batch.num_rows += rows;
      micro_batch.num_sequences += 1;
      micro_batch.attended_positions += (end * (end + 1) - position * (position + 1)) / 2;
      micro_batch.context_positions += own_context;
      if (end == workload.prompt_tokens) micro_batch.num_logit_rows += 1;
      position = end;
    }
  }
  return builder.Finish();
}

std::vector<PassShape> DecodePasses(const Workload& workload, const Policy& policy,
                                    int64_t context_tokens) {
  PassBuilder builder(policy);
  const int64_t prefix = std::min(workload.shared_prefix_tokens, context_tokens);
  for (int64_t left = workload.num_sequences; left > 0;) {
    int64_t rows = std::min(builder.FreeRows(), left);
    if (policy.micro_batch_sequences > 0) rows = std::min(rows, policy.micro_batch_sequences);
    builder.current() = {.num_rows = rows,
                         .num_sequences = rows,
                         .num_logit_rows = rows,
                         .attended_positions = rows * context_tokens,
                         .context_positions = prefix + rows * (context_tokens - prefix)};
    left -= rows;
  }
  return builder.Finish();
}

int64_t MeanDecodeContext(const Workload& workload) {
  return workload.prompt_tokens + (workload.output_tokens + 1) / 2;
}

RowCounts MostRows(const Workload& workload, const Policy& policy) {
  RowCounts most;
  const auto count = [&most](const std::vector<PassShape>& passes) {
    for (const PassShape& pass : passes) {
      int64_t pass_rows = 0;
      for (const MicroBatchShape& micro_batch : pass.micro_batches) {
        most.micro_batch_rows = std::max(most.micro_batch_rows, micro_batch.num_rows);
        pass_rows += micro_batch.num_rows;
      }
      most.pass_rows = std::max(most.pass_rows, pass_rows);
      most.micro_batches =
          std::max(most.micro_batches, static_cast<int64_t>(pass.micro_batches.size()));
    }
  };
  count(PrefillPasses(workload, policy));
  count(DecodePasses(workload, policy, workload.total_tokens()));
  return most;
}

}  // namespace strata
