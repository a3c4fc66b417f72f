// A trie over byte strings: which of many strings begin at a place in a text.
//
// Used for the Unigram vocabulary and for added tokens. Built once, then read by any thread.
#pragma once

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace strata {

class ByteTrie {
 public:
  // Stores `value` (at least 0) under `key` (not empty); a later value replaces an earlier one.
  void Insert(absl::string_view key, int32_t value) {
    int32_t node = 0;
    Node* last = nullptr;
    for (const char byte : key) {
      const auto [it, inserted] = edges_.emplace(Edge(node, byte), Node{num_nodes_, -1});
      if (inserted) ++num_nodes_;
      last = &it->second;
      node = last->index;
    }
    last->value = value;
  }

  // Calls `visit(length, value)` for every key that `text` begins with, shortest first.
  template <typename Visit>
  void ForEachPrefix(absl::string_view text, Visit visit) const {
    int32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const auto it = edges_.find(Edge(node, text[i]));
      if (it == edges_.end()) return;
      if (it->second.value >= 0) visit(i + 1, it->second.value);
      node = it->second.index;
    }
  }

  bool empty() const { return edges_.empty(); }

 private:
  struct Node {
    int32_t index = 0;
    int32_t value = -1;  // -1: no key ends here
  };

  static uint64_t Edge(int32_t node, char byte) {
    return (static_cast<uint64_t>(node) << 8) | static_cast<unsigned char>(byte);
  }
  absl::flat_hash_map<uint64_t, Node> edges_;  // (parent, byte) -> child
  int32_t num_nodes_ = 1;                      // the root is 0
};

}  // namespace strata
