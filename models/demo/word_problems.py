"""Families of grade-school word problems in GSM8K's row form.

Each family is a function of a random generator. It draws names, things and numbers, and returns
the numbers (the identity of the problem within its family), the question, the worked steps and
the final value. All text is written for this project; nothing is taken from GSM8K.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Draft = tuple[tuple[int, ...], str, list[str], int]
Family = Callable[[random.Random], Draft]

NAMES = (
    "Tom Anna Ben Clara David Emma Frank Grace Henry Ivy Jack Kate Leo Mia Noah Olga Paul Rosa Sam "
    "Tina Victor Wendy Zoe Omar"
).split()
THINGS = (
    "apples marbles stickers pencils books cards coins shells cookies stamps buttons balloons "
    "flowers oranges stones beads cups candies toys pears lemons rings"
).split()
TIMES_WORDS = {2: "twice", 3: "three times", 4: "four times", 5: "five times"}
FAMILIES: dict[str, Family] = {}


@dataclass(frozen=True)
class WordProblem:
    """One problem; `key` names it up to the people and things in it."""

    family: str
    numbers: tuple[int, ...]
    question: str
    answer: str

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        return self.family, self.numbers


def family(function: Family) -> Family:
    FAMILIES[function.__name__] = function
    return function


def sample_problem(rng: random.Random, family_name: str | None = None) -> WordProblem:
    """Draws a problem of the given family, or of a family chosen uniformly."""
    name = family_name or rng.choice(list(FAMILIES))
    numbers, question, steps, final = FAMILIES[name](rng)
    return WordProblem(name, numbers, question, "\n".join([*steps, f"#### {final}"]))


def note(expression: str) -> tuple[str, int]:
    """Returns `12+7=<<12+7=19>>19` for `12+7`, and the value (which must be a whole number)."""
    value = evaluate(expression)
    return f"{expression}=<<{expression}={value}>>{value}", value


def evaluate(expression: str) -> int:
    """Evaluates a chain of one operator, `*` and `/` from left to right."""
    for operator in "+-":
        if operator in expression:
            left, right = expression.split(operator)
            return int(left) + int(right) if operator == "+" else int(left) - int(right)
    if "/" in expression:
        left, right = expression.rsplit("/", 1)
        quotient, remainder = divmod(evaluate(left), int(right))
        if remainder:
            raise ValueError(f"'{expression}' is not a whole number")
        return quotient
    if "*" in expression:
        left, right = expression.split("*")
        return int(left) * int(right)
    return int(expression)


def two_names(rng: random.Random) -> tuple[str, str]:
    first, second = rng.sample(NAMES, 2)
    return first, second


@family
def buy_and_give(rng: random.Random) -> Draft:
    who, other = two_names(rng)
    thing = rng.choice(THINGS)
    have, buy = rng.randint(5, 60), rng.randint(3, 40)
    give = rng.randint(2, min(have + buy - 1, 40))
    more, total = note(f"{have}+{buy}")
    left, final = note(f"{total}-{give}")
    question = rng.choice((
        f"{who} has {have} {thing}. {who} buys {buy} more {thing} and gives {give} to {other}. "
        f"How many {thing} does {who} have now?",
        f"{who} had {have} {thing} and bought {buy} more. Then {who} gave {give} {thing} to "
        f"{other}. How many {thing} are left?",
    ))
    return (have, buy, give), question, [
        f"{who} had {more} {thing}.", f"{who} has {left} {thing} left."], final


@family
def times_as_many(rng: random.Random) -> Draft:
    who, other = two_names(rng)
    thing = rng.choice(THINGS)
    count, factor = rng.randint(3, 20), rng.choice(list(TIMES_WORDS))
    many, product = note(f"{count}*{factor}")
    both, final = note(f"{count}+{product}")
    question = rng.choice((
        f"{who} has {count} {thing}. {other} has {TIMES_WORDS[factor]} as many {thing} as {who}. "
        f"How many {thing} do they have together?",
        f"{other} has {TIMES_WORDS[factor]} as many {thing} as {who}. {who} has {count} {thing}. "
        "How many do they have in total?",
    ))
    return (count, factor), question, [
        f"{other} has {many} {thing}.", f"Together they have {both} {thing}."], final


@family
def half_as_many(rng: random.Random) -> Draft:
    who, other = two_names(rng)
    thing = rng.choice(THINGS)
    count, found = 2 * rng.randint(4, 40), rng.randint(2, 20)
    half, halved = note(f"{count}/2")
    plus, final = note(f"{halved}+{found}")
    question = rng.choice((
        f"{who} has {count} {thing}. {other} has half as many and then finds {found} more. How "
        f"many {thing} does {other} have?",
        f"{other} has half as many {thing} as {who}, who has {count}. {other} finds {found} more. "
        f"How many {thing} does {other} have now?",
    ))
    return (count, found), question, [
        f"{other} had {half} {thing}.", f"{other} now has {plus} {thing}."], final


@family
def packs(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    thing = rng.choice(THINGS)
    count, size = rng.randint(2, 9), rng.randint(3, 12)
    lost = rng.randint(2, min(count * size - 1, 30))
    packed, total = note(f"{count}*{size}")
    left, final = note(f"{total}-{lost}")
    question = rng.choice((
        f"{who} buys {count} packs of {thing}. Each pack has {size} {thing}. {who} loses {lost} "
        f"{thing}. How many {thing} are left?",
        f"There are {size} {thing} in a pack. {who} buys {count} packs and uses {lost} {thing}. "
        f"How many {thing} does {who} have left?",
    ))
    return (count, size, lost), question, [
        f"{who} bought {packed} {thing}.", f"{who} has {left} {thing} left."], final


@family
def change(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    thing = rng.choice(THINGS)
    count, price = rng.randint(2, 9), rng.randint(2, 10)
    bill = rng.choice([paid for paid in (20, 50, 100) if paid > count * price])
    cost, total = note(f"{count}*{price}")
    back, final = note(f"{bill}-{total}")
    question = rng.choice((
        f"{who} buys {count} {thing} for ${price} each and pays with ${bill}. How many dollars of "
        f"change does {who} get?",
        f"{thing.capitalize()} cost ${price} each. {who} buys {count} and pays ${bill}. How much "
        "change is there in dollars?",
    ))
    return (count, price, bill), question, [
        f"The {thing} cost ${cost}.", f"The change is ${back}."], final


@family
def two_purchases(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    thing, other_thing = rng.sample(THINGS, 2)
    counts = rng.randint(2, 9), rng.randint(2, 9)
    prices = rng.randint(2, 9), rng.randint(2, 9)
    first, cost = note(f"{counts[0]}*{prices[0]}")
    second, other_cost = note(f"{counts[1]}*{prices[1]}")
    both, final = note(f"{cost}+{other_cost}")
    question = rng.choice((
        f"{who} buys {counts[0]} {thing} at ${prices[0]} each and {counts[1]} {other_thing} at "
        f"${prices[1]} each. How many dollars does {who} spend?",
        f"A shop sells {thing} for ${prices[0]} and {other_thing} for ${prices[1]}. How much do "
        f"{counts[0]} {thing} and {counts[1]} {other_thing} cost?",
    ))
    return (*counts, *prices), question, [
        f"The {thing} cost ${first}.", f"The {other_thing} cost ${second}.",
        f"In total it is ${both}."], final


@family
def wages(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    hours, rate = rng.randint(2, 9), rng.randint(5, 15)
    spent = rng.randint(3, min(hours * rate - 1, 40))
    pay, earned = note(f"{hours}*{rate}")
    left, final = note(f"{earned}-{spent}")
    question = rng.choice((
        f"{who} works {hours} hours for ${rate} an hour and spends ${spent} on food. How many "
        f"dollars does {who} have left?",
        f"{who} earns ${rate} an hour. {who} works {hours} hours and then spends ${spent}. How "
        "much money is left?",
    ))
    return (hours, rate, spent), question, [
        f"{who} earned ${pay}.", f"{who} has ${left} left."], final


@family
def share_equally(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    thing = rng.choice(THINGS)
    friends, each = rng.randint(2, 9), rng.randint(3, 12)
    extra = rng.randint(2, 20)
    total = friends * each
    split, _ = note(f"{total}/{friends}")
    plus, final = note(f"{each}+{extra}")
    question = rng.choice((
        f"{friends} friends share {total} {thing} equally. {who} is one of them and already had "
        f"{extra} {thing}. How many {thing} does {who} have now?",
        f"{total} {thing} are shared equally by {friends} children. {who}, one of them, gets "
        f"{extra} more. How many {thing} does {who} have?",
    ))
    return (friends, total, extra), question, [
        f"Each gets {split} {thing}.", f"{who} has {plus} {thing}."], final


@family
def ages(rng: random.Random) -> Draft:
    first, second, third = rng.sample(NAMES, 3)
    age, older = rng.randint(5, 50), rng.randint(2, 20)
    younger = rng.randint(2, min(age + older - 1, 20))
    up, middle = note(f"{age}+{older}")
    down, final = note(f"{middle}-{younger}")
    question = rng.choice((
        f"{first} is {age} years old. {second} is {older} years older than {first}. {third} is "
        f"{younger} years younger than {second}. How old is {third}?",
        f"{second} is {older} years older than {first}, who is {age}. {third} is {younger} years "
        f"younger than {second}. How old is {third}?",
    ))
    return (age, older, younger), question, [
        f"{second} is {up} years old.", f"{third} is {down} years old."], final


@family
def distance(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    speed, hours, extra = 5 * rng.randint(2, 12), rng.randint(2, 5), rng.randint(3, 40)
    driven, miles = note(f"{speed}*{hours}")
    plus, final = note(f"{miles}+{extra}")
    question = rng.choice((
        f"{who} drives at {speed} miles per hour for {hours} hours and then {extra} more miles. "
        f"How many miles does {who} drive?",
        f"A train goes {speed} miles per hour for {hours} hours. Then it goes {extra} miles more. "
        "How far does it go in miles?",
    ))
    return (speed, hours, extra), question, [
        f"That is {driven} miles.", f"In total it is {plus} miles."], final


@family
def garden_rows(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    rows, size, gone = rng.randint(2, 9), rng.randint(4, 15), rng.randint(2, 7)
    planted, total = note(f"{rows}*{size}")
    left, final = note(f"{total}-{gone}")
    question = rng.choice((
        f"{who} plants {rows} rows of {size} trees. {gone} trees die. How many trees are left?",
        f"A garden has {rows} rows with {size} trees in each row. {who} cuts down {gone} trees. "
        "How many trees remain?",
    ))
    return (rows, size, gone), question, [
        f"There were {planted} trees.", f"There are {left} trees left."], final
