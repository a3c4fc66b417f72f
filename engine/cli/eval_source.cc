#include "engine/cli/eval_source.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/cli/interrupt.h"
#include "engine/evaluate/endpoint/endpoint_source.h"
#include "engine/evaluate/engine_source.h"
#include "engine/evaluate/jobs/model_fingerprint.h"
#include "engine/evaluate/sha256.h"
#include "engine/profile/machine_identity.h"
#include "engine/throughput/throughput.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

int64_t HostMemoryBytes() { return sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE); }

// "Linux 6.1.0 x86_64".
std::string OperatingSystem() {
  utsname names = {};
  if (uname(&names) != 0) return "unknown";
  return absl::StrCat(names.sysname, " ", names.release, " ", names.machine);
}

absl::StatusOr<PreparedSource> PrepareEngine(const EvalOptions& options, std::ostream& err) {
  STRATA_ASSIGN_OR_RETURN(EngineOptions engine_options, ToEngineOptions(options.model));
  // Five examples and a question of the real GSM8K, and what is generated for it at most.
  engine_options.placement.workload = {
      .num_sequences = *std::max_element(options.batch_sizes.begin(), options.batch_sizes.end()),
      .prompt_tokens = 1024,
      .output_tokens = options.max_new_tokens.value_or(256),
      .objective = engine_options.placement.workload.objective};
  // A placement by hand leaves nothing to decide, but predictions stand beside the measurements.
  const PlacementArguments& placement = options.model.placement;
  engine_options.placement.always_price =
      !placement.percent.empty() || !placement.policy_path.empty();
  PreparedSource prepared = {.kind = "strata", .model = options.model.model};
  const absl::Time load_began = absl::Now();
  STRATA_ASSIGN_OR_RETURN(prepared.engine, Engine::Create(engine_options));
  const double load_seconds = absl::ToDoubleSeconds(absl::Now() - load_began);
  Engine& engine = *prepared.engine;
  if (engine.tokenizer() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("model '", options.model.model, "' has no tokenizer, which eval needs"));
  }
  if (options.chat && !engine.chat_template().has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--chat: model '", options.model.model, "' has no chat template"));
  }
  EngineSourceOptions source = {.is_interrupted = Interrupt::Requested};
  if (options.static_batching) source.refill = EngineSourceOptions::Refill::kWholeBatches;
  source.on_report = [&err, is_priced = engine.is_priced()](const RunReport& report) {
    if (is_priced) {
      err << FormatRunReport(report) << std::flush;
    } else {
      err << report.num_rows << " rows computed in " << report.num_passes << " passes, "
          << absl::StrFormat("%.2f s", report.measured_seconds) << std::endl;
    }
  };
  prepared.source = std::make_unique<EngineSource>(engine, std::move(source));
  prepared.headline = absl::StrCat("model ", options.model.model, ", ", engine.DeviceName());
  const std::string chat_template =
      engine.chat_template().has_value() ? engine.chat_template()->source() : "";
  const std::string kv(DTypeName(engine.kv_dtype()));
  prepared.settings = {{"backend", engine.DeviceName()},
                       {"weights", std::string(DTypeName(engine.model_shape().weight_dtype))},
                       {"kv", kv},
                       {"weight_bytes", absl::StrCat(engine.weights().total_bytes())},
                       {"policy", PolicyText(engine.model_shape(), engine.policy())},
                       {"batching", options.static_batching ? "static" : "continuous"},
                       {"cpu", CpuModelName()},
                       {"cpu_cores", absl::StrCat(NumUsableCores())},
                       {"host_memory_bytes", absl::StrCat(HostMemoryBytes())},
                       {"operating_system", OperatingSystem()},
                       {"max_length", absl::StrCat(engine.decoder().config().max_positions)},
                       {"model_load_seconds", absl::StrFormat("%.3f", load_seconds)}};
  if (!chat_template.empty()) {
    prepared.settings.emplace_back("chat_template_sha256", Sha256Hex(chat_template));
  }
  STRATA_ASSIGN_OR_RETURN(const ModelFiles files,
                          LocateModel(engine_options.model, engine_options.hub_cache));
  STRATA_ASSIGN_OR_RETURN(const std::string fingerprint, ModelFingerprint(files));
  prepared.identity = {{"model_fingerprint", fingerprint},
                       {"load_format", options.model.load_format},
                       {"chat_template_sha256", Sha256Hex(chat_template)},
                       {"batching", options.static_batching ? "static" : "continuous"},
                       {"kv", kv}};
  return prepared;
}

absl::StatusOr<PreparedSource> PrepareEndpoint(const EvalOptions& options, std::ostream& err) {
  if (!options.model.model.empty()) {
    return absl::InvalidArgumentError("--model would have no effect beside --endpoint");
  }
  if (options.static_batching) {
    return absl::InvalidArgumentError("--static-batching is up to the server behind --endpoint");
  }
  EndpointOptions endpoint = {
      .url = options.endpoint,
      .model = options.endpoint_model,
      .protocol = options.chat ? EndpointProtocol::kChat : EndpointProtocol::kCompletions,
      .is_interrupted = Interrupt::Requested,
      .on_retry = [&err](const std::string& reason) {
        err << (isatty(STDERR_FILENO) != 0 ? "\n" : "") << reason << std::endl;  // below the bar
      }};
  if (!options.api_key_variable.empty()) {
    const char* key = std::getenv(options.api_key_variable.c_str());
    if (key == nullptr || *key == '\0') {
      return absl::InvalidArgumentError(
          absl::StrCat("--api-key-env: the environment has no '", options.api_key_variable, "'"));
    }
    endpoint.api_key = key;
  }
  PreparedSource prepared = {.kind = "endpoint", .model = options.endpoint_model};
  STRATA_ASSIGN_OR_RETURN(prepared.source, EndpointSource::Create(std::move(endpoint)));
  prepared.headline = absl::StrCat("model ", options.endpoint_model, ", ", options.endpoint);
  prepared.settings = {{"endpoint", options.endpoint},
                       {"backend", options.endpoint},
                       {"protocol", options.chat ? "chat" : "completions"}};
  prepared.identity = {{"endpoint", options.endpoint}, {"endpoint_model", options.endpoint_model}};
  return prepared;
}

}  // namespace

absl::StatusOr<PreparedSource> PrepareSource(const EvalOptions& options, std::ostream& err) {
  if (!options.endpoint.empty()) return PrepareEndpoint(options, err);
  if (options.model.model.empty()) {
    return absl::InvalidArgumentError("name a model with --model, or a server with --endpoint");
  }
  if (!options.endpoint_model.empty() || !options.api_key_variable.empty()) {
    return absl::InvalidArgumentError(
        "--endpoint-model and --api-key-env have no effect without --endpoint");
  }
  return PrepareEngine(options, err);
}

}  // namespace strata
