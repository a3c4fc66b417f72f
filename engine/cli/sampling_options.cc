#include "engine/cli/sampling_options.h"

#include <CLI/CLI.hpp>

namespace strata {

void AddSamplingOptions(CLI::App& verb, SamplingOptions& options) {
  verb.add_option("--temperature", options.temperature, "0: greedy");
  verb.add_option("--top-k", options.top_k, "Draw among the k most likely tokens; 0: all");
  verb.add_option("--top-p", options.top_p, "Draw among the likeliest tokens that hold this mass");
  verb.add_option("--min-p", options.min_p,
                  "Draw among tokens at least this likely, relative to the best");
  verb.add_option("--repetition-penalty", options.repetition_penalty, "1: none");
  verb.add_option("--presence-penalty", options.presence_penalty, "0: none");
  verb.add_option("--frequency-penalty", options.frequency_penalty, "0: none");
  verb.add_option("--stop", options.stop, "End the text before this string (repeatable)")
      ->allow_extra_args(false);
  verb.add_option("--max-new-tokens", options.max_new_tokens, "Tokens to generate at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30))
      ->capture_default_str();
  verb.add_flag("--ignore-eos", options.ignore_eos, "Go on after an end-of-text token");
  verb.add_option("--num-samples", options.num_samples, "Texts to generate for each prompt")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
}

Request MakeRequest(const SamplingOptions& options, const Engine& engine, uint64_t seed) {
  Request request;
  SamplingParams& sampling = request.sampling;
  sampling = engine.generation_config().sampling;
  sampling.temperature = options.temperature.value_or(sampling.temperature);
  sampling.top_k = options.top_k.value_or(sampling.top_k);
  sampling.top_p = options.top_p.value_or(sampling.top_p);
  sampling.min_p = options.min_p.value_or(sampling.min_p);
  sampling.repetition_penalty = options.repetition_penalty.value_or(sampling.repetition_penalty);
  sampling.presence_penalty = options.presence_penalty.value_or(sampling.presence_penalty);
  sampling.frequency_penalty = options.frequency_penalty.value_or(sampling.frequency_penalty);
  sampling.seed = seed;
  request.stop = options.stop;
  request.max_new_tokens = options.max_new_tokens;
  if (!options.ignore_eos) request.eos_token_ids = engine.eos_token_ids();
  return request;
}

}  // namespace strata
