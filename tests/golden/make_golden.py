#!/usr/bin/env python3
"""Writes the golden files: tiny random checkpoints and what transformers computes from them.

    python tests/golden/make_golden.py            write every case of cases.py
    python tests/golden/make_golden.py --check    write to a temporary folder and compare bytes
    python tests/golden/make_golden.py --only X   only the cases whose name contains X

The numbers come from the files as written, loaded again, in float32, eager attention, on one CPU thread.
A case is kept only if it can be trusted: see Verify. README.md describes the files.
"""

import argparse
import filecmp
import json
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, DynamicCache, GenerationConfig, PreTrainedModel

from cases import CASES, Case, Json, changed
from later_cases import LATER_CASES

ALL_CASES = (*CASES, *LATER_CASES)
PINNED = {"torch": "2.15.0", "transformers": "5.23.0"}
EMBEDDING = r"(embed_tokens|wte|shared)\.weight$"
DECODER_START = 0  # T5's first decoder id
NUM_DECODE_STEPS = 16
MAX_SEEDS = 100
MIN_MARGIN = 0.05  # best minus second best logit of every greedy step
MIN_DISTINCT_IDS = 6  # a greedy text that repeats one id tests little
MIN_EFFECT = 5e-4  # what noise on one tensor, or a contrast, must do to some logit; tests compare at 1e-4
MAX_NOISE_EFFECT = 2e-3  # what relative noise of 3e-6 on all weights may do to the logits
MAX_ROUNDING = 2e-5  # float32 against float64, and cached against uncached

Tensors = dict[str, torch.Tensor]


@dataclass
class Run:
    """Greedy decoding of one prompt."""

    prefill: torch.Tensor  # [prompt_len, vocab_size]; of T5 the encoder's states [prompt_len, d_model]
    decode: torch.Tensor  # [NUM_DECODE_STEPS, vocab_size]; row t chose id t, row 0 is the last prefill row
    ids: list[int]

    def distance(self, other: "Run") -> float:
        return max((self.prefill - other.prefill).abs().max().item(), (self.decode - other.decode).abs().max().item())


# ---- random checkpoints


def random_tensor(case: Case, seed: int, name: str, shape: torch.Size) -> torch.Tensor:
    """One tensor by name: not tiny, so that every mistake shows. Each name has its own random stream."""
    rng = numpy.random.Generator(numpy.random.PCG64([seed, zlib.crc32(f"{case.name}/{name}".encode())]))
    normal = rng.standard_normal(tuple(shape), dtype=numpy.float64)
    is_conv1d = re.search(r"\bh\.\d+\.(attn|mlp)\.c_", name) is not None  # GPT-2 stores [in, out]
    is_final = re.search(r"(^model\.norm|decoder\.final_layer_norm|ln_f|project_out)\.weight$", name) is not None
    gain = case.final_gain if is_final else 1.0
    if name.endswith("bias"):  # also e_score_correction_bias
        values = 0.2 * normal
    elif len(shape) == 1:  # norm weights
        values = gain * (1.0 + 0.2 * normal)
    elif re.search(EMBEDDING, name):
        values = case.embed_std * normal
    elif name.endswith("relative_attention_bias.weight"):
        values = normal
    elif re.search(r"(embed_positions|wpe)\.weight$", name):
        values = 0.3 * normal
    elif name == "lm_head.weight":
        values = 2.0 / shape[1] ** 0.5 * normal
    else:
        if re.search(r"(q_proj|k_proj|q_b_proj|kv_b_proj|c_attn|Attention\.[qk])\.weight$", name):
            gain = case.qk_gain
        values = gain * 1.1 / shape[0 if is_conv1d else 1] ** 0.5 * normal
    return torch.from_numpy(values).to(getattr(torch, case.dtype))


def unused_buffers(case: Case) -> Tensors:
    """Buffers that old checkpoints store and every loader must ignore."""
    config = case.config
    if case.buffers == "rotary":
        head_dim = config["hidden_size"] // config["num_attention_heads"]
        inv_freq = 1.0 / 10000.0 ** (torch.arange(0, head_dim, 2).float() / head_dim)
        layers = range(config["num_hidden_layers"])
        return {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": inv_freq.clone() for i in layers}
    if case.buffers == "gpt2_masks":
        n = config["n_positions"]
        mask = torch.ones(n, n).tril().view(1, 1, n, n)
        buffers: Tensors = {}
        for i in range(config["n_layer"]):
            buffers[f"h.{i}.attn.bias"] = mask.clone()
            buffers[f"h.{i}.attn.masked_bias"] = torch.tensor(-10000.0)
        return buffers
    return {}


def stored_tensors(case: Case, canonical: Tensors) -> Tensors:
    """The tensors under the names that this case's checkpoint has."""
    old, replacement = case.prefix
    stored = {(replacement + name[len(old) :] if name.startswith(old) else name): t for name, t in canonical.items()}
    if case.stored_tied:
        embedding = next(t for name, t in canonical.items() if re.search(EMBEDDING, name))
        stored |= {name: embedding.clone() for name in case.stored_tied}
    return stored | unused_buffers(case)


def write_json(path: Path, value: Json) -> None:
    """Indented and sorted, with lists of numbers on one line."""
    text = json.dumps(value, indent=2, sort_keys=True)
    text = re.sub(r"\[\s+([-\d.,\s]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)
    path.write_text(text + "\n")


def write_weights(folder: Path, tensors: Tensors, num_shards: int) -> None:
    metadata = {"format": "pt"}
    if num_shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata)
        return
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for i in range(num_shards):
        shard = f"model-{i + 1:05d}-of-{num_shards:05d}.safetensors"
        part = names[i * len(names) // num_shards : (i + 1) * len(names) // num_shards]
        save_file({name: tensors[name] for name in part}, folder / shard, metadata)
        weight_map |= {name: shard for name in part}
    total_bytes = sum(t.numel() * t.element_size() for t in tensors.values())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total_bytes}, "weight_map": weight_map})


# ---- running transformers


def auto_class(folder: Path) -> type:
    return AutoModelForSeq2SeqLM if AutoConfig.from_pretrained(folder).is_encoder_decoder else AutoModelForCausalLM


def load(folder: Path, dtype: torch.dtype = torch.float32, contrast: bool = False) -> PreTrainedModel:
    """The model of a checkpoint folder; every tensor must be found and, but for known buffers, used.

    A contrast's config may ask for other tensors than the file has.
    """
    model, info = auto_class(folder).from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", experts_implementation="eager", output_loading_info=True
    )
    unexpected = [n for n in info["unexpected_keys"] if not re.search(r"rotary_emb|masked_bias|attn\.bias", n)]
    problems = {**info, "unexpected_keys": unexpected}
    assert contrast or not any(problems.values()), f"{folder.name}: {problems}"
    if dtype == torch.float64:
        for module in model.modules():  # GPT-2 refuses to "upcast" float64 scores to float32
            if hasattr(module, "reorder_and_upcast_attn"):
                module.reorder_and_upcast_attn = False
    return model.eval()


@torch.no_grad()
def run(model: PreTrainedModel, prompt: list[int], forced: list[int] | None = None) -> Run:
    """Prefill, then one token at a time over the cache; feeds `forced` ids instead of its own when given.

    The model must be freshly loaded: dynamic rope keeps state between calls.
    """
    tokens = torch.tensor([prompt])
    if model.config.is_encoder_decoder:
        encoded = model.get_encoder()(tokens)
        out = model(encoder_outputs=encoded, decoder_input_ids=torch.tensor([[DECODER_START]]), use_cache=True)
        prefill, cache = encoded.last_hidden_state[0], out.past_key_values
    else:
        cache = DynamicCache(config=model.config)
        out = model(tokens, past_key_values=cache, use_cache=True)
        prefill = out.logits[0]
    rows: list[torch.Tensor] = []
    ids: list[int] = []
    for step in range(NUM_DECODE_STEPS):
        rows.append(out.logits[0, -1])
        ids.append(forced[step] if forced else int(rows[-1].argmax()))
        fed = torch.tensor([ids[-1:]])
        if step + 1 == NUM_DECODE_STEPS:
            break
        if model.config.is_encoder_decoder:
            out = model(encoder_outputs=encoded, decoder_input_ids=fed, past_key_values=cache, use_cache=True)
        else:
            out = model(fed, past_key_values=cache, use_cache=True)
    return Run(prefill, torch.stack(rows), ids)


@torch.no_grad()
def run_uncached(model: PreTrainedModel, prompt: list[int], ids: list[int]) -> Run:
    """The logits of a run that chose `ids`, computed in one forward pass."""
    if model.config.is_encoder_decoder:
        out = model(torch.tensor([prompt]), decoder_input_ids=torch.tensor([[DECODER_START, *ids[:-1]]]), use_cache=False)
        return Run(out.encoder_last_hidden_state[0], out.logits[0], ids)
    logits = model(torch.tensor([prompt + ids[:-1]]), use_cache=False).logits[0]
    return Run(logits[: len(prompt)], logits[len(prompt) - 1 :], ids)


@torch.no_grad()
def generated(folder: Path, prompt: list[int]) -> Run:
    """The same by transformers' own generate()."""
    model = load(folder)
    out = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
        generation_config=GenerationConfig(
            max_new_tokens=NUM_DECODE_STEPS, do_sample=False, output_logits=True, return_dict_in_generate=True,
            pad_token_id=0, decoder_start_token_id=DECODER_START,
        ),
    )
    decode = torch.cat(out.logits)
    return Run(decode[:0], decode, out.sequences[0, -NUM_DECODE_STEPS:].tolist())


@torch.no_grad()
def weakest_tensor(folder: Path, prompt: list[int], ids: list[int]) -> tuple[str, float]:
    """The tensor to whose noise (5 per cent of its rms) the logits react least, and how much they do."""
    model = load(folder)
    before = run_uncached(model, prompt, ids)
    weakest = ("", float("inf"))
    for name, tensor in model.state_dict().items():
        # A key bias adds the same score to every key of a query: softmax removes it where there is no rope.
        if model.config.model_type == "opt" and name.endswith("k_proj.bias"):
            continue
        saved = tensor.clone()
        noise = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1))
        relative = 1.0 if name.endswith("e_score_correction_bias") else 0.05  # that one only moves choices
        tensor += relative * saved.square().mean().sqrt() * noise
        effect = before.distance(run_uncached(model, prompt, ids))
        tensor.copy_(saved)
        weakest = min(weakest, (name, effect), key=lambda item: item[1])
    return weakest


# ---- one case


def eos_ids(case: Case) -> set[int]:
    eos = case.generation["eos_token_id"]
    return set(eos if isinstance(eos, list) else [eos])


def make_prompt(case: Case, seed: int) -> list[int]:
    """Ordinary ids (above the special ones) after bos; before eos for T5, which has no bos."""
    rng = numpy.random.Generator(numpy.random.PCG64([seed, zlib.crc32(f"{case.name}/prompt".encode())]))
    ids = rng.integers(4, case.config["vocab_size"] - 1, size=case.prompt_len - 1)
    if "bos_token_id" not in case.generation:
        return [*(int(i) for i in ids), *eos_ids(case)]
    return [case.generation["bos_token_id"], *(int(i) for i in ids)]


def with_config(folder: Path, source: Path, config: Json) -> Path:
    """A copy of the checkpoint `source` with another config."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    write_json(folder / "config.json", config)
    return folder


def write_checkpoint(case: Case, seed: int, out: Path, work: Path) -> Path:
    """Writes the case's checkpoint to `out`; returns a twin as transformers itself would save it."""
    classic, twin = work / "classic", work / "twin"
    for folder in (out, classic):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(classic / "config.json", case.config)
    model = auto_class(classic).from_config(AutoConfig.from_pretrained(classic))
    model.save_pretrained(twin)  # its names and shapes are the canonical ones, its config the newest form
    shapes = {name: tensor.shape for name, tensor in load_file(twin / "model.safetensors").items()}
    if case.own_head:
        shapes["lm_head.weight"] = shapes["shared.weight"]
    canonical = {name: random_tensor(case, seed, name, shape) for name, shape in shapes.items()}
    save_file(canonical, twin / "model.safetensors", {"format": "pt"})

    write_weights(out, stored_tensors(case, canonical), case.num_shards)
    write_json(out / "generation_config.json", case.generation)
    if case.newest_form:
        write_json(out / "config.json", json.loads((twin / "config.json").read_text()))
    else:
        write_json(out / "config.json", case.config)
    return twin


def verify(case: Case, out: Path, twin: Path, prompt: list[int], golden: Run, work: Path) -> Json:
    """Everything that makes a golden trustworthy; returns the measurements for golden.json."""
    other_form = with_config(work / "classic", out, case.config) if case.newest_form else twin
    difference = golden.distance(run(load(other_form), prompt))  # not 0: rounding varies with a tensor's alignment in its file
    assert difference < MAX_ROUNDING, f"{case.name}: classic and newest form differ by {difference}"
    by_generate = generated(out, prompt)
    assert by_generate.ids == golden.ids, f"{case.name}: generate() chooses other ids"
    assert (by_generate.decode - golden.decode).abs().max().item() < MAX_ROUNDING, f"{case.name}: generate()"

    # Dynamic rope depends on how the tokens arrive; every other model must not.
    scaling = case.config.get("rope_scaling") or {}
    if "dynamic" not in (scaling.get("type"), scaling.get("rope_type")):
        difference = golden.distance(run_uncached(load(out), prompt, golden.ids))
        assert difference < MAX_ROUNDING, f"{case.name}: cached and uncached differ by {difference}"

    weakest_name, weakest_effect = weakest_tensor(out, prompt, golden.ids)
    assert weakest_effect > MIN_EFFECT, f"{case.name}: noise on {weakest_name} moves logits by only {weakest_effect}"
    effects: list[Json] = []
    for i, overrides in enumerate(case.contrasts):
        altered = with_config(work / f"contrast{i}", out, changed(case.config, **overrides))
        effect = golden.distance(run(load(altered, contrast=True), prompt, golden.ids))
        assert effect > MIN_EFFECT, f"{case.name}: {overrides} moves logits by only {effect}"
        effects.append({"config": overrides, "logits_move_by": float(f"{effect:.2g}")})
    top2 = golden.decode.topk(2, dim=-1).values
    return {
        "contrasts": effects,
        "float32_rounding": float(f"{rounding_of(out, prompt, golden):.1g}"),
        "least_visible_tensor": {"name": weakest_name, "logits_move_by": float(f"{weakest_effect:.2g}")},
        "logits_std": round(golden.decode.std().item(), 2),
        "min_greedy_margin": round((top2[:, 0] - top2[:, 1]).min().item(), 3),
    }


def rounding_of(out: Path, prompt: list[int], golden: Run) -> float:
    """How far float32 is from float64; norms and rope stay in float32, so this is a lower estimate."""
    return golden.distance(run(load(out, torch.float64), prompt, golden.ids))


@torch.no_grad()
def noise_effect(out: Path, prompt: list[int], golden: Run) -> float:
    """What noise of 3e-6 on every weight does: large where rounding may choose another expert."""
    model = load(out)
    generator = torch.Generator().manual_seed(2)
    for parameter in model.parameters():
        parameter *= 1.0 + 3e-6 * torch.randn(parameter.shape, generator=generator)
    return golden.distance(run(model, prompt, golden.ids))


def is_usable(case: Case, out: Path, prompt: list[int], golden: Run) -> bool:
    """Whether this seed's greedy ids can be compared exactly, its logits closely, and both are worth it."""
    top2 = golden.decode.topk(2, dim=-1).values
    margin = (top2[:, 0] - top2[:, 1]).min().item()
    if margin < MIN_MARGIN or len(set(golden.ids)) < MIN_DISTINCT_IDS or eos_ids(case) & set(golden.ids):
        return False
    return rounding_of(out, prompt, golden) < MAX_ROUNDING and noise_effect(out, prompt, golden) < MAX_NOISE_EFFECT


def make_case(case: Case, out: Path) -> None:
    for seed in range(1, MAX_SEEDS):
        with tempfile.TemporaryDirectory() as temporary:
            work = Path(temporary)
            if out.exists():
                shutil.rmtree(out)
            twin = write_checkpoint(case, seed, out, work)
            prompt = make_prompt(case, seed)
            golden = run(load(out), prompt)
            if not is_usable(case, out, prompt, golden):
                continue
            measured = verify(case, out, twin, prompt, golden, work)
        break
    else:
        sys.exit(f"{case.name}: no usable seed below {MAX_SEEDS}")
    write_json(
        out / "golden.json",
        {
            "name": case.name,
            "tests": case.tests,
            "notes": list(case.notes),
            "made_with": PINNED,
            "seed": seed,
            "stored_dtype": case.dtype,
            "prompt_ids": prompt,
            "greedy_ids": golden.ids,
            "measured": measured,
        },
    )
    tensors = {
        "prompt_ids": torch.tensor(prompt),
        "encoder_states" if case.config.get("is_encoder_decoder") else "prefill_logits": golden.prefill,
        "greedy_ids": torch.tensor(golden.ids),
        "decode_logits": golden.decode,
    }
    save_file({name: t.contiguous() for name, t in tensors.items()}, out / "golden.safetensors")
    for path in out.iterdir():
        path.chmod(0o644)
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{case.name:34} seed {seed:3} {size / 1000:6.0f} kB  {json.dumps(measured)}", flush=True)


def readme_with_table(text: str) -> str:
    """README.md with the table of cases brought up to date."""
    rows = [f"| `{case.name}` | {case.tests} |" for case in ALL_CASES]
    table = "\n".join(["| case | what it distinguishes |", "|---|---|", *rows])
    begin, end = "<!-- cases -->", "<!-- end of cases -->"
    return text[: text.index(begin)] + f"{begin}\n{table}\n" + text[text.index(end) :]


def differences(old: Path, new: Path) -> Iterator[str]:
    for path in sorted({p.relative_to(root) for root in (old, new) for p in root.rglob("*") if p.is_file()}):
        if not (old / path).exists() or not (new / path).exists() or not filecmp.cmp(old / path, new / path, shallow=False):
            yield str(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--check", action="store_true", help="compare with the files in place instead of writing them")
    args = parser.parse_args()

    found = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    if found != PINNED:
        sys.exit(f"golden files are made with {PINNED}, found {found}")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    here = Path(__file__).resolve().parent
    readme = here / "README.md"
    text = readme.read_text()
    failed = args.check and readme_with_table(text) != text
    if failed:
        print("README.md: the table of cases is out of date", file=sys.stderr)
    if not args.check:
        readme.write_text(readme_with_table(text))
    for case in ALL_CASES:
        if args.only not in case.name:
            continue
        if not args.check:
            make_case(case, here / case.name)
            continue
        with tempfile.TemporaryDirectory() as temporary:
            make_case(case, Path(temporary) / case.name)
            for path in differences(here / case.name, Path(temporary) / case.name):
                failed = True
                print(f"{case.name}/{path} differs", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
