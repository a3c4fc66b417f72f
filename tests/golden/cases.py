"""The table of golden cases: one small random checkpoint per feature that real configs use.

A case is a config.json as a real checkpoint of that family has it (same keys, same spelling, small
numbers), how its tensors are stored, and `contrasts`: config changes that a wrong engine would amount
to. make_golden.py proves that every contrast moves the logits, so a test on the case can fail.
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    name: str
    tests: str  # what this case distinguishes, one line
    config: Json  # the classic form, as the real checkpoint's author wrote it
    generation: Json
    contrasts: tuple[Json, ...]  # config overrides; each must change the logits visibly
    prompt_len: int = 24
    dtype: str = "float32"  # of the stored weights; the computation is always float32
    newest_form: bool = False  # keep config.json as transformers itself saves it today
    num_shards: int = 1
    prefix: tuple[str, str] = ("", "")  # stored name = canonical name with this leading part replaced
    stored_tied: tuple[str, ...] = ()  # names under which old checkpoints store the embedding again
    own_head: bool = False  # an lm_head of its own where transformers would save none (T5 1.1)
    buffers: str = ""  # "rotary" or "gpt2_masks": unused buffers that old checkpoints carry
    final_gain: float = 1.0  # scale of the last norm (or projection); lifts logits of tied embeddings
    embed_std: float = 0.1  # small, so that the epsilon of the first norm is visible
    qk_gain: float = 1.4  # of q/k projections; chosen so that attention is far from uniform
    notes: tuple[str, ...] = field(default=())


def changed(config: Json, **overrides: Any) -> Json:
    """A copy of `config` with keys replaced; a key set to `...` is removed."""
    merged = {**config, **overrides}
    return {key: value for key, value in merged.items() if value is not ...}


LLAMA_GENERATION: Json = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "transformers_version": "4.31.0"}

# As meta-llama/Llama-2-7b-hf.
LLAMA: Json = {
    "architectures": ["LlamaForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 32,
    "initializer_range": 0.02,
    "intermediate_size": 40,
    "max_position_embeddings": 128,
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "transformers_version": "4.31.0",
    "use_cache": True,
    "vocab_size": 96,
}
# Rope cases: two heads of 16, so that eight frequencies tell the scaling rules apart; one shared kv head.
ROPE: Json = changed(LLAMA, num_attention_heads=2, num_key_value_heads=1, rope_theta=10000.0)

LLAMA_CASES: tuple[Case, ...] = (
    Case(
        name="llama-mha",
        tests="Llama-1: no num_key_value_heads, no rope_theta, no rope_scaling key, odd vocab; stored rotary_emb.inv_freq buffers must be ignored",
        config=changed(LLAMA, num_key_value_heads=..., rope_scaling=..., vocab_size=101, rms_norm_eps=1e-06, pad_token_id=0, max_sequence_length=128, transformers_version="4.28.0.dev0"),
        generation={"_from_model_config": True, **LLAMA_GENERATION},
        contrasts=({"rms_norm_eps": 1e-05}, {"rope_theta": 10100.0}, {"hidden_act": "gelu"}),
        buffers="rotary",
    ),
    Case(
        name="llama-gqa-bf16",
        tests="Llama-3: 8 q heads over 2 kv heads, rope_theta 500000, bfloat16 weights, list of eos ids",
        config=changed(LLAMA, hidden_size=64, num_attention_heads=8, intermediate_size=72, rope_theta=500000.0, torch_dtype="bfloat16", attention_bias=False, attention_dropout=0.0, mlp_bias=False, eos_token_id=[2, 3], transformers_version="4.42.3"),
        generation={"bos_token_id": 1, "eos_token_id": [2, 3], "do_sample": True, "temperature": 0.6, "top_p": 0.9, "transformers_version": "4.42.3"},
        contrasts=({"rms_norm_eps": 1e-04}, {"rope_theta": 10000.0}),
        dtype="bfloat16",
    ),
    Case(
        name="llama-fp16",
        tests="float16 weights, rope_scaling null",
        config=changed(LLAMA, torch_dtype="float16"),
        generation=LLAMA_GENERATION,
        contrasts=({"rms_norm_eps": 1e-04}, {"rope_theta": 10100.0}),
        dtype="float16",
    ),
    Case(
        name="llama-tied-sharded",
        tests="tie_word_embeddings (no lm_head.weight stored) and two shards with model.safetensors.index.json",
        config=changed(LLAMA, tie_word_embeddings=True, num_hidden_layers=3, rope_theta=10000.0, transformers_version="4.45.0"),
        generation=LLAMA_GENERATION,
        contrasts=({"rope_theta": 10100.0}, {"rms_norm_eps": 1e-04}),
        num_shards=2,
        final_gain=4.0,
    ),
    Case(
        name="llama-head-dim",
        tests="head_dim 16 although hidden_size / num_attention_heads is 8: scale, rope and projections follow head_dim",
        config=changed(LLAMA, head_dim=16, rope_theta=10000.0, transformers_version="4.47.0"),
        generation=LLAMA_GENERATION,
        contrasts=({"rms_norm_eps": 1e-04}, {"rope_theta": 10100.0}),
    ),
    Case(
        name="llama-attention-bias",
        tests="attention_bias (q, k, v and o) and mlp_bias (gate, up and down)",
        config=changed(LLAMA, attention_bias=True, mlp_bias=True, rope_theta=10000.0, transformers_version="4.44.0"),
        generation=LLAMA_GENERATION,
        contrasts=({"rms_norm_eps": 1e-04}, {"rope_theta": 10100.0}),
    ),
    Case(
        name="llama-rope-linear",
        tests="rope_scaling in its oldest spelling {type: linear, factor}; theta absent",
        config=changed(ROPE, rope_theta=..., rope_scaling={"type": "linear", "factor": 4.0}),
        generation=LLAMA_GENERATION,
        contrasts=({"rope_scaling": None}, {"rope_scaling": {"type": "linear", "factor": 4.2}}),
    ),
    Case(
        name="llama-rope-dynamic",
        tests="dynamic NTK; the prompt ends below max_position_embeddings and decoding crosses it",
        config=changed(ROPE, rope_scaling={"type": "dynamic", "factor": 2.0}, max_position_embeddings=32),
        generation=LLAMA_GENERATION,
        contrasts=({"rope_scaling": None}, {"max_position_embeddings": 33}, {"rope_scaling": {"type": "dynamic", "factor": 3.0}}),
        prompt_len=26,
        notes=(
            "prefill: seq_len = 26 <= 32, the unscaled base; the first 6 fed tokens (seq_len 27..32) too",
            "decode: the token fed at position p uses seq_len = p + 1 = 33..41, a new base at every step, for its own q and k only",
            "keys in the cache keep the rotation they got when they were written: nothing is rotated again",
        ),
    ),
    Case(
        name="llama-rope-dynamic-long-prompt",
        tests="dynamic NTK; the prompt is already longer than max_position_embeddings",
        config=changed(ROPE, rope_scaling={"rope_type": "dynamic", "factor": 2.0}, max_position_embeddings=20),
        generation=LLAMA_GENERATION,
        contrasts=({"rope_scaling": None}, {"max_position_embeddings": 21}),
        prompt_len=32,
        notes=(
            "prefill: all 32 positions, the first ones too, use one base computed with seq_len = 32 (prefilling in chunks would give other numbers)",
            "decode: the token fed at position p uses seq_len = p + 1 = 33..47; cached keys are not rotated again",
        ),
    ),
    Case(
        name="llama3-rope",
        tests="rope_type llama3: frequencies below, inside and above the smoothed band",
        config=changed(ROPE, rope_scaling={"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64, "rope_type": "llama3"}, max_position_embeddings=512, transformers_version="4.43.0"),
        generation=LLAMA_GENERATION,
        contrasts=(
            {"rope_scaling": None},
            {"rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 2.0, "original_max_position_embeddings": 64, "rope_type": "llama3"}},
        ),
    ),
    Case(
        name="llama3-rope-newest-form",
        tests="as llama3-rope in today's spelling: rope_parameters holds rope_theta, dtype instead of torch_dtype",
        config=changed(ROPE, rope_theta=500.0, rope_scaling={"factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64, "rope_type": "llama3"}, max_position_embeddings=256),
        generation=LLAMA_GENERATION,
        contrasts=({"rope_scaling": None}, {"rope_theta": 10000.0}),
        newest_form=True,
    ),
    Case(
        name="llama-rope-yarn",
        tests="yarn with all defaults: beta_fast 32, beta_slow 1, truncate, attention_factor = 0.1 ln(factor) + 1",
        config=changed(ROPE, rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}, max_position_embeddings=512),
        generation=LLAMA_GENERATION,
        contrasts=(
            {"rope_scaling": None},
            {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "attention_factor": 1.0}},
            {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "truncate": False}},
        ),
        qk_gain=1.2,
    ),
    Case(
        name="llama-rope-yarn-mscale",
        tests="yarn with explicit beta_fast, beta_slow, mscale, mscale_all_dim and truncate false, in today's spelling",
        config=changed(ROPE, rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 8.0, "beta_slow": 0.5, "mscale": 0.9, "mscale_all_dim": 0.4, "truncate": False}, max_position_embeddings=256),
        generation=LLAMA_GENERATION,
        contrasts=tuple(
            {"rope_scaling": changed({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 8.0, "beta_slow": 0.5, "mscale": 0.9, "mscale_all_dim": 0.4, "truncate": False}, **{key: ...})}
            for key in ("beta_fast", "beta_slow", "mscale", "truncate")
        ),
        qk_gain=1.2,
        newest_form=True,
    ),
    Case(
        name="llama-rope-yarn-attention-factor",
        tests="yarn with an explicit attention_factor, and original_max_position_embeddings absent (then max_position_embeddings)",
        config=changed(ROPE, rope_scaling={"rope_type": "yarn", "factor": 8.0, "attention_factor": 1.3}, max_position_embeddings=64),
        generation=LLAMA_GENERATION,
        contrasts=({"rope_scaling": {"rope_type": "yarn", "factor": 8.0}}, {"max_position_embeddings": 256}),
        qk_gain=1.2,
    ),
)

# As mistralai/Mistral-7B-v0.1.
MISTRAL: Json = {
    "architectures": ["MistralForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 32,
    "initializer_range": 0.02,
    "intermediate_size": 40,
    "max_position_embeddings": 256,
    "model_type": "mistral",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "sliding_window": 10,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "transformers_version": "4.34.0.dev0",
    "use_cache": True,
    "vocab_size": 96,
}
MISTRAL_GENERATION: Json = {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "transformers_version": "4.34.0.dev0"}

MISTRAL_CASES: tuple[Case, ...] = (
    Case(
        name="mistral-sliding",
        tests="sliding_window 10 under a prompt of 32: key j is seen by query i when i - 10 < j <= i, in prefill and decode",
        config=MISTRAL,
        generation=MISTRAL_GENERATION,
        contrasts=({"sliding_window": 9}, {"sliding_window": 11}, {"sliding_window": None}),
        prompt_len=32,
        notes=("a query sees itself and the 9 tokens before it: sliding_window counts the query's own position",),
    ),
    Case(
        name="mistral-full",
        tests="Mistral-Nemo: sliding_window null, head_dim not hidden_size / heads, theta 1000000",
        config=changed(MISTRAL, sliding_window=None, head_dim=12, rope_theta=1000000.0, attention_dropout=0.0, transformers_version="4.43.0.dev0"),
        generation=MISTRAL_GENERATION,
        contrasts=({"sliding_window": 10}, {"rope_theta": 10000.0}),
    ),
)

# As Qwen/Qwen2-7B.
QWEN2: Json = {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 32,
    "initializer_range": 0.02,
    "intermediate_size": 40,
    "max_position_embeddings": 128,
    "max_window_layers": 1,
    "model_type": "qwen2",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "sliding_window": 8,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "transformers_version": "4.37.2",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 96,
}
QWEN2_GENERATION: Json = {"bos_token_id": 2, "do_sample": False, "eos_token_id": 2, "max_new_tokens": 2048, "transformers_version": "4.37.2"}
QWEN2_YARN: Json = {"factor": 4.0, "original_max_position_embeddings": 128, "type": "yarn"}

QWEN2_CASES: tuple[Case, ...] = (
    Case(
        name="qwen2",
        tests="q, k and v bias (no o bias); sliding_window is present but use_sliding_window false switches it off",
        config=QWEN2,
        generation=QWEN2_GENERATION,
        contrasts=({"use_sliding_window": True, "max_window_layers": 0}, {"rope_theta": 10000.0}, {"rms_norm_eps": 1e-05}),
    ),
    Case(
        name="qwen2-tied",
        tests="tied embeddings, and yarn as Qwen2.5's model card says to add it (key type, no rope_type)",
        config=changed(QWEN2, tie_word_embeddings=True, rope_scaling=QWEN2_YARN, rope_theta=10000.0, use_mrope=False, transformers_version="4.40.1"),
        generation=QWEN2_GENERATION,
        contrasts=({"rope_scaling": None}, {"rope_theta": 10100.0}),
        final_gain=4.0,
    ),
    Case(
        name="qwen2-sliding",
        tests="use_sliding_window true: layer 0 (below max_window_layers) sees everything, layers 1 and 2 a window of 8",
        config=changed(QWEN2, use_sliding_window=True, num_hidden_layers=3),
        generation=QWEN2_GENERATION,
        contrasts=({"max_window_layers": 0}, {"max_window_layers": 2}, {"sliding_window": 7}, {"sliding_window": 9}, {"use_sliding_window": False}),
        prompt_len=32,
        notes=("layer i slides when i >= max_window_layers; key j is seen by query i when i - 8 < j <= i",),
    ),
)

# As Qwen/Qwen3-8B.
QWEN3: Json = {
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "head_dim": 16,
    "hidden_act": "silu",
    "hidden_size": 32,
    "initializer_range": 0.02,
    "intermediate_size": 40,
    "max_position_embeddings": 256,
    "max_window_layers": 2,
    "model_type": "qwen3",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "transformers_version": "4.51.0",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 96,
}
QWEN3_GENERATION: Json = {"bos_token_id": 1, "do_sample": True, "eos_token_id": [2, 1], "pad_token_id": 1, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "transformers_version": "4.51.0"}

QWEN3_CASES: tuple[Case, ...] = (
    Case(
        name="qwen3",
        tests="q_norm and k_norm per head before rope, head_dim 16 against hidden_size / heads = 8, integer rope_theta",
        config=QWEN3,
        generation=QWEN3_GENERATION,
        contrasts=({"rope_theta": 10000}, {"rms_norm_eps": 1e-05}),
    ),
    Case(
        name="qwen3-tied",
        tests="tied embeddings; today's spelling with layer_types, rope_parameters and dtype",
        config=changed(QWEN3, tie_word_embeddings=True, num_key_value_heads=1, head_dim=12),
        generation=QWEN3_GENERATION,
        contrasts=({"rope_theta": 10000}, {"rms_norm_eps": 1e-04}),
        newest_form=True,
        final_gain=4.0,
    ),
)

# As facebook/opt-125m: tie_word_embeddings is absent and defaults to true.
OPT: Json = {
    "activation_dropout": 0.0,
    "activation_function": "relu",
    "architectures": ["OPTForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "do_layer_norm_before": True,
    "dropout": 0.1,
    "eos_token_id": 2,
    "ffn_dim": 64,
    "hidden_size": 32,
    "init_std": 0.02,
    "layerdrop": 0.0,
    "max_position_embeddings": 64,
    "model_type": "opt",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 1,
    "prefix": "</s>",
    "torch_dtype": "float32",
    "transformers_version": "4.21.0.dev0",
    "use_cache": True,
    "vocab_size": 96,
    "word_embed_proj_dim": 32,
}
OPT_GENERATION: Json = {"_from_model_config": True, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "transformers_version": "4.27.0.dev0"}

OPT_CASES: tuple[Case, ...] = (
    Case(
        name="opt-pre-norm",
        tests="OPT-125m: positions offset by 2, pre-norm, relu, biases; names model.decoder.*, tied lm_head.weight stored too",
        config=OPT,
        generation=OPT_GENERATION,
        contrasts=({"activation_function": "gelu"}, {"_remove_final_layer_norm": True}, {"do_layer_norm_before": False}),
        stored_tied=("lm_head.weight",),
        final_gain=4.0,
        notes=("position p reads row p + 2 of embed_positions, which has max_position_embeddings + 2 rows; layer norm eps is 1e-5 and not in the config",),
    ),
    Case(
        name="opt-old-prefix",
        tests="as opt-pre-norm with the hub's older names decoder.* and no stored lm_head.weight",
        config=OPT,
        generation=OPT_GENERATION,
        contrasts=({"activation_function": "gelu"},),
        prefix=("model.decoder.", "decoder."),
        final_gain=4.0,
    ),
    Case(
        name="opt-350m-style",
        tests="OPT-350m: norms after the residual additions, no final norm, project_in and project_out around a smaller embedding",
        config=changed(OPT, do_layer_norm_before=False, word_embed_proj_dim=24, _remove_final_layer_norm=False),
        generation=OPT_GENERATION,
        contrasts=({"activation_function": "gelu"}, {"do_layer_norm_before": True}),
        final_gain=4.0,
        notes=("no final norm although _remove_final_layer_norm is false: post-norm models have none",),
    ),
    Case(
        name="opt-no-bias",
        tests="Galactica: enable_bias false, layer_norm_elementwise_affine false, gelu; so layer norms have no tensors",
        config=changed(OPT, enable_bias=False, layer_norm_elementwise_affine=False, activation_function="gelu", transformers_version="4.26.0"),
        generation=OPT_GENERATION,
        contrasts=({"activation_function": "gelu_new"}, {"activation_function": "relu"}),
        embed_std=0.35,
    ),
)

# As openai-community/gpt2.
GPT2: Json = {
    "activation_function": "gelu_new",
    "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.1,
    "bos_token_id": 95,
    "embd_pdrop": 0.1,
    "eos_token_id": 95,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2",
    "n_ctx": 48,
    "n_embd": 32,
    "n_head": 4,
    "n_inner": None,
    "n_layer": 2,
    "n_positions": 48,
    "resid_pdrop": 0.1,
    "summary_activation": None,
    "summary_first_dropout": 0.1,
    "summary_proj_to_labels": True,
    "summary_type": "cls_index",
    "summary_use_proj": True,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "torch_dtype": "float32",
    "vocab_size": 96,
}
GPT2_GENERATION: Json = {"bos_token_id": 95, "eos_token_id": 95, "transformers_version": "4.26.0.dev0", "_from_model_config": True}

GPT2_CASES: tuple[Case, ...] = (
    Case(
        name="gpt2",
        tests="names without prefix and the attn.bias / attn.masked_bias mask buffers, as the hub's gpt2; Conv1D weights [in, out], n_inner null = 4 n_embd, gelu_new, no model-wide lm_head",
        config=changed(GPT2, n_inner=...),
        generation=GPT2_GENERATION,
        contrasts=({"activation_function": "gelu"}, {"layer_norm_epsilon": 1e-03}),
        prefix=("transformer.", ""),
        buffers="gpt2_masks",
        final_gain=4.0,
    ),
    Case(
        name="gpt2-transformer-prefix",
        tests="names under transformer.*, tied lm_head.weight stored too, n_inner null written out",
        config=GPT2,
        generation=GPT2_GENERATION,
        contrasts=({"activation_function": "gelu"}, {"layer_norm_epsilon": 1e-03}),
        stored_tied=("lm_head.weight",),
        final_gain=4.0,
    ),
    Case(
        name="gpt2-layer-scale",
        tests="scale_attn_by_inverse_layer_idx (scores also divided by layer index + 1), explicit n_inner, exact gelu",
        config=changed(GPT2, n_inner=56, scale_attn_by_inverse_layer_idx=True, scale_attn_weights=True, reorder_and_upcast_attn=True, activation_function="gelu", n_ctx=..., transformers_version="4.18.0"),
        generation=GPT2_GENERATION,
        contrasts=({"scale_attn_by_inverse_layer_idx": False}, {"activation_function": "gelu_new"}),
        final_gain=4.0,
        qk_gain=2.0,
    ),
)

CASES: tuple[Case, ...] = (*LLAMA_CASES, *MISTRAL_CASES, *QWEN2_CASES, *QWEN3_CASES, *OPT_CASES, *GPT2_CASES)
