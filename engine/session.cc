#include "engine/session.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/model_shape_of.h"
#include "kernels/base/status.h"
#include "offload/plan/schedule.h"

namespace strata {
namespace {

static_assert(kAttentionChunk % kKvPageSize == 0, "a chunk of attention covers whole pages");

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Create(Engine& engine,
                                                         const SessionOptions& options,
                                                         SessionCallbacks callbacks) {
  if (options.max_batch_size < 1 || options.max_pass_tokens < 0 || options.micro_batch_tokens < 0 ||
      options.max_logit_rows < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("a session of batch size ", options.max_batch_size, ", ",
                     options.max_pass_tokens, " tokens a pass and ", options.micro_batch_tokens,
                     " a micro-batch: the first must be at least 1, the others not negative"));
  }
  const Policy& policy = engine.policy();
  SessionOptions effective = options;
  if (effective.micro_batch_tokens == 0) effective.micro_batch_tokens = policy.micro_batch_rows;
  if (effective.max_pass_tokens == 0) {
    effective.max_pass_tokens = policy.micro_batch_rows * policy.num_micro_batches;
  }
  effective.max_pass_tokens = std::max(effective.max_pass_tokens, options.max_batch_size);
  effective.max_logit_rows = std::max(options.max_logit_rows, options.max_batch_size);
  effective.micro_batch_tokens = std::min(effective.micro_batch_tokens, effective.max_pass_tokens);
  int64_t num_micro_batches =
      (effective.max_pass_tokens + effective.micro_batch_tokens - 1) / effective.micro_batch_tokens;
  if (policy.micro_batch_sequences > 0) {
    num_micro_batches =
        std::max(num_micro_batches, (options.max_batch_size + policy.micro_batch_sequences - 1) /
                                        policy.micro_batch_sequences);
  }

  const ActivationExtents extents = {.max_tokens = effective.micro_batch_tokens,
                                     .max_micro_batches = num_micro_batches,
                                     .max_logit_rows = effective.max_logit_rows};
  STRATA_ASSIGN_OR_RETURN(ActivationMemory activations, MakeActivationMemory(engine, extents));
  std::unique_ptr<Session> session(
      new Session(engine, effective, std::move(callbacks), std::move(activations)));
  const int64_t most = policy.micro_batch_sequences;
  STRATA_ASSIGN_OR_RETURN(
      session->kv_,
      MakeKvMemory(engine, {.max_sequences = effective.max_batch_size,
                            .max_micro_batch_sequences =
                                most > 0 ? std::min(most, effective.micro_batch_tokens)
                                         : effective.micro_batch_tokens,
                            .max_sequence_tokens = effective.max_sequence_tokens,
                            .prefix_sharing = effective.prefix_sharing}));
  session->MakeExecutor(num_micro_batches);
  return session;
}

Session::Session(Engine& engine, const SessionOptions& options, SessionCallbacks callbacks,
                 ActivationMemory activations)
    : engine_(engine),
      options_(options),
      callbacks_(std::move(callbacks)),
      activations_(std::move(activations)) {}

void Session::MakeExecutor(int64_t num_micro_batches) {
  std::optional<Executor::Gpu> gpu;
  if (engine_.gpu() != nullptr) {
    gpu = {.device = engine_.gpu(),
           .backend = engine_.gpu_backend(),
           .activations = &*activations_.on_gpu};
  }
  executor_ = std::make_unique<Executor>(
      Executor::Parts{.decoder = &engine_.decoder(),
                      .weights = &engine_.weights(),
                      .kv_cache = kv_.cache.get(),
                      .backend = &engine_.backend(),
                      .disk_queue = engine_.disk_queue(),
                      .kv_host_slots = kv_.host_slots,
                      .kv_gpu_slots = kv_.gpu_slots,
                      .hidden = {.activations = engine_.policy().activations,
                                 .spill = activations_.spill.get(),
                                 .place_bytes = activations_.place_bytes},
                      .gpu = gpu},
      MakeSchedule(engine_.model_shape(), engine_.policy(), num_micro_batches));
}

absl::StatusOr<RequestId> Session::Submit(Request request) {
  const ModelConfig& config = engine_.decoder().config();
  STRATA_RETURN_IF_ERROR(Validate(request.sampling));
  if (request.prompt_ids.empty()) return absl::InvalidArgumentError("the prompt is empty");
  if (static_cast<int64_t>(request.prompt_ids.size()) >= config.max_positions) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the prompt has ", request.prompt_ids.size(),
        " tokens and leaves no room in the model's context of ", config.max_positions));
  }
  for (const int32_t id : request.prompt_ids) {
    if (id < 0 || id >= config.vocab_size) {
      return absl::InvalidArgumentError(absl::StrCat("prompt token id ", id, " is outside [0, ",
                                                     config.vocab_size, "), the vocabulary"));
    }
  }
  if (request.max_new_tokens < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_new_tokens: expected at least 1, got ", request.max_new_tokens));
  }
  if (!request.targets.empty()) {
    if (request.targets.size() != request.prompt_ids.size()) {
      return absl::InvalidArgumentError(absl::StrCat(request.targets.size(), " targets for ",
                                                     request.prompt_ids.size(), " prompt tokens"));
    }
    if (options_.prefix_sharing == PrefixSharing::kOn && engine_.share_prefixes()) {
      return absl::InvalidArgumentError(
          "targets are scored only without prefix sharing: shared rows have no logits");
    }
    for (const int32_t id : request.targets) {
      if (id < 0 || id >= config.vocab_size) {
        return absl::InvalidArgumentError(absl::StrCat("target token id ", id, " is outside [0, ",
                                                       config.vocab_size, "), the vocabulary"));
      }
    }
  }
  const int64_t longest =
      std::min(static_cast<int64_t>(request.prompt_ids.size()) + request.max_new_tokens,
               config.max_positions);
  if (kv_.max_positions > 0 && longest > kv_.max_positions) {
    return absl::InvalidArgumentError(
        absl::StrCat("a request of up to ", longest,
                     " tokens: KV pages travel to the gpu through slots that were "
                     "planned for sequences of ",
                     kv_.max_positions, "; plan for longer ones"));
  }
  const RequestId id = next_request_++;
  waiting_.push_back(std::make_unique<Sequence>(id, std::move(request), engine_.tokenizer(),
                                                config.max_positions));
  return id;
}

absl::Status Session::Admit() {
  while (!waiting_.empty() && static_cast<int64_t>(running_.size()) < options_.max_batch_size) {
    // Room for the longest it can become, so that no running sequence ever has to be evicted.
    const SequenceId kv = kv_.cache->AddSequence(waiting_.front()->request().prompt_ids);
    if (absl::Status status = kv_.cache->Reserve(kv, waiting_.front()->max_tokens());
        !status.ok()) {
      kv_.cache->Remove(kv);
      // Those that run will leave and make room.
      return absl::IsResourceExhausted(status) && !running_.empty() ? absl::OkStatus() : status;
    }
    running_.push_back({std::move(waiting_.front()), kv});
    waiting_.pop_front();
  }
  return absl::OkStatus();
}

std::vector<ScheduledBatch> Session::ComposePass() {
  const size_t max_batches = static_cast<size_t>(executor_->schedule().num_micro_batches);
  const int64_t max_sequences = engine_.policy().micro_batch_sequences;  // 0: any number
  std::vector<ScheduledBatch> batches;
  int64_t num_logit_rows = 0;
  // Rows that the last micro-batch still takes; begins one if that is full, as long as it may.
  const auto free_rows = [&] {
    const bool full = batches.empty() ||
                      batches.back().batch.num_tokens() == options_.micro_batch_tokens ||
                      static_cast<int64_t>(batches.back().appends.size()) == max_sequences;
    if (full && batches.size() < max_batches) {
      ScheduledBatch next;
      next.batch.index = static_cast<int64_t>(batches.size());
      next.batch.first_logit_row = num_logit_rows;
      batches.push_back(std::move(next));
    } else if (full) {
      return int64_t{0};
    }
    return options_.micro_batch_tokens - batches.back().batch.num_tokens();
  };
  // Sequences in decode need one row each and always have it; prompts share the rest in order.
  int64_t room = options_.max_pass_tokens - static_cast<int64_t>(running_.size());
  // Likewise the rows of logits, of which a sequence that scores its prompt needs one for each row.
  int64_t logit_room = options_.max_logit_rows - static_cast<int64_t>(running_.size());
  for (const Running& running : running_) {
    const Sequence& sequence = *running.sequence;
    // Behind the rows that other sequences with the same prefix have computed or that those before
    // it in this pass will compute: a pass appends the rows of all before any attends.
    const int64_t first_position = kv_.cache->num_planned(running.kv);
    const int64_t wanted = sequence.num_tokens() - first_position;
    const bool scores = sequence.scores_rows();
    const int64_t count = std::min({wanted, room + 1, scores ? logit_room + 1 : wanted});
    int64_t done = 0;
    while (done < count) {
      const int64_t rows = std::min(count - done, free_rows());
      if (rows == 0) break;  // the pass is full; the sequence goes on in the next
      MicroBatch& batch = batches.back().batch;
      const int64_t first_row = batch.num_tokens();
      const int64_t position = first_position + done;
      for (int64_t i = position; i < position + rows; ++i) {
        batch.token_ids.push_back(sequence.tokens()[static_cast<size_t>(i)]);
        batch.positions.push_back(static_cast<int32_t>(i));
      }
      done += rows;
      const int64_t first_logit_row = scores ? first_row : batch.num_tokens() - 1;
      for (int64_t row = first_logit_row; (scores || done == wanted) && row < batch.num_tokens();
           ++row) {
        batch.logit_rows.push_back(static_cast<int32_t>(row));
        batches.back().candidate_temperatures.push_back(sequence.candidate_temperature());
        ++num_logit_rows;
      }
      batch.sequences.push_back({.first_row = first_row,
                                 .num_tokens = rows,
                                 .first_position = position,
                                 .sequence_length = sequence.num_tokens()});
      batches.back().appends.push_back({.sequence = running.kv,
                                        .first_query = first_row,
                                        .num_queries = rows,
                                        .first_position = position});
    }
    kv_.cache->PlanRows(running.kv, done);
    room -= std::max<int64_t>(0, done - 1);
    if (scores) logit_room -= std::max<int64_t>(0, done - 1);
  }
  return batches;
}

absl::Span<const float> Session::LogitsOf(int64_t row) const {
  const MutableTensorView logits = activations_.in_host.Logits(row, 1);
  return absl::MakeConstSpan(logits.Row<float>(0), static_cast<size_t>(logits.num_columns()));
}

absl::StatusOr<TokenEvent> Session::SampleRow(Sequence& sequence, int64_t logit_row) {
  if (!executor_->logits_are_on_gpu() || !sequence.candidate_temperature().has_value()) {
    return sequence.Sample(LogitsOf(logit_row));
  }
  const MutableTensorView ids = activations_.in_host.CandidateIds(logit_row, 1);
  const size_t count = static_cast<size_t>(ids.num_columns());
  const TokenCandidates candidates = {
      .ids = absl::MakeConstSpan(ids.Row<int32_t>(0), count),
      .logits = absl::MakeConstSpan(
          activations_.in_host.CandidateLogits(logit_row, 1).Row<float>(0), count),
      .mass = activations_.in_host.CandidateMass(logit_row, 1).Row<float>(0)[0],
      .vocab_size = engine_.decoder().config().vocab_size};
  if (std::optional<TokenEvent> event = sequence.Sample(candidates); event.has_value()) {
    return *std::move(event);
  }
  STRATA_RETURN_IF_ERROR(executor_->FetchLogits(logit_row, activations_.in_host));
  return sequence.Sample(LogitsOf(logit_row));
}

absl::Status Session::SampleAll(const std::vector<int64_t>& num_planned) {
  int64_t logit_row = 0;
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i].sequence;
    const int64_t num_computed = num_planned[i];
    const bool scores = sequence.scores_rows();
    for (int64_t position = sequence.num_computed(); scores && position < num_computed;
         ++position) {
      sequence.Score(position, LogitsOf(logit_row++));
    }
    sequence.MarkComputed(num_computed);
    kv_.cache->MarkComputed(running_[i].kv,
                            sequence.tokens().first(static_cast<size_t>(num_computed)));
    if (!sequence.ready_to_sample()) continue;
    // The last of a prompt's scored rows is also the one that is sampled from.
    STRATA_ASSIGN_OR_RETURN(const TokenEvent event,
                            SampleRow(sequence, scores ? logit_row - 1 : logit_row++));
    if (callbacks_.on_token) callbacks_.on_token(event);
  }
  return absl::OkStatus();
}

void Session::RemoveFinished() {
  std::vector<Running> still_running;
  std::vector<Completion> completions;
  for (Running& running : running_) {
    if (!running.sequence->finished()) {
      still_running.push_back(std::move(running));
      continue;
    }
    kv_.cache->Remove(running.kv);
    completions.push_back(running.sequence->TakeCompletion());
  }
  running_ = std::move(still_running);
  // Reported last: a callback may submit the next request.
  for (Completion& completion : completions) {
    if (callbacks_.on_finished) callbacks_.on_finished(std::move(completion));
  }
}

absl::Status Session::RunPass() {
  STRATA_RETURN_IF_ERROR(Admit());
  if (running_.empty()) return absl::OkStatus();
  const std::vector<ScheduledBatch> batches = ComposePass();
  std::vector<int64_t> num_planned;  // rows of every running sequence, after the pass
  for (const Running& running : running_) num_planned.push_back(kv_.cache->num_planned(running.kv));
  for (const ScheduledBatch& batch : batches) num_rows_computed_ += batch.batch.num_tokens();
  pass_shapes_.push_back(ShapeOf(batches));
  STRATA_RETURN_IF_ERROR(executor_->RunPass(batches, activations_.in_host));
  STRATA_RETURN_IF_ERROR(SampleAll(num_planned));
  RemoveFinished();
  return absl::OkStatus();
}

Simulation Session::SimulatePasses() const {
  const CostModel cost_model(engine_.model_shape(), engine_.profile());
  return Simulate(executor_->schedule(), engine_.policy(), cost_model, pass_shapes_);
}

RunReport Session::Report() const {
  RunReport report = MakeRunReport(executor_->totals(), SimulatePasses(), engine_.profile());
  report.num_rows = num_rows_computed_;
  return report;
}

absl::Status Session::RunUntilIdle() {
  while (num_pending() > 0) STRATA_RETURN_IF_ERROR(RunPass());
  return absl::OkStatus();
}

}  // namespace strata
