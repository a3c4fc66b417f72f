"""Trains the demo model: tokenizer, Llama decoder, export in Hugging Face layout.

Everything is seeded; step n of a run sees the same problems whether or not it was resumed. The
run checkpoints as it goes and takes up the checkpoint it finds in --work.

Usage: python train.py [--steps N] [--work run] [--output model]
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import distributed, multiprocessing
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from documents import encode_document, sample_batch, sample_document
from generate_data import TrainingProblems
from muon import Muon
from prompts import CHAT_TEMPLATE, END_OF_TEXT, END_OF_TURN, SPECIAL_TOKENS, gsm_prompt, mbpp_prompt

HERE = Path(__file__).parent
SEED = 17
VOCAB_SIZE = 1024
MAX_POSITIONS = 1024
ROPE_THETA = 10000.0
NUM_PROCESSES = 2
CHECKPOINT_STEPS = 100
# The pre-tokenizer of Qwen2: each digit stands alone.
SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Stage:
    """A part of the run: the steps before `until`, with rows of one length."""

    until: float
    num_rows: int
    row_length: int
    max_problems: int
    drill: float


STAGES = (
    Stage(until=600, num_rows=16, row_length=192, max_problems=2, drill=0.3),
    Stage(until=800, num_rows=5, row_length=576, max_problems=7, drill=0.3),
    Stage(until=math.inf, num_rows=6, row_length=576, max_problems=7, drill=0.3),
)


def train_tokenizer(num_documents: int = 6000) -> Tokenizer:
    """Byte-level BPE on generated text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE, special_tokens=SPECIAL_TOKENS, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    source = TrainingProblems(SEED)
    texts = (
        "".join(text for text, _ in sample_document(source, 2, 0.1)) for _ in range(num_documents)
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def create_model(tokenizer: Tokenizer) -> LlamaForCausalLM:
    torch.manual_seed(SEED)
    end = tokenizer.token_to_id(END_OF_TEXT)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=128, intermediate_size=352,
        num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2, head_dim=32,
        max_position_embeddings=MAX_POSITIONS, rms_norm_eps=1e-5, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        bos_token_id=end, eos_token_id=end, pad_token_id=None, use_cache=True,
    ))


def held_out_rows(num_rows: int = 40) -> list[tuple[str, str]]:
    """Prompts of the test files in few-shot form, with the reference continuation."""
    data = HERE / "data"
    test, train, tasks = (
        [json.loads(line) for line in (data / f"{name}.jsonl").open(encoding="utf-8")]
        for name in ("gsm_test", "gsm_train", "mbpp")
    )
    shots = json.loads((data / "gsm_fewshot.json").read_text())["indices"]
    gsm = [
        (gsm_prompt([train[i] for i in shots[n]], test[n]["question"]), " " + test[n]["answer"])
        for n in range(num_rows)
    ]
    mbpp = [
        (mbpp_prompt(tasks[:3], row), row["code"] + "\n[DONE")
        for row in tasks[3 : 3 + num_rows // 2]
    ]
    return gsm + mbpp


@torch.no_grad()
def greedy_matches(model: LlamaForCausalLM, tokenizer: Tokenizer) -> tuple[float, float]:
    """Shares of held-out word problems and tasks whose reference is the greedy continuation."""
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for prompt, reference in held_out_rows():
        ids, weights = encode_document(tokenizer, [(prompt, 0.0), (reference, 1.0)])
        begin = weights.index(1.0)
        predicted = model(torch.tensor([ids])).logits[0, begin - 1 : -1].argmax(-1)
        hits[prompt.startswith("Question:")].append(predicted.tolist() == ids[begin:])
    return tuple(sum(hits[kind]) / len(hits[kind]) for kind in (True, False))


def create_optimizers(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embedding and norms."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        Muon(matrices, lr=0.02),
        torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def learning_rate_factor(step: int, num_steps: int, num_decay_steps: int) -> float:
    """Short warm-up, constant, then linear to zero over the last steps."""
    return min(1.0, (step + 1) / 50, (num_steps - step) / num_decay_steps)


def weighted_loss(model: torch.nn.Module, ids: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum of the losses of the tokens after the first, each times its weight."""
    logits = model(ids[:, :-1]).logits
    losses = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return (losses * weights[:, 1:].flatten()).sum()


def backward_in_parallel(
    model: torch.nn.Module, ids: torch.Tensor, weights: torch.Tensor, rank: int,
) -> float:
    """Leaves the gradient of the batch's mean loss in every process; returns that loss.

    Each process takes its share of the rows. One thread in each of two processes is quicker than
    two threads in one when the cores are shared with others: the processes meet once a step.
    """
    share = slice(rank, None, NUM_PROCESSES)
    loss = weighted_loss(model, ids[share], weights[share]) / weights[:, 1:].sum()
    loss.backward()
    parameters = list(model.parameters())
    flat = torch.cat([p.grad.flatten() for p in parameters] + [loss.detach().view(1)])
    distributed.all_reduce(flat)
    for parameter, grad in zip(parameters, flat.split([p.numel() for p in parameters] + [1])):
        parameter.grad.copy_(grad.view_as(parameter))
    return flat[-1].item()


def train(rank: int, num_steps: int, num_decay_steps: int, work: Path, output: Path) -> None:
    """Trains, from the checkpoint in `work` if there is one, and exports the model."""
    torch.set_num_threads(1)
    meeting = f"file://{(work / 'processes').resolve()}"
    distributed.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=NUM_PROCESSES)
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    model = create_model(tokenizer)
    optimizers = create_optimizers(model)
    base_rates = [o.param_groups[0]["lr"] for o in optimizers]
    checkpoint, partial = work / "checkpoint.pt", work / "checkpoint.part"
    first_step, seconds, num_tokens = 0, 0.0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        first_step, seconds = state["step"], state["seconds"]
        num_tokens = state["num_tokens"]
    if rank == 0:
        num_parameters = sum(p.numel() for p in model.parameters())
        print(f"{num_parameters} parameters, from step {first_step}", flush=True)

    source = TrainingProblems(SEED)
    started = time.monotonic() - seconds
    for step in range(first_step, num_steps):
        stage = next(s for s in STAGES if step < s.until)
        source.rng = random.Random(f"{SEED}-{step}")
        ids, weights = sample_batch(
            tokenizer, source, stage.num_rows, stage.row_length, stage.max_problems, stage.drill)
        loss = backward_in_parallel(model, ids, weights, rank)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        factor = learning_rate_factor(step, num_steps, num_decay_steps)
        for optimizer, rate in zip(optimizers, base_rates):
            optimizer.param_groups[0]["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad()
        num_tokens += stage.num_rows * stage.row_length
        seconds = time.monotonic() - started
        if rank == 0 and (step + 1) % 20 == 0:
            print(f"step {step + 1} loss {loss:.4f} {seconds:.0f} s {num_tokens} tokens",
                  flush=True)
        if rank == 0 and ((step + 1) % CHECKPOINT_STEPS == 0 or step + 1 == num_steps):
            gsm, mbpp = greedy_matches(model, tokenizer)
            print(f"step {step + 1} held-out greedy match: gsm {gsm:.2f} mbpp {mbpp:.2f}",
                  flush=True)
            torch.save({
                "model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers],
                "step": step + 1, "seconds": seconds, "num_tokens": num_tokens,
            }, partial)
            partial.replace(checkpoint)
    if rank == 0:
        export(model, tokenizer, output)


def export(model: LlamaForCausalLM, tokenizer: Tokenizer, output: Path) -> None:
    """Writes the Hugging Face directory with bf16 weights."""
    output.mkdir(parents=True, exist_ok=True)
    rounded = LlamaForCausalLM(model.config).to(torch.bfloat16)
    rounded.load_state_dict(model.state_dict())
    rounded.generation_config.eos_token_id = [
        tokenizer.token_to_id(token) for token in (END_OF_TEXT, END_OF_TURN)
    ]
    rounded.save_pretrained(output)
    # Names of older releases, which many readers of this layout still look for.
    config = json.loads((output / "config.json").read_text())
    config |= {"rope_theta": ROPE_THETA, "torch_dtype": config["dtype"]}
    write_json(output / "config.json", config)
    tokenizer.save(str(output / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_POSITIONS,
        "bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "add_bos_token": False,
        "clean_up_tokenization_spaces": False, "chat_template": CHAT_TEMPLATE,
    }
    write_json(output / "tokenizer_config.json", settings)


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--decay", type=int, default=1600, help="steps of falling learning rate")
    parser.add_argument("--work", type=Path, default=HERE / "run", help="checkpoints go here")
    parser.add_argument("--output", type=Path, default=HERE / "model")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    (args.work / "processes").unlink(missing_ok=True)
    saved = args.work / "tokenizer.json"
    if not saved.exists():
        train_tokenizer().save(str(saved))
    job = args.steps, args.decay, args.work, args.output
    multiprocessing.start_processes(train, job, NUM_PROCESSES, start_method="fork")


if __name__ == "__main__":
    main()
