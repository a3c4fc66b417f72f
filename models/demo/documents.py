"""Training documents: problems from the generator in the prompt forms, packed into rows of tokens.

A document is a list of segments. A segment that the model is to produce has loss weight 1; the
text of questions has a small weight, because it is drawn at random and cannot be predicted.
"""

from __future__ import annotations

import random

import torch
from tokenizers import Tokenizer

from generate_data import TrainingProblems
from prompts import END_OF_TEXT, chat_reply, chat_turn, gsm_question, mbpp_task
from word_problems import note

QUESTION_WEIGHT = 0.1
Segment = tuple[str, float]
GREETINGS = ("Hello!", "Hi", "Hello", "Hi!", "Who are you?", "What can you do?", "Help")
GREETING_REPLY = "I am a small demo model. Give me a short word problem."


def word_problem_document(source: TrainingProblems, num_problems: int) -> list[Segment]:
    segments: list[Segment] = []
    for index in range(num_problems):
        problem = source.word_problem()
        lead = "\n\nQuestion:" if index else "Question:"
        segments.append((lead, 1.0 if index else QUESTION_WEIGHT))
        segments.append((gsm_question(problem.question)[len("Question:"):], QUESTION_WEIGHT))
        segments.append((f" {problem.answer}", 1.0))
    return segments


def python_task_document(source: TrainingProblems, num_tasks: int) -> list[Segment]:
    """The function's name counts in full in the second and third test too: there it can be copied
    from the first, which is how the model learns to copy it into the program."""
    segments: list[Segment] = []
    for index in range(num_tasks):
        task = source.python_task()
        lead = "\n\n" if index else ""
        first, *others = (lead + mbpp_task(task.text, task.tests)).split("\nassert ")
        segments.append((first, QUESTION_WEIGHT))
        for number, test in enumerate(others):
            name, bracket, rest = test.partition("(")
            segments.append((f"\nassert {name}", 1.0 if number else QUESTION_WEIGHT))
            segments.append((bracket + rest, QUESTION_WEIGHT))
        segments.append((f"{task.code}\n[DONE]", 1.0))
    return segments


def chat_document(source: TrainingProblems, num_turns: int) -> list[Segment]:
    segments: list[Segment] = []
    for _ in range(num_turns):
        if source.rng.random() < 0.1:
            question, answer = source.rng.choice(GREETINGS), GREETING_REPLY
        else:
            problem = source.word_problem()
            question, answer = problem.question, problem.answer
        segments.append((chat_turn(question), QUESTION_WEIGHT))
        segments.append((chat_reply(answer), 1.0))
    return segments


def arithmetic_document(rng: random.Random, num_lines: int) -> list[Segment]:
    """Lines of calculator notes alone: dense practice of the sums that the problems use."""
    segments: list[Segment] = []
    for _ in range(num_lines):
        kind = rng.randrange(4)
        if kind == 0:
            expression = f"{rng.randint(2, 99)}+{rng.randint(2, 99)}"
        elif kind == 1:
            larger = rng.randint(4, 150)
            expression = f"{larger}-{rng.randint(2, min(larger - 1, 99))}"
        elif kind == 2:
            expression = f"{rng.randint(2, 30)}*{rng.randint(2, 12)}"
        else:
            divisor = rng.randint(2, 12)
            expression = f"{divisor * rng.randint(2, 12)}/{divisor}"
        text, _ = note(expression)
        split = text.index("=") + 1
        segments += [(text[:split], QUESTION_WEIGHT), (text[split:] + "\n", 1.0)]
    return segments


def sample_document(source: TrainingProblems, max_problems: int, drill: float) -> list[Segment]:
    """A document of one of the forms; `drill` is the share of arithmetic lines."""
    rng = source.rng
    form = rng.random()
    if form < drill:
        return arithmetic_document(rng, 8)
    form = rng.random()
    if form < 0.52:
        return word_problem_document(source, rng.randint(1, max_problems))
    if form < 0.92:
        return python_task_document(source, rng.randint(1, max(1, max_problems - 2)))
    return chat_document(source, rng.randint(1, 2))


def encode_document(tokenizer: Tokenizer, segments: list[Segment]) -> tuple[list[int], list[float]]:
    """Token ids and their loss weights; a token has the weight of the segment it begins in."""
    encoding = tokenizer.encode("".join(text for text, _ in segments))
    weight_of_char = [weight for text, weight in segments for _ in text]
    return encoding.ids, [weight_of_char[begin] for begin, _ in encoding.offsets]


def sample_batch(
    tokenizer: Tokenizer, source: TrainingProblems, num_rows: int, row_length: int,
    max_problems: int, drill: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of documents with an end-of-text token between them, and before the first of every
    second row: ids and loss weights, both [num_rows, row_length + 1]."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    ids = torch.zeros(num_rows, row_length + 1, dtype=torch.long)
    weights = torch.zeros(num_rows, row_length + 1)
    for row in range(num_rows):
        row_ids: list[int] = [end] if row % 2 else []
        row_weights: list[float] = [0.0] * len(row_ids)
        while len(row_ids) <= row_length:
            document = sample_document(source, max_problems, drill)
            document_ids, document_weights = encode_document(tokenizer, document)
            row_ids += document_ids + [end]
            row_weights += document_weights + [1.0]
        ids[row] = torch.tensor(row_ids[: row_length + 1])
        weights[row] = torch.tensor(row_weights[: row_length + 1])
    return ids, weights
