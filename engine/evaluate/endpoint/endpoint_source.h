// EndpointSource: completions from any OpenAI-compatible server: a hosted model, vLLM, llama.cpp.
//
// Answers are streamed, so that the time to the first token is real; batch_size requests are in
// flight at a time on as many connections. What a server refuses for now (429, 5xx, a broken
// connection) is asked again after a pause that doubles, or the one that the server names; the
// latency of a request is that of the attempt that succeeded. The key is sent to this server only,
// never follows a redirect, and is blotted out of every message.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/evaluate/completion_source.h"
#include "engine/evaluate/endpoint/completion_protocol.h"

namespace strata {

struct EndpointOptions {
  std::string url;      // up to and with the version: "http://localhost:8000/v1"
  std::string model;    // as the server calls it
  std::string api_key;  // empty: none is sent
  EndpointProtocol protocol = EndpointProtocol::kCompletions;
  int64_t max_retries = 6;
  std::chrono::milliseconds first_pause{1000};  // before the first retry
  std::chrono::milliseconds max_pause{60000};
  std::chrono::seconds silence_limit{600};  // a connection on which nothing comes is given up
  std::function<bool()> is_interrupted;     // asked several times a second; may be empty
  // Hears why a request is asked again, one sentence without the key, every 5 s at most; may be
  // empty.
  std::function<void(const std::string& reason)> on_retry;
};

class EndpointSource final : public CompletionSource {
 public:
  // InvalidArgument: a URL that is not http or https or holds a name and password, a key that is no
  // header value, no model.
  static absl::StatusOr<std::unique_ptr<EndpointSource>> Create(EndpointOptions options);

  // Unauthenticated, PermissionDenied, NotFound (401, 403, 404) and Unavailable (no connection) end
  // the run; other refusals are the request's own.
  absl::Status Complete(absl::Span<const CompletionRequest> requests, int64_t batch_size,
                        const OnFinished& on_finished) override;

 private:
  explicit EndpointSource(EndpointOptions options) : options_(std::move(options)) {}

  EndpointOptions options_;
};

}  // namespace strata
