"""Writes the demo model's data: word problems in GSM8K's form and Python tasks in MBPP's form.

The held-out rows are drawn first. A problem belongs to them by its key: family and numbers for a
word problem, family and constants for a Python task. `TrainingProblems`, which feeds train.py,
never returns a problem with a held-out key, whatever its names, things or wording.

Usage: python generate_data.py [--output data]
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import word_problem_measures  # noqa: F401  registers its families
from python_task_families import TASK_FAMILIES
from python_tasks import PythonTask, TaskFamily, sample_task
from word_problems import WordProblem, sample_problem

Problem = WordProblem | PythonTask

DATA_SEED = 20240917
NUM_GSM_TEST, NUM_GSM_TRAIN, NUM_FEWSHOT = 200, 200, 5
FEWSHOT_SEED = 1234
PROMPT_TASK_IDS, TEST_TASK_IDS = range(2, 5), range(11, 61)
MIN_KEYS_OF_TESTED_FAMILY = 12
MAX_TEST_TASKS_PER_FAMILY = 2


def count_keys(task_family: TaskFamily, num_draws: int = 400) -> int:
    """Number of different keys seen in many draws: how much the family has to hold out from."""
    rng = random.Random(0)
    return len({tuple(draw(rng) for draw in task_family.constants) for _ in range(num_draws)})


def held_out_problems() -> list[WordProblem]:
    """The word problems of the test file, each with its own key."""
    rng = random.Random(DATA_SEED)
    problems: dict[object, WordProblem] = {}
    while len(problems) < NUM_GSM_TEST:
        problem = sample_problem(rng)
        problems.setdefault(problem.key, problem)
    return list(problems.values())


def held_out_tasks() -> list[PythonTask]:
    """The Python tasks of the test range, at most two of a family."""
    rng = random.Random(DATA_SEED + 1)
    families = [f for f in TASK_FAMILIES if count_keys(f) >= MIN_KEYS_OF_TESTED_FAMILY]
    tasks: dict[object, PythonTask] = {}
    used: Counter[str] = Counter()
    while len(tasks) < len(TEST_TASK_IDS):
        task = sample_task(rng, rng.choice(families))
        if task.key not in tasks and used[task.family] < MAX_TEST_TASKS_PER_FAMILY:
            tasks[task.key] = task
            used[task.family] += 1
    return list(tasks.values())


class TrainingProblems:
    """An endless, seeded source of problems outside the held-out keys."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.held_out = {p.key for p in held_out_problems()} | {t.key for t in held_out_tasks()}

    def _draw(self, sample: Callable[[], Problem]) -> Problem:
        while (problem := sample()).key in self.held_out:
            pass
        return problem

    def word_problem(self) -> WordProblem:
        return self._draw(lambda: sample_problem(self.rng))

    def python_task(self) -> PythonTask:
        return self._draw(lambda: sample_task(self.rng, self.rng.choice(TASK_FAMILIES)))


def gsm_row(problem: WordProblem) -> dict[str, str]:
    return {"question": problem.question, "answer": problem.answer}


def mbpp_row(task_id: int, task: PythonTask) -> dict[str, object]:
    return {
        "text": task.text, "code": task.code, "task_id": task_id, "test_setup_code": "",
        "test_list": list(task.tests), "challenge_test_list": [],
    }


def write_json_lines(path: Path, rows: Iterable[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def check_disjoint(train: Sequence[Problem], test: Sequence[Problem]) -> None:
    shared = {p.key for p in train} & {p.key for p in test}
    if shared:
        raise ValueError(f"{len(shared)} held-out keys are in the training rows: {shared}")


def write_data(output: Path) -> None:
    """Writes the four files; the same seed gives the same bytes."""
    output.mkdir(parents=True, exist_ok=True)
    source = TrainingProblems(DATA_SEED + 2)
    gsm_test = held_out_problems()
    gsm_train = [source.word_problem() for _ in range(NUM_GSM_TRAIN)]
    check_disjoint(gsm_train, gsm_test)
    write_json_lines(output / "gsm_test.jsonl", map(gsm_row, gsm_test))
    write_json_lines(output / "gsm_train.jsonl", map(gsm_row, gsm_train))

    mbpp_test = held_out_tasks()
    mbpp_prompt = [source.python_task() for _ in PROMPT_TASK_IDS]
    check_disjoint(mbpp_prompt, mbpp_test)
    task_ids = [*PROMPT_TASK_IDS, *TEST_TASK_IDS]
    write_json_lines(output / "mbpp.jsonl", map(mbpp_row, task_ids, mbpp_prompt + mbpp_test))

    rng = random.Random(FEWSHOT_SEED)
    fewshot = {
        "task": "demo-gsm", "num_fewshot": NUM_FEWSHOT, "seed": FEWSHOT_SEED, "split": "train",
        "index_base": 0, "doc_order": "test file order",
        "indices": [
            rng.sample(range(NUM_GSM_TRAIN), NUM_FEWSHOT) for _ in range(NUM_GSM_TEST)
        ],
    }
    text = json.dumps(fewshot, separators=(",", ":"))
    (output / "gsm_fewshot.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "data")
    write_data(parser.parse_args().output)
