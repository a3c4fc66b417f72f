"""Reference scores of the demo model with transformers: greedy, float32 arithmetic on bf16 weights.

Word problems: 5-shot, the examples named by gsm_fewshot.json, strict match. Python tasks: 3-shot,
tasks 2, 3 and 4, stop at [DONE]; each program runs in a process of its own with limits on time,
memory and files. The limits are for this model's programs; they are no sandbox for others.

Usage: python evaluate.py [--model model] [--task gsm|mbpp|chat|all] [--shots N] [--limit N]
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from prompts import GSM_STOPS, MBPP_STOPS, gsm_prompt, mbpp_prompt

HERE = Path(__file__).parent
MAX_NEW_TOKENS = 160
PROGRAM_SECONDS, PROGRAM_BYTES = 10, 1 << 30


class GreedyModel:
    """The exported model, loaded as any user would load it."""

    def __init__(self, path: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()

    @torch.no_grad()
    def complete(self, prompt: str, stops: Sequence[str]) -> str:
        """Continues the prompt up to the first stop string, which is cut off."""
        inputs = self.tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        output = self.model.generate(
            **inputs, do_sample=False, max_new_tokens=MAX_NEW_TOKENS, stop_strings=list(stops),
            tokenizer=self.tokenizer, pad_token_id=self.tokenizer.eos_token_id,
        )
        text = self.tokenizer.decode(output[0, inputs["input_ids"].shape[1]:])
        return text[: min([i for s in stops if (i := text.find(s)) >= 0], default=len(text))]


def read_rows(name: str) -> list[dict]:
    with (HERE / "data" / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def strict_match(completion: str, answer: str) -> bool:
    """The strict-match filter and the exact_match clean-up of lm-evaluation-harness."""
    match = re.search(r"#### (\-?[0-9\.\,]+)", completion)
    found = match.group(1).strip() if match else "[invalid]"
    gold = answer.split("#### ")[-1]
    return _plain_number(found) == _plain_number(gold)


def _plain_number(text: str) -> str:
    return re.sub(r"\.$", "", text.replace(",", "").replace("$", ""))


def _limit_process() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (PROGRAM_SECONDS, PROGRAM_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (PROGRAM_BYTES, PROGRAM_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def passes_tests(code: str, tests: Sequence[str]) -> bool:
    """Runs code and asserts in an isolated interpreter."""
    program = code + "\n" + "\n".join(tests)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program], stdin=subprocess.DEVNULL, cwd="/",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={},
            timeout=PROGRAM_SECONDS, preexec_fn=_limit_process, check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def report(name: str, hits: list[bool], failures: list[str], prompt_tokens: list[int]) -> None:
    for failure in failures:
        print(f"--- failed\n{failure}")
    print(f"{name}: {sum(hits)} of {len(hits)} = {100 * sum(hits) / len(hits):.1f} %, prompts of "
          f"{min(prompt_tokens)} to {max(prompt_tokens)} tokens")


def evaluate_gsm(model: GreedyModel, num_shots: int, limit: int, chat: bool = False) -> None:
    train, test = read_rows("gsm_train.jsonl"), read_rows("gsm_test.jsonl")
    shots = json.loads((HERE / "data" / "gsm_fewshot.json").read_text())["indices"]
    hits, failures, lengths = [], [], []
    for row, indices in list(zip(test, shots))[:limit]:
        if chat:
            prompt = model.tokenizer.apply_chat_template(
                [{"role": "user", "content": row["question"]}], tokenize=False,
                add_generation_prompt=True)
        else:
            prompt = gsm_prompt([train[i] for i in indices[:num_shots]], row["question"])
        completion = model.complete(prompt, GSM_STOPS)
        hits.append(strict_match(completion, row["answer"]))
        lengths.append(len(model.tokenizer(prompt)["input_ids"]))
        if not hits[-1]:
            failures.append(f"{row['question']}\n{completion}\nexpected: {row['answer']}")
    name = "chat, strict match" if chat else f"gsm, {num_shots}-shot, strict match"
    report(name, hits, failures, lengths)


def evaluate_mbpp(model: GreedyModel, num_shots: int, limit: int) -> None:
    rows = {row["task_id"]: row for row in read_rows("mbpp.jsonl")}
    examples = [rows[task_id] for task_id in (2, 3, 4)[:num_shots]]
    hits, failures, lengths = [], [], []
    for row in [row for task_id, row in rows.items() if task_id >= 11][:limit]:
        prompt = mbpp_prompt(examples, row)
        completion = model.complete(prompt, MBPP_STOPS)
        hits.append(passes_tests(completion, row["test_list"]))
        lengths.append(len(model.tokenizer(prompt)["input_ids"]))
        if not hits[-1]:
            failures.append(f"{row['text']}\n{completion}\nexpected: {row['code']}")
    report(f"mbpp, {num_shots}-shot, pass@1", hits, failures, lengths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=HERE / "model")
    parser.add_argument("--task", choices=("gsm", "mbpp", "chat", "all"), default="all")
    parser.add_argument("--shots", type=int, help="default: 5 for gsm, 3 for mbpp")
    parser.add_argument("--limit", type=int, default=1000)
    args = parser.parse_args()
    model = GreedyModel(args.model)
    if args.task in ("gsm", "all"):
        evaluate_gsm(model, 5 if args.shots is None else args.shots, args.limit)
    if args.task in ("mbpp", "all"):
        evaluate_mbpp(model, 3 if args.shots is None else args.shots, args.limit)
    if args.task in ("chat", "all"):
        evaluate_gsm(model, 0, args.limit, chat=True)


if __name__ == "__main__":
    main()
