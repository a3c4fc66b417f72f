// Engine: a loaded model ready to run, and everything of it that no single run changes.
//
// Owns the decoder, the weight store, the tokenizer, the chat template and the backend. Sessions
// (engine/session.h) run requests over it, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/engine_options.h"
#include "engine/generation_config.h"
#include "kernels/ops/backend.h"
#include "models/decoder.h"
#include "models/text/chat_template.h"
#include "models/text/tokenizer.h"
#include "offload/disk/disk_queue.h"
#include "offload/memory_budget.h"
#include "offload/plan/plan_result.h"
#include "offload/weights/weight_store.h"

namespace strata {

class Engine {
 public:
  // Plans, then reads tokenizer and weights: those at home in host memory are loaded under a budget
  // (placement.host_memory), otherwise touched when they are first used. Errors name the file and
  // the object; ResourceExhausted carries the plan that does not fit.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(const EngineOptions& options);

  const Decoder& decoder() const { return decoder_; }
  WeightStore& weights() { return *weights_; }
  Backend& backend() { return *backend_; }
  // Null without a gpu.
  Device* gpu() { return gpu_.device.get(); }
  Backend* gpu_backend() { return gpu_.backend.get(); }
  // What computes: "cpu (avx2, 2 threads)", or a gpu and the cpu.
  std::string DeviceName() const;
  DiskQueue* disk_queue() { return disk_queue_.get(); }  // null when nothing is on disk
  const std::string& disk_directory() const { return disk_directory_; }
  bool share_prefixes() const { return share_prefixes_; }
  MemoryBudget& budget() { return *budget_; }
  const ModelShape& model_shape() const { return shape_; }
  const PlanResult& plan() const { return plan_; }
  const Policy& policy() const { return plan_.policy; }
  const HardwareProfile& profile() const { return profile_; }
  // Whether these are the rates of a machine, so that predictions mean something.
  bool is_priced() const { return is_priced_; }
  DType kv_dtype() const { return kv_dtype_; }
  const GenerationConfig& generation_config() const { return generation_config_; }
  // Null when the model has no tokenizer files; then only token ids go in and out.
  const Tokenizer* tokenizer() const { return tokenizer_.get(); }
  const std::optional<ChatTemplate>& chat_template() const { return chat_template_; }

  // Ids that end a text: generation_config.json's, else config.json's, else the tokenizer's.
  std::vector<int32_t> eos_token_ids() const;

 private:
  Engine(Decoder decoder, DType kv_dtype) : decoder_(std::move(decoder)), kv_dtype_(kv_dtype) {}

  Decoder decoder_;
  DType kv_dtype_;
  ModelShape shape_;
  HardwareProfile profile_;
  bool is_priced_ = false;
  PlanResult plan_;
  std::string disk_directory_;
  bool share_prefixes_ = true;
  std::unique_ptr<MemoryBudget> budget_;
  MemoryCharge program_charge_;
  GpuParts gpu_;
  std::unique_ptr<WeightStore> weights_;
  std::unique_ptr<DiskQueue> disk_queue_;  // goes before the memory that it reads into
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::optional<ChatTemplate> chat_template_;
  GenerationConfig generation_config_;
};

}  // namespace strata
