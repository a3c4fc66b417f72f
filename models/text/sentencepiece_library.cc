#include "models/text/sentencepiece_library.h"

#include <sentencepiece_processor.h>

#include <utility>

namespace strata {

struct SentencePieceLibrary::Processor {
  sentencepiece::SentencePieceProcessor processor;
};

SentencePieceLibrary::SentencePieceLibrary(std::unique_ptr<Processor> processor)
    : processor_(std::move(processor)) {}
SentencePieceLibrary::~SentencePieceLibrary() = default;

std::unique_ptr<SentencePieceLibrary> SentencePieceLibrary::Load(const std::string& bytes,
                                                                 std::string& error) {
  auto processor = std::make_unique<Processor>();
  const sentencepiece::util::Status status = processor->processor.LoadFromSerializedProto(bytes);
  if (!status.ok()) {
    error = status.ToString();
    return nullptr;
  }
  return std::unique_ptr<SentencePieceLibrary>(new SentencePieceLibrary(std::move(processor)));
}

bool SentencePieceLibrary::Encode(const char* text, size_t size, std::vector<int32_t>& ids,
                                  std::string& error) const {
  std::vector<int> pieces;
  const sentencepiece::util::Status status =
      processor_->processor.Encode(std::string_view(text, size), &pieces);
  if (!status.ok()) {
    error = status.ToString();
    return false;
  }
  ids.insert(ids.end(), pieces.begin(), pieces.end());
  return true;
}

int SentencePieceLibrary::num_pieces() const { return processor_->processor.GetPieceSize(); }

std::string SentencePieceLibrary::PieceOf(int id) const {
  return processor_->processor.IdToPiece(id);
}

SentencePieceLibrary::PieceType SentencePieceLibrary::TypeOf(int id) const {
  const sentencepiece::SentencePieceProcessor& processor = processor_->processor;
  if (processor.IsUnknown(id)) return PieceType::kUnknown;
  if (processor.IsControl(id)) return PieceType::kControl;
  if (processor.IsUnused(id)) return PieceType::kUnused;
  if (processor.IsByte(id)) return PieceType::kByte;
  return PieceType::kNormal;
}

int SentencePieceLibrary::unk_id() const { return processor_->processor.unk_id(); }
int SentencePieceLibrary::bos_id() const { return processor_->processor.bos_id(); }
int SentencePieceLibrary::eos_id() const { return processor_->processor.eos_id(); }
int SentencePieceLibrary::pad_id() const { return processor_->processor.pad_id(); }

}  // namespace strata
