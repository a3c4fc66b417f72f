"""Families of small Python tasks in MBPP's row form.

A family is a text, the body of a function, and a way to draw the constants and the inputs. The
function's name is drawn apart from the family, so it has to be read from the tests; the constants
have to be read from the text. All text is written for this project; nothing is taken from MBPP.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Constants = tuple[int | str, ...]
Draw = Callable[[random.Random], int | str]
DrawInput = Callable[[random.Random, Constants], object]

VERBS = "get find make run apply compute new my do give take show solve build".split()
NOUNS = "value result number output item answer data part thing total step case".split()
WORDS = (
    "apple banana cat door eagle fig green house ink jam kite lemon moon night ocean paper queen "
    "river stone tree under violet water yellow zebra"
).split()
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class TaskFamily:
    """Texts and body use {a} and {b} for the constants."""

    name: str
    texts: tuple[str, ...]
    argument: str
    body: str
    constants: tuple[Draw, ...]
    draw_input: DrawInput


@dataclass(frozen=True)
class PythonTask:
    """One task; `key` names it up to the wording, the function's name and the tests."""

    family: str
    constants: Constants
    text: str
    code: str
    tests: tuple[str, str, str]

    @property
    def key(self) -> tuple[str, Constants]:
        return self.family, self.constants


def between(low: int, high: int) -> Draw:
    return lambda rng: rng.randint(low, high)


def one_letter(rng: random.Random) -> str:
    return rng.choice(LETTERS)


def one_word(rng: random.Random) -> str:
    return rng.choice(WORDS)


def numbers_to(high: int) -> DrawInput:
    return lambda rng, constants: rng.randint(0, high)


def near_constant(rng: random.Random, constants: Constants) -> int:
    """A number on either side of the constants, so that comparisons are exercised."""
    return max(0, int(rng.choice(constants)) + rng.randint(-5, 5))


def maybe_multiple(rng: random.Random, constants: Constants) -> int:
    return int(constants[0]) * rng.randint(1, 5) + rng.choice((0, 0, 1, 2))


def short_list(rng: random.Random, constants: Constants) -> list[int]:
    return [rng.randint(1, 9) for _ in range(rng.randint(3, 4))]


def long_list(rng: random.Random, constants: Constants) -> list[int]:
    return [rng.randint(1, 9) for _ in range(rng.randint(5, 7))]


def list_near_constant(rng: random.Random, constants: Constants) -> list[int]:
    return [near_constant(rng, constants) for _ in range(3)]


def list_with_constant(rng: random.Random, constants: Constants) -> list[int]:
    items = [rng.randint(1, 30) for _ in range(2)] + [int(constants[0])] * rng.randint(1, 2)
    rng.shuffle(items)
    return items


def list_of_multiples(rng: random.Random, constants: Constants) -> list[int]:
    return [maybe_multiple(rng, constants) for _ in range(3)]


def word(rng: random.Random, constants: Constants) -> str:
    return rng.choice(WORDS)


def word_with_letter(rng: random.Random, constants: Constants) -> str:
    """A short made-up word in which the first constant occurs at either end or inside."""
    letters = rng.choices(LETTERS, k=2) + [str(constants[0])] * rng.randint(1, 2)
    rng.shuffle(letters)
    return "".join(letters)


def word_list(rng: random.Random, constants: Constants) -> list[str]:
    return rng.sample(WORDS, 2)


def joined_words(rng: random.Random, constants: Constants) -> str:
    return str(constants[0]).join(rng.sample(WORDS, 2))


def sample_task(rng: random.Random, task_family: TaskFamily) -> PythonTask:
    """Draws constants, wording, a name and three tests whose results come from the solution."""
    constants = tuple(draw(rng) for draw in task_family.constants)
    fields = dict(zip("ab", constants))
    name = f"{rng.choice(VERBS)}_{rng.choice(NOUNS)}"
    text = rng.choice(task_family.texts).format(**fields)
    body = task_family.body.format(**fields)
    code = f"def {name}({task_family.argument}):\n    " + body.replace("\n", "\n    ")
    namespace: dict[str, Callable[[object], object]] = {}
    exec(code, namespace)  # our own template, never text from a model
    while True:  # until the inputs differ and the results are not all the same
        inputs = [task_family.draw_input(rng, constants) for _ in range(3)]
        results = [compact(namespace[name](value)) for value in inputs]
        if len(set(map(compact, inputs))) == 3 and len(set(results)) > 1:
            break
    tests = tuple(
        f"assert {name}({compact(value)}) == {result}" for value, result in zip(inputs, results)
    )
    return PythonTask(task_family.name, constants, text, code, tests)


def compact(value: object) -> str:
    """Python source of a value, without blanks after commas."""
    return repr(value).replace(", ", ",")
