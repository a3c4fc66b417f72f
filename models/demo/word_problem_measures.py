"""More word problem families: prices, time, groups and measures. See word_problems.py."""

from __future__ import annotations

import random

from word_problems import NAMES, THINGS, TIMES_WORDS, Draft, family, note, two_names


@family
def discount(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    percent = rng.choice((10, 20, 25, 50))
    price = {10: 10, 20: 5, 25: 4, 50: 2}[percent] * rng.randint(3, 20)
    off, saved = note(f"{price}*{percent}/100")
    pays, final = note(f"{price}-{saved}")
    question = rng.choice((
        f"A shirt costs ${price}. {who} gets {percent}% off. How many dollars does {who} pay?",
        f"{who} buys a bag of ${price} with a discount of {percent}%. How much does {who} pay?",
    ))
    return (price, percent), question, [
        f"The discount is ${off}.", f"{who} pays ${pays}."], final


@family
def pages_left(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    pages, days = rng.randint(4, 15), rng.randint(2, 9)
    rest = rng.randint(5, 60)
    total = pages * days + rest
    read, done = note(f"{pages}*{days}")
    left, final = note(f"{total}-{done}")
    question = rng.choice((
        f"{who} reads {pages} pages a day for {days} days. The book has {total} pages. How many "
        "pages are left?",
        f"A book has {total} pages. {who} reads {pages} pages each day. How many pages are left "
        f"after {days} days?",
    ))
    return (pages, days, total), question, [
        f"{who} read {read} pages.", f"There are {left} pages left."], final


@family
def days_to_finish(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    each, days, done = rng.randint(3, 12), rng.randint(2, 9), rng.randint(5, 50)
    total = each * days + done
    left, rest = note(f"{total}-{done}")
    need, final = note(f"{rest}/{each}")
    question = rng.choice((
        f"A book has {total} pages. {who} has read {done} pages and reads {each} pages a day. How "
        "many days does the rest take?",
        f"{who} has read {done} of {total} pages. How many days are needed for the rest at {each} "
        "pages a day?",
    ))
    return (total, done, each), question, [
        f"There are {left} pages left.", f"This takes {need} days."], final


@family
def boxes(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    size, count = rng.randint(3, 12), rng.randint(3, 9)
    total = size * count
    morning = rng.randint(2, total - 2)
    baked, _ = note(f"{morning}+{total - morning}")
    filled, final = note(f"{total}/{size}")
    question = rng.choice((
        f"{who} bakes {morning} cakes in the morning and {total - morning} in the afternoon. A box "
        f"holds {size} cakes. How many boxes are filled?",
        f"{who} makes {morning} cakes and then {total - morning} more. Each box takes {size} "
        "cakes. How many boxes are needed?",
    ))
    return (morning, total - morning, size), question, [
        f"There are {baked} cakes.", f"They fill {filled} boxes."], final


@family
def fewer_sold(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    thing = rng.choice(THINGS)
    first = rng.randint(10, 80)
    less = rng.randint(2, min(first - 1, 40))
    second, sold = note(f"{first}-{less}")
    both, final = note(f"{first}+{sold}")
    question = rng.choice((
        f"{who} sold {first} {thing} on Monday and {less} fewer on Tuesday. How many {thing} did "
        f"{who} sell in total?",
        f"On Monday {who} sold {first} {thing}. On Tuesday {who} sold {less} fewer. How many "
        f"{thing} were sold on both days?",
    ))
    return (first, less), question, [
        f"On Tuesday {who} sold {second} {thing}.", f"In total {who} sold {both} {thing}."], final


@family
def more_then_times(rng: random.Random) -> Draft:
    first, second, third = rng.sample(NAMES, 3)
    thing = rng.choice(THINGS)
    count, more, factor = rng.randint(2, 12), rng.randint(2, 8), rng.choice(list(TIMES_WORDS))
    plus, middle = note(f"{count}+{more}")
    many, final = note(f"{middle}*{factor}")
    question = rng.choice((
        f"{first} has {count} {thing}. {second} has {more} more than {first}. {third} has "
        f"{TIMES_WORDS[factor]} as many as {second}. How many {thing} does {third} have?",
        f"{second} has {more} more {thing} than {first}, who has {count}. {third} has "
        f"{TIMES_WORDS[factor]} as many as {second}. How many does {third} have?",
    ))
    return (count, more, factor), question, [
        f"{second} has {plus} {thing}.", f"{third} has {many} {thing}."], final


@family
def score_gap(rng: random.Random) -> Draft:
    who, other = two_names(rng)
    first, second = rng.randint(5, 50), rng.randint(5, 45)
    rival = first + second - rng.randint(2, min(first + second - 5, 30))
    total, scored = note(f"{first}+{second}")
    gap, final = note(f"{scored}-{rival}")
    question = rng.choice((
        f"{who} scores {first} points and then {second} points. {other} scores {rival} points. "
        f"How many more points does {who} have than {other}?",
        f"{other} scores {rival} points. {who} scores {first} points in one game and {second} in "
        f"the next. By how many points is {who} ahead?",
    ))
    return (first, second, rival), question, [
        f"{who} scored {total} points.", f"The difference is {gap} points."], final


@family
def half_spent(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    thing = rng.choice(THINGS)
    money = 2 * rng.randint(6, 50)
    spent = rng.randint(2, min(money // 2 - 1, 30))
    half, halved = note(f"{money}/2")
    left, final = note(f"{halved}-{spent}")
    question = rng.choice((
        f"{who} has ${money}. {who} spends half of it on {thing} and ${spent} on lunch. How many "
        "dollars are left?",
        f"{who} spends half of ${money} on {thing}. Then {who} spends ${spent} on a ball. How much "
        "money is left?",
    ))
    return (money, spent), question, [
        f"Half is ${half}.", f"{who} has ${left} left."], final


@family
def wheels(rng: random.Random) -> Draft:
    bikes, cars = rng.randint(2, 30), rng.randint(2, 20)
    two, of_bikes = note(f"{bikes}*2")
    four, of_cars = note(f"{cars}*4")
    both, final = note(f"{of_bikes}+{of_cars}")
    question = rng.choice((
        f"There are {bikes} bikes with 2 wheels and {cars} cars with 4 wheels. How many wheels are "
        "there?",
        f"A street has {cars} cars and {bikes} bikes. A car has 4 wheels and a bike has 2. How "
        "many wheels are there in total?",
    ))
    return (bikes, cars), question, [
        f"The bikes have {two} wheels.", f"The cars have {four} wheels.",
        f"In total there are {both} wheels."], final


@family
def bus_stop(rng: random.Random) -> Draft:
    people = rng.randint(10, 70)
    leave, enter = rng.randint(2, min(people - 1, 40)), rng.randint(2, 30)
    down, stay = note(f"{people}-{leave}")
    up, final = note(f"{stay}+{enter}")
    question = rng.choice((
        f"There are {people} people on a bus. {leave} people get off and {enter} people get on. "
        "How many people are on the bus now?",
        f"A bus has {people} people. At a stop {leave} get off and {enter} get on. How many people "
        "are on it?",
    ))
    return (people, leave, enter), question, [
        f"After that {down} people stayed.", f"Now there are {up} people."], final


@family
def weeks_to_save(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    each, weeks, have = rng.randint(3, 12), rng.randint(2, 9), rng.randint(2, 40)
    price = each * weeks + have
    missing, gap = note(f"{price}-{have}")
    need, final = note(f"{gap}/{each}")
    question = rng.choice((
        f"A game costs ${price}. {who} has ${have} and saves ${each} a week. How many weeks does "
        f"{who} need?",
        f"{who} has ${have} and wants a game for ${price}. {who} saves ${each} each week. How many "
        "weeks does it take?",
    ))
    return (price, have, each), question, [
        f"{who} still needs ${missing}.", f"This takes {need} weeks."], final


@family
def perimeter(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    length, width = rng.randint(3, 40), rng.randint(2, 30)
    side, half = note(f"{length}+{width}")
    around, final = note(f"{half}*2")
    question = rng.choice((
        f"{who} has a garden {length} feet long and {width} feet wide. How many feet of fence go "
        "around it?",
        f"A field is {length} feet long and {width} feet wide. {who} walks around it once. How "
        "many feet is that?",
    ))
    return (length, width), question, [
        f"Two sides are {side} feet.", f"All sides are {around} feet."], final


@family
def three_days(rng: random.Random) -> Draft:
    who = rng.choice(NAMES)
    first, more, factor = rng.randint(3, 15), rng.randint(2, 9), rng.choice((2, 3))
    tuesday, second = note(f"{first}+{more}")
    wednesday, third = note(f"{second}*{factor}")
    total, final = note(f"{second}+{third}")
    question = rng.choice((
        f"{who} ran {first} miles in May, {more} more in June than in May, and "
        f"{TIMES_WORDS[factor]} as many in July as in June. How many miles did {who} run in June "
        "and July?",
        f"In May {who} ran {first} miles. In June it was {more} more, and in July "
        f"{TIMES_WORDS[factor]} as many as in June. How many miles were June and July together?",
    ))
    return (first, more, factor), question, [
        f"In June it was {tuesday} miles.", f"In July it was {wednesday} miles.",
        f"Together it was {total} miles."], final
