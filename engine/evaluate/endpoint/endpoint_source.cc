#include "engine/evaluate/endpoint/endpoint_source.h"

#include <curl/curl.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "engine/evaluate/endpoint/event_stream.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr size_t kMaxBodyBytes = 64 << 20;
constexpr int kPollMilliseconds = 200;
constexpr long kConnectSeconds = 30;

struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

std::string PathOf(EndpointProtocol protocol) {
  return protocol == EndpointProtocol::kChat ? "/chat/completions" : "/completions";
}

bool MayPass(long http_status) { return http_status == 429 || http_status >= 500; }

// One request on its way, over all its attempts.
struct Transfer {
  const CompletionRequest* request = nullptr;
  CompletionResult result;
  std::string body;  // sent
  int64_t num_attempts = 0;
  MonotonicTime not_before;  // of the next attempt
  Easy easy;                 // of the attempt in progress; null: waiting

  // Of the attempt in progress.
  EventStream events;
  std::string received;  // what was no event
  bool is_stream = false;
  bool is_complete = false;  // a finish reason or the end mark was seen
  absl::Status fault;
  int64_t num_chunks = 0;

  void TakeChunk(absl::string_view data) {
    if (data == "[DONE]") {
      is_complete = true;
      return;
    }
    const absl::StatusOr<EndpointChunk> chunk = ParseEndpointChunk(data);
    if (!chunk.ok()) {
      fault.Update(chunk.status());
      return;
    }
    absl::StrAppend(&result.text, chunk->text);
    if (chunk->has_token) {
      ++num_chunks;
      if (is_stream) result.token_times.push_back(std::chrono::steady_clock::now());
    }
    if (chunk->finish_reason.has_value()) {
      is_complete = true;
      result.finish_reason = *chunk->finish_reason;
    }
    result.num_prompt_tokens = chunk->num_prompt_tokens.value_or(result.num_prompt_tokens);
    result.num_output_tokens = chunk->num_output_tokens.value_or(result.num_output_tokens);
  }

  static size_t Write(char* bytes, size_t, size_t size, void* self) {
    Transfer& transfer = *static_cast<Transfer*>(self);
    long http_status = 0;
    const char* type = nullptr;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &http_status);
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_CONTENT_TYPE, &type);
    if (http_status == 200 && type != nullptr && absl::StartsWith(type, "text/event-stream")) {
      transfer.is_stream = true;
      transfer.events.Push({bytes, size},
                           [&transfer](absl::string_view data) { transfer.TakeChunk(data); });
      return size;
    }
    if (transfer.received.size() + size > kMaxBodyBytes) return 0;
    transfer.received.append(bytes, size);
    return size;
  }
};

class EndpointRun {
 public:
  EndpointRun(const EndpointOptions& options, absl::Span<const CompletionRequest> requests,
              int64_t batch_size, const CompletionSource::OnFinished& on_finished)
      : options_(options),
        requests_(requests),
        batch_size_(static_cast<size_t>(batch_size)),
        on_finished_(on_finished),
        multi_(curl_multi_init()) {
    curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Accept: text/event-stream, application/json");
    if (!options.api_key.empty()) {
      headers = curl_slist_append(headers,
                                  absl::StrCat("Authorization: Bearer ", options.api_key).c_str());
    }
    headers_.reset(headers);
  }

  ~EndpointRun() {
    for (const std::unique_ptr<Transfer>& transfer : transfers_) {
      if (transfer->easy != nullptr) curl_multi_remove_handle(multi_.get(), transfer->easy.get());
    }
  }

  absl::Status Go() {
    for (;;) {
      while (transfers_.size() < batch_size_ && next_ < requests_.size()) {
        STRATA_RETURN_IF_ERROR(Begin(requests_[next_++]));
      }
      if (transfers_.empty() && next_ == requests_.size()) return absl::OkStatus();
      StartDue();
      int num_running = 0;
      curl_multi_perform(multi_.get(), &num_running);
      STRATA_RETURN_IF_ERROR(TakeEnded());
      if (options_.is_interrupted && options_.is_interrupted()) {
        return absl::CancelledError("interrupted");
      }
      curl_multi_poll(multi_.get(), nullptr, 0, PollMilliseconds(), nullptr);
    }
  }

 private:
  absl::Status Begin(const CompletionRequest& request) {
    auto transfer = std::make_unique<Transfer>();
    transfer->request = &request;
    transfer->result.id = request.id;
    transfer->result.submitted = std::chrono::steady_clock::now();
    absl::StatusOr<std::string> body = EndpointBody(request, options_.model, options_.protocol);
    if (!body.ok()) {
      transfer->result.status = body.status();
      transfer->result.finished = transfer->result.submitted;
      return on_finished_(std::move(transfer->result));
    }
    transfer->body = *std::move(body);
    transfers_.push_back(std::move(transfer));
    return absl::OkStatus();
  }

  // Starts every transfer that waits and may go.
  void StartDue() {
    const MonotonicTime now = std::chrono::steady_clock::now();
    for (const std::unique_ptr<Transfer>& transfer : transfers_) {
      if (transfer->easy == nullptr && transfer->not_before <= now) Start(*transfer);
    }
  }

  void Start(Transfer& transfer) {
    ++transfer.num_attempts;
    transfer.result = {.id = transfer.request->id, .submitted = std::chrono::steady_clock::now()};
    transfer.events = EventStream();
    transfer.received.clear();
    transfer.is_stream = transfer.is_complete = false;
    transfer.fault = absl::OkStatus();
    transfer.num_chunks = 0;
    transfer.easy.reset(curl_easy_init());
    CURL* easy = transfer.easy.get();
    const std::string url = absl::StrCat(options_.url, PathOf(options_.protocol));
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(transfer.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer.body.c_str());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::Write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(options_.silence_limit.count()));
    curl_multi_add_handle(multi_.get(), easy);
  }

  absl::Status TakeEnded() {
    int num_left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_.get(), &num_left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      STRATA_RETURN_IF_ERROR(TakeEnd(*transfer, code));
    }
    return absl::OkStatus();
  }

  absl::Status TakeEnd(Transfer& transfer, CURLcode code) {
    CURL* easy = transfer.easy.get();
    transfer.result.finished = std::chrono::steady_clock::now();
    long http_status = 0;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &http_status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    curl_multi_remove_handle(multi_.get(), easy);
    transfer.easy.reset();

    absl::Status status = OutcomeOf(transfer, code, http_status);
    const bool may_pass = code != CURLE_OK || MayPass(http_status) ||
                          (http_status == 200 && absl::IsUnavailable(status));
    if (!status.ok() && may_pass && transfer.num_attempts <= options_.max_retries) {
      const MonotonicTime::duration pause = PauseBefore(transfer.num_attempts, retry_after_s);
      transfer.not_before = transfer.result.finished + pause;
      ReportRetry(status, pause);
      return absl::OkStatus();
    }
    // Nothing else would fare better.
    const bool ends_run = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
                          http_status == 401 || http_status == 403 || http_status == 404;
    if (!status.ok() && ends_run) return status;
    transfer.result.status = std::move(status);
    CompletionResult result = std::move(transfer.result);
    transfers_.erase(std::find_if(
        transfers_.begin(), transfers_.end(),
        [&transfer](const std::unique_ptr<Transfer>& one) { return one.get() == &transfer; }));
    return on_finished_(std::move(result));
  }

  void ReportRetry(const absl::Status& status, MonotonicTime::duration pause) {
    constexpr std::chrono::seconds kSilence{5};
    const MonotonicTime now = std::chrono::steady_clock::now();
    if (!options_.on_retry || (last_report_.has_value() && now - *last_report_ < kSilence)) return;
    last_report_ = now;
    options_.on_retry(absl::StrFormat("%s; asked again in %.1f s", status.message(),
                                      std::chrono::duration<double>(pause).count()));
  }

  // What an attempt has come to.
  absl::Status OutcomeOf(Transfer& transfer, CURLcode code, long http_status) const {
    const std::string server = absl::StrCat(options_.url, PathOf(options_.protocol));
    if (code != CURLE_OK) {
      return absl::UnavailableError(
          Redacted(absl::StrCat("'", server, "': ", curl_easy_strerror(code))));
    }
    if (http_status != 200) {
      const std::string message = Redacted(absl::StrCat(
          "'", server, "' answered ", http_status, ": ", EndpointErrorText(transfer.received)));
      if (http_status == 401) return absl::UnauthenticatedError(message);
      if (http_status == 403) return absl::PermissionDeniedError(message);
      if (http_status == 404) return absl::NotFoundError(message);
      if (MayPass(http_status)) return absl::UnavailableError(message);
      return absl::InvalidArgumentError(message);
    }
    if (!transfer.is_stream) transfer.TakeChunk(transfer.received);
    if (!transfer.fault.ok()) {
      return absl::UnavailableError(
          Redacted(absl::StrCat("'", server, "': ", transfer.fault.message())));
    }
    if (!transfer.is_complete) {
      return absl::UnavailableError(
          Redacted(absl::StrCat("'", server, "': the answer ended before its end mark")));
    }
    // Without usage, a chunk counts as a token.
    if (transfer.result.num_output_tokens == 0) {
      transfer.result.num_output_tokens = transfer.num_chunks;
    }
    return absl::OkStatus();
  }

  MonotonicTime::duration PauseBefore(int64_t num_attempts, curl_off_t retry_after_s) const {
    const int64_t doublings = std::min<int64_t>(num_attempts - 1, 20);
    const MonotonicTime::duration own = options_.first_pause * (int64_t{1} << doublings);
    const MonotonicTime::duration theirs = std::chrono::seconds(retry_after_s);
    return std::min<MonotonicTime::duration>(std::max(own, theirs), options_.max_pause);
  }

  int PollMilliseconds() const {
    const MonotonicTime now = std::chrono::steady_clock::now();
    int64_t wait = kPollMilliseconds;
    for (const std::unique_ptr<Transfer>& transfer : transfers_) {
      if (transfer->easy != nullptr) continue;
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(transfer->not_before - now);
      wait = std::min(wait, std::max<int64_t>(left.count(), 0));
    }
    return static_cast<int>(wait);
  }

  std::string Redacted(std::string message) const {
    if (options_.api_key.empty()) return message;
    return absl::StrReplaceAll(message, {{options_.api_key, "(key)"}});
  }

  const EndpointOptions& options_;
  absl::Span<const CompletionRequest> requests_;
  const size_t batch_size_;
  const CompletionSource::OnFinished& on_finished_;
  List headers_;
  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::vector<std::unique_ptr<Transfer>> transfers_;  // in flight, those that wait included
  size_t next_ = 0;
  std::optional<MonotonicTime> last_report_;  // of a retry
};

}  // namespace

absl::StatusOr<std::unique_ptr<EndpointSource>> EndpointSource::Create(EndpointOptions options) {
  absl::string_view rest = options.url;
  if (!absl::ConsumePrefix(&rest, "http://") && !absl::ConsumePrefix(&rest, "https://")) {
    return absl::InvalidArgumentError(
        "endpoint: expected a URL that begins with http:// or https://");
  }
  const absl::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (absl::StrContains(authority, "@")) {
    return absl::InvalidArgumentError(
        "endpoint: a name and password in the URL would stand in the results; give a key instead");
  }
  if (authority.empty()) return absl::InvalidArgumentError("endpoint: the URL names no server");
  if (absl::StrContains(rest, "?") || absl::StrContains(rest, "#")) {
    return absl::InvalidArgumentError(
        "endpoint: expected the URL up to the version, without a query");
  }
  if (options.model.empty()) {
    return absl::InvalidArgumentError("endpoint: name the server's model with --endpoint-model");
  }
  for (const char c : options.api_key) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(
          "endpoint: the key holds characters that no header can carry");
    }
  }
  // Whoever copies the whole address is served as well.
  absl::string_view url = absl::StripSuffix(options.url, "/");
  url = absl::StripSuffix(url, PathOf(options.protocol));
  options.url = std::string(url);
  return std::unique_ptr<EndpointSource>(new EndpointSource(std::move(options)));
}

absl::Status EndpointSource::Complete(absl::Span<const CompletionRequest> requests,
                                      int64_t batch_size, const OnFinished& on_finished) {
  EndpointRun run(options_, requests, batch_size, on_finished);
  return run.Go();
}

}  // namespace strata
