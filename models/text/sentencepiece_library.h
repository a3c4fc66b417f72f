// libsentencepiece behind standard types only.
//
// Its header declares names in namespace absl that Abseil declares too, so the one file that
// includes it includes nothing of ours but this. Immutable after Load; any thread may encode.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace strata {

class SentencePieceLibrary {
 public:
  enum class PieceType { kNormal, kUnknown, kControl, kUnused, kByte };

  // From the bytes of a *.model file. nullptr, and the reason in `error`, on a fault.
  static std::unique_ptr<SentencePieceLibrary> Load(const std::string& bytes, std::string& error);
  ~SentencePieceLibrary();

  // Appends the ids of `text` (valid UTF-8) to `ids`; false, and the reason in `error`, on a fault.
  bool Encode(const char* text, size_t size, std::vector<int32_t>& ids, std::string& error) const;

  int num_pieces() const;
  std::string PieceOf(int id) const;
  PieceType TypeOf(int id) const;
  int unk_id() const;  // -1 when the model has none; so are the others
  int bos_id() const;
  int eos_id() const;
  int pad_id() const;

 private:
  struct Processor;
  explicit SentencePieceLibrary(std::unique_ptr<Processor> processor);

  const std::unique_ptr<Processor> processor_;
};

}  // namespace strata
