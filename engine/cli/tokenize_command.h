// `strata tokenize`: text or chats to token ids and back; needs a model's tokenizer files alone.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace strata {

struct TokenizeOptions {
  std::string model;               // a directory with tokenizer files, or a Hugging Face id
  std::vector<std::string> texts;  // each becomes a row
  // Rows {"text": "..."} or {"messages": [...], further variables of the chat template}; "-" is the
  // standard input, empty is none.
  std::string input;
  std::vector<std::string> decode;  // "1,2,3": ids to text
  bool no_special_tokens = false;   // leave out BOS, EOS and the like around a text
};

// Prints a row {"ids": [...], "text": "..."} for each: text is what was encoded (for a chat the
// rendered template), or what the ids decode to. Returns the exit code: 0, 2 for bad options or
// input.
int RunTokenize(const TokenizeOptions& options, std::ostream& out, std::ostream& err);

// Adds the verb to `app`; running it sets `exit_code`, which outlives the parsing.
void RegisterTokenize(CLI::App& app, int& exit_code);

}  // namespace strata
