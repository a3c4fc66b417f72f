// Small tokenizers for tests, written into directories of their own.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace strata {

// A directory under the test's temporary one, emptied, with `files` (name -> contents) in it.
std::string WriteTokenizerFiles(const std::string& name,
                                const std::map<std::string, std::string>& files);

// The name of the running test, for a directory.
std::string TestName();

// A Llama-like tokenizer.json: byte fallback, U+2581 for spaces, BOS first.
nlohmann::json LlamaLikeJson();

}  // namespace strata
