#include "engine/evaluate/engine_source.h"

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/session.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

RunUsage UsageOf(Engine& engine, const Session& session) {
  const RunReport report = session.Report();
  const auto bytes = [&report](Lane lane) {
    return report.lanes[static_cast<size_t>(lane)].measured_bytes;
  };
  return {.num_passes = report.num_passes,
          .num_rows = report.num_rows,
          .peak_gpu_bytes = engine.budget().peak().gpu + session.peak_kv().gpu,
          .peak_host_bytes = engine.budget().peak().host + session.peak_kv().host,
          .disk_read_bytes = bytes(Lane::kDiskRead),
          .disk_write_bytes = bytes(Lane::kDiskWrite),
          .host_to_device_bytes = bytes(Lane::kHostToDevice),
          .device_to_host_bytes = bytes(Lane::kDeviceToHost),
          .measured_seconds = report.measured_seconds,
          .predicted_seconds = engine.is_priced() ? report.predicted_seconds : 0,
          .ceiling_seconds = report.ceiling_seconds,
          .bound_by = report.bound_by};
}

// One run over all requests: which are in flight, and what they become.
class Run {
 public:
  Run(Engine& engine, const EngineSourceOptions& options,
      absl::Span<const CompletionRequest> requests, const CompletionSource::OnFinished& on_finished)
      : engine_(engine), options_(options), requests_(requests), on_finished_(on_finished) {}

  absl::Status Go(int64_t batch_size) {
    engine_.budget().ResetPeak();
    STRATA_ASSIGN_OR_RETURN(session_,
                            Session::Create(engine_, {.max_batch_size = batch_size},
                                            {.on_finished = [this](Completion completion) {
                                              Finish(std::move(completion));
                                            }}));
    for (;;) {
      if (MayRefill()) {
        while (next_ < requests_.size() && session_->num_free_slots() > 0) {
          Submit(requests_[next_++]);
        }
      }
      STRATA_RETURN_IF_ERROR(refused_);
      if (session_->num_pending() == 0 && next_ == requests_.size()) return absl::OkStatus();
      STRATA_RETURN_IF_ERROR(session_->RunPass());
      STRATA_RETURN_IF_ERROR(refused_);
      if (options_.is_interrupted && options_.is_interrupted()) {
        return absl::CancelledError("interrupted");
      }
    }
  }

  const Session& session() const { return *session_; }

 private:
  bool MayRefill() const {
    return options_.refill == EngineSourceOptions::Refill::kContinuous ||
           session_->num_pending() == 0;
  }

  void Report(CompletionResult result) { refused_.Update(on_finished_(std::move(result))); }

  void Submit(const CompletionRequest& request) {
    CompletionResult result;
    result.id = request.id;
    result.submitted = std::chrono::steady_clock::now();
    absl::StatusOr<RequestId> submitted = TrySubmit(request, result);
    if (submitted.ok()) {
      in_flight_[*submitted] = std::move(result);
      return;
    }
    result.status = submitted.status();
    result.finished = std::chrono::steady_clock::now();
    Report(std::move(result));
  }

  absl::StatusOr<std::vector<int32_t>> PromptIds(const CompletionRequest& request) {
    if (!request.prompt_ids.empty()) return request.prompt_ids;
    if (request.messages.empty()) return engine_.tokenizer()->Encode(request.prompt);
    if (!engine_.chat_template().has_value()) {
      return absl::InvalidArgumentError("the model has no chat template");
    }
    STRATA_ASSIGN_OR_RETURN(const std::string text,
                            engine_.chat_template()->Render(
                                {.messages = request.messages,
                                 .add_generation_prompt = true,
                                 .variables = request.template_variables,
                                 .now = absl::ToCivilSecond(absl::Now(), absl::LocalTimeZone())}));
    // The template has written the special tokens already.
    return engine_.tokenizer()->Encode(absl::StrCat(text, request.prompt),
                                       {.special_tokens = EncodeOptions::SpecialTokens::kOmit});
  }

  absl::StatusOr<RequestId> TrySubmit(const CompletionRequest& request, CompletionResult& result) {
    Request engine_request;
    STRATA_ASSIGN_OR_RETURN(std::vector<int32_t> ids, PromptIds(request));
    const int64_t context = engine_.decoder().config().max_positions;
    const int64_t room = context - request.max_new_tokens;
    if (room < 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          request.max_new_tokens,
          " new tokens leave no room for a prompt in the model's context of ", context));
    }
    result.prompt_truncated = static_cast<int64_t>(ids.size()) > room;
    if (result.prompt_truncated && request.overflow == CompletionRequest::Overflow::kRefuse) {
      return absl::InvalidArgumentError(absl::StrCat("the prompt has ", ids.size(), " tokens, and ",
                                                     request.max_new_tokens,
                                                     " new ones would not fit beside them into the "
                                                     "model's context of ",
                                                     context));
    }
    if (result.prompt_truncated) ids.erase(ids.begin(), ids.end() - room);
    result.num_prompt_tokens = static_cast<int64_t>(ids.size());
    engine_request.prompt_ids = std::move(ids);
    engine_request.sampling = request.sampling;
    engine_request.max_new_tokens = request.max_new_tokens;
    engine_request.stop = request.stop;
    if (!request.ignore_end_tokens) engine_request.eos_token_ids = engine_.eos_token_ids();
    return session_->Submit(std::move(engine_request));
  }

  void Finish(Completion completion) {
    const auto it = in_flight_.find(completion.request);
    STRATA_CHECK(it != in_flight_.end(), "a completion of a request that is not in flight");
    CompletionResult result = std::move(it->second);
    in_flight_.erase(it);
    result.text = std::move(completion.text);
    result.finish_reason = completion.finish_reason == FinishReason::kStop
                               ? CompletionResult::FinishReason::kStop
                               : CompletionResult::FinishReason::kLength;
    result.num_output_tokens = static_cast<int64_t>(completion.output_ids.size());
    result.token_times = std::move(completion.token_times);
    result.finished = std::chrono::steady_clock::now();
    Report(std::move(result));
  }

  Engine& engine_;
  const EngineSourceOptions& options_;
  absl::Span<const CompletionRequest> requests_;
  const CompletionSource::OnFinished& on_finished_;
  absl::Status refused_;  // by on_finished_
  std::unique_ptr<Session> session_;
  size_t next_ = 0;
  absl::flat_hash_map<RequestId, CompletionResult> in_flight_;
};

}  // namespace

absl::Status EngineSource::Complete(absl::Span<const CompletionRequest> requests,
                                    int64_t batch_size, const OnFinished& on_finished) {
  STRATA_CHECK(engine_.tokenizer() != nullptr, "completions without a tokenizer");
  usage_.reset();
  Run run(engine_, options_, requests, on_finished);
  STRATA_RETURN_IF_ERROR(run.Go(batch_size));
  usage_ = UsageOf(engine_, run.session());
  if (options_.on_report) options_.on_report(run.session().Report());
  return absl::OkStatus();
}

}  // namespace strata
