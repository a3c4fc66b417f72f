"""Checks the demo data: reproducible, consistent, and held out from training.

Standard library only; run as `python3 tests/models/demo/generate_data_test.py`.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path

DEMO = Path(__file__).resolve().parents[3] / "models" / "demo"
sys.dont_write_bytecode = True
sys.path.insert(0, str(DEMO))

import generate_data  # noqa: E402
from python_task_families import TASK_FAMILIES  # noqa: E402
from word_problems import FAMILIES, evaluate  # noqa: E402

NUM_DRAWS = 5000


def read_rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (DEMO / "data" / name).read_text().splitlines()]


class GenerateDataTest(unittest.TestCase):
    def test_committed_files_are_what_the_generator_writes(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            generate_data.write_data(Path(folder))
            for path in sorted(Path(folder).iterdir()):
                committed = DEMO / "data" / path.name
                self.assertEqual(path.read_bytes(), committed.read_bytes(), path.name)

    def test_training_source_never_gives_a_held_out_problem(self) -> None:
        source = generate_data.TrainingProblems(seed=5)
        questions = {row["question"] for row in read_rows("gsm_test.jsonl")}
        tests = {tuple(row["test_list"]) for row in read_rows("mbpp.jsonl") if row["task_id"] >= 11}
        for _ in range(NUM_DRAWS):
            problem, task = source.word_problem(), source.python_task()
            self.assertNotIn(problem.key, source.held_out)
            self.assertNotIn(task.key, source.held_out)
            self.assertNotIn(problem.question, questions)
            self.assertNotIn(task.tests, tests)

    def test_training_source_reaches_every_family(self) -> None:
        source = generate_data.TrainingProblems(seed=6)
        problems = {source.word_problem().family for _ in range(NUM_DRAWS)}
        tasks = {source.python_task().family for _ in range(NUM_DRAWS)}
        self.assertEqual(problems, set(FAMILIES))
        self.assertEqual(tasks, {family.name for family in TASK_FAMILIES})

    def test_files_share_no_question(self) -> None:
        train = {row["question"] for row in read_rows("gsm_train.jsonl")}
        test = {row["question"] for row in read_rows("gsm_test.jsonl")}
        self.assertEqual(len(test), generate_data.NUM_GSM_TEST)
        self.assertFalse(train & test)

    def test_calculator_notes_and_final_answers_agree(self) -> None:
        for row in read_rows("gsm_train.jsonl") + read_rows("gsm_test.jsonl"):
            *steps, final = row["answer"].split("\n")
            for step in steps:
                match = re.search(r"(\S+)=<<(\S+)=(\d+)>>(\d+)", step)
                self.assertEqual(match.group(1).lstrip("$"), match.group(2))
                self.assertEqual(evaluate(match.group(2)), int(match.group(3)))
                self.assertEqual(match.group(3), match.group(4))
            self.assertEqual(final, f"#### {match.group(4)}")

    def test_reference_programs_pass_and_constant_ones_fail(self) -> None:
        for row in read_rows("mbpp.jsonl"):
            namespace: dict = {}
            exec("\n".join([row["code"], *row["test_list"]]), namespace)
            self.assertEqual(len(row["test_list"]), 3)
            expected = {test.split(" == ")[1] for test in row["test_list"]}
            self.assertGreater(len(expected), 1, row["text"])

    def test_few_shot_rows_name_training_rows(self) -> None:
        table = json.loads((DEMO / "data" / "gsm_fewshot.json").read_text())["indices"]
        self.assertEqual(len(table), generate_data.NUM_GSM_TEST)
        for indices in table:
            self.assertEqual(len(set(indices)), 5)
            self.assertTrue(all(0 <= i < generate_data.NUM_GSM_TRAIN for i in indices))


if __name__ == "__main__":
    unittest.main()
