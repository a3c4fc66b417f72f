"""The table of Python task families. See python_tasks.py."""

from __future__ import annotations

from python_tasks import (
    TaskFamily, between, joined_words, list_near_constant, list_of_multiples, list_with_constant,
    long_list, maybe_multiple, near_constant, numbers_to, one_letter, one_word, short_list, word,
    word_list, word_with_letter,
)

SMALL, MEDIUM, LARGE = between(2, 9), between(2, 30), between(10, 99)

NUMBER_FAMILIES = [
    TaskFamily("add", (
        "Write a function to add {a} to a number.",
        "Write a python function that increases a given number by {a}.",
    ), "n", "return n + {a}", (LARGE,), numbers_to(50)),
    TaskFamily("subtract", (
        "Write a function to subtract {a} from a number.",
        "Write a python function that decreases a given number by {a}.",
    ), "n", "return n - {a}", (LARGE,), numbers_to(99)),
    TaskFamily("multiply", (
        "Write a function to multiply a number by {a}.",
        "Write a python function to find the product of a number and {a}.",
    ), "n", "return n * {a}", (MEDIUM,), numbers_to(12)),
    TaskFamily("remainder", (
        "Write a function to find the remainder of a number divided by {a}.",
        "Write a python function to compute a number modulo {a}.",
    ), "n", "return n % {a}", (MEDIUM,), numbers_to(99)),
    TaskFamily("quotient", (
        "Write a function to divide a number by {a} and drop the remainder.",
        "Write a python function to find the whole part of a number divided by {a}.",
    ), "n", "return n // {a}", (MEDIUM,), numbers_to(99)),
    TaskFamily("multiply_add", (
        "Write a function to multiply a number by {a} and then add {b}.",
        "Write a python function that adds {b} to the product of a number and {a}.",
    ), "n", "return n * {a} + {b}", (SMALL, MEDIUM), numbers_to(12)),
    TaskFamily("multiply_subtract", (
        "Write a function to multiply a number by {a} and then subtract {b}.",
        "Write a python function that takes {b} away from the product of a number and {a}.",
    ), "n", "return n * {a} - {b}", (SMALL, MEDIUM), numbers_to(12)),
    TaskFamily("add_multiply", (
        "Write a function to add {a} to a number and then multiply the sum by {b}.",
        "Write a python function that multiplies the sum of a number and {a} by {b}.",
    ), "n", "return (n + {a}) * {b}", (MEDIUM, SMALL), numbers_to(12)),
    TaskFamily("square_add", (
        "Write a function to square a number and then add {a}.",
        "Write a python function to find the square of a number plus {a}.",
    ), "n", "return n ** 2 + {a}", (LARGE,), numbers_to(9)),
    TaskFamily("gap", (
        "Write a function to find the absolute difference between a number and {a}.",
        "Write a python function to find how far a number is from {a}.",
    ), "n", "return abs(n - {a})", (LARGE,), near_constant),
    TaskFamily("at_least", (
        "Write a function to return the larger one of a number and {a}.",
        "Write a python function to find the maximum of a number and {a}.",
    ), "n", "return max(n, {a})", (LARGE,), near_constant),
    TaskFamily("at_most", (
        "Write a function to return the smaller one of a number and {a}.",
        "Write a python function to find the minimum of a number and {a}.",
    ), "n", "return min(n, {a})", (LARGE,), near_constant),
    TaskFamily("divisible", (
        "Write a function to check whether a number is divisible by {a}.",
        "Write a python function to check if a number is a multiple of {a}.",
    ), "n", "return n % {a} == 0", (MEDIUM,), maybe_multiple),
    TaskFamily("greater", (
        "Write a function to check whether a number is greater than {a}.",
        "Write a python function to check if a number is above {a}.",
    ), "n", "return n > {a}", (LARGE,), near_constant),
    TaskFamily("less", (
        "Write a function to check whether a number is less than {a}.",
        "Write a python function to check if a number is below {a}.",
    ), "n", "return n < {a}", (LARGE,), near_constant),
    TaskFamily("in_range", (
        "Write a function to check whether a number lies between {a} and {b}.",
        "Write a python function to check if a number is in the range from {a} to {b}.",
    ), "n", "return {a} <= n <= {b}", (between(2, 30), between(40, 80)), near_constant),
    TaskFamily("sum_up_to", (
        "Write a function to sum the numbers from 1 to n and multiply the sum by {a}.",
        "Write a python function to find {a} times the sum of all numbers up to n.",
    ), "n", "total = 0\nfor i in range(1, n + 1):\n    total += i\nreturn total * {a}", (MEDIUM,),
        numbers_to(6)),
    TaskFamily("multiples", (
        "Write a function to list the first n multiples of {a}.",
        "Write a python function to return a list with the first n multiples of {a}.",
    ), "n", "return [{a} * i for i in range(1, n + 1)]", (MEDIUM,), numbers_to(4)),
]

LIST_FAMILIES = [
    TaskFamily("add_each", (
        "Write a function to add {a} to each element of a list.",
        "Write a python function that increases every element of a list by {a}.",
    ), "items", "return [x + {a} for x in items]", (MEDIUM,), short_list),
    TaskFamily("multiply_each", (
        "Write a function to multiply each element of a list by {a}.",
        "Write a python function to scale every element of a list by {a}.",
    ), "items", "return [x * {a} for x in items]", (MEDIUM,), short_list),
    TaskFamily("keep_greater", (
        "Write a function to find the elements of a list that are greater than {a}.",
        "Write a python function to keep only the elements of a list above {a}.",
    ), "items", "return [x for x in items if x > {a}]", (LARGE,), list_near_constant),
    TaskFamily("keep_less", (
        "Write a function to find the elements of a list that are less than {a}.",
        "Write a python function to keep only the elements of a list below {a}.",
    ), "items", "return [x for x in items if x < {a}]", (LARGE,), list_near_constant),
    TaskFamily("keep_divisible", (
        "Write a function to find the elements of a list that are divisible by {a}.",
        "Write a python function to keep only the multiples of {a} in a list.",
    ), "items", "return [x for x in items if x % {a} == 0]", (MEDIUM,), list_of_multiples),
    TaskFamily("remove", (
        "Write a function to remove the number {a} from a list.",
        "Write a python function to drop every {a} from a list.",
    ), "items", "return [x for x in items if x != {a}]", (LARGE,), list_with_constant),
    TaskFamily("count_greater", (
        "Write a function to count the elements of a list that are greater than {a}.",
        "Write a python function to find how many elements of a list are above {a}.",
    ), "items", "return sum(1 for x in items if x > {a})", (LARGE,), list_near_constant),
    TaskFamily("count_equal", (
        "Write a function to count how often {a} occurs in a list.",
        "Write a python function to find the number of times {a} is in a list.",
    ), "items", "return items.count({a})", (LARGE,), list_with_constant),
    TaskFamily("sum_greater", (
        "Write a function to find the sum of the elements of a list that are greater than {a}.",
        "Write a python function to sum only the elements of a list above {a}.",
    ), "items", "return sum(x for x in items if x > {a})", (LARGE,), list_near_constant),
    TaskFamily("sum_add", (
        "Write a function to find the sum of a list plus {a}.",
        "Write a python function to add {a} to the sum of a list.",
    ), "items", "return sum(items) + {a}", (LARGE,), short_list),
    TaskFamily("sum_multiply", (
        "Write a function to find the sum of a list multiplied by {a}.",
        "Write a python function to multiply the sum of a list by {a}.",
    ), "items", "return sum(items) * {a}", (MEDIUM,), short_list),
    TaskFamily("largest_add", (
        "Write a function to find the largest element of a list plus {a}.",
        "Write a python function to add {a} to the maximum of a list.",
    ), "items", "return max(items) + {a}", (LARGE,), short_list),
    TaskFamily("smallest_multiply", (
        "Write a function to find the smallest element of a list multiplied by {a}.",
        "Write a python function to multiply the minimum of a list by {a}.",
    ), "items", "return min(items) * {a}", (MEDIUM,), short_list),
    TaskFamily("contains", (
        "Write a function to check whether a list contains {a}.",
        "Write a python function to check if {a} is in a list.",
    ), "items", "return {a} in items", (LARGE,), list_near_constant),
    TaskFamily("append", (
        "Write a function to append {a} to the end of a list.",
        "Write a python function to put {a} after the last element of a list.",
    ), "items", "return items + [{a}]", (LARGE,), short_list),
    TaskFamily("first_elements", (
        "Write a function to return the first {a} elements of a list.",
    ), "items", "return items[:{a}]", (SMALL,), long_list),
    TaskFamily("last_elements", (
        "Write a function to return the last {a} elements of a list.",
    ), "items", "return items[-{a}:]", (SMALL,), long_list),
    TaskFamily("smallest_elements", (
        "Write a function to find the {a} smallest elements of a list.",
    ), "items", "return sorted(items)[:{a}]", (SMALL,), long_list),
    TaskFamily("sort_descending", (
        "Write a function to sort a list in descending order.",
        "Write a python function to sort a list from largest to smallest.",
    ), "items", "return sorted(items, reverse=True)", (), short_list),
]

STRING_FAMILIES = [
    TaskFamily("count_letter", (
        "Write a function to count the letter {a} in a string.",
        "Write a python function to find how often the letter {a} occurs in a string.",
    ), "s", "return s.count('{a}')", (one_letter,), word_with_letter),
    TaskFamily("replace_letter", (
        "Write a function to replace the letter {a} by {b} in a string.",
        "Write a python function to change every letter {a} of a string to {b}.",
    ), "s", "return s.replace('{a}', '{b}')", (one_letter, one_letter), word_with_letter),
    TaskFamily("remove_letter", (
        "Write a function to remove the letter {a} from a string.",
        "Write a python function to delete every letter {a} of a string.",
    ), "s", "return s.replace('{a}', '')", (one_letter,), word_with_letter),
    TaskFamily("starts_with", (
        "Write a function to check whether a string starts with the letter {a}.",
        "Write a python function to check if the first letter of a string is {a}.",
    ), "s", "return s.startswith('{a}')", (one_letter,), word_with_letter),
    TaskFamily("ends_with", (
        "Write a function to check whether a string ends with the letter {a}.",
        "Write a python function to check if the last letter of a string is {a}.",
    ), "s", "return s.endswith('{a}')", (one_letter,), word_with_letter),
    TaskFamily("add_suffix", (
        "Write a function to add the word {a} to the end of a string.",
        "Write a python function to put the word {a} after a string.",
    ), "s", "return s + '{a}'", (one_word,), word),
    TaskFamily("add_prefix", (
        "Write a function to add the word {a} to the front of a string.",
        "Write a python function to put the word {a} before a string.",
    ), "s", "return '{a}' + s", (one_word,), word),
    TaskFamily("repeat", (
        "Write a function to repeat a string {a} times and add the letter {b}.",
        "Write a python function to return {a} copies of a string followed by the letter {b}.",
    ), "s", "return s * {a} + '{b}'", (between(2, 3), one_letter), word),
    TaskFamily("length_add", (
        "Write a function to find the length of a string plus {a}.",
        "Write a python function to add {a} to the length of a string.",
    ), "s", "return len(s) + {a}", (LARGE,), word),
    TaskFamily("join", (
        "Write a function to join a list of words with the letter {a}.",
        "Write a python function to put the letter {a} between the words of a list.",
    ), "words", "return '{a}'.join(words)", (one_letter,), word_list),
    TaskFamily("split", (
        "Write a function to split a string at the letter {a}.",
        "Write a python function to cut a string at every letter {a}.",
    ), "s", "return s.split('{a}')", (one_letter,), joined_words),
    TaskFamily("upper", (
        "Write a function to convert a string to upper case.",
        "Write a python function to change a string to capital letters.",
    ), "s", "return s.upper()", (), word),
    TaskFamily("reverse", (
        "Write a function to reverse a string.",
        "Write a python function to return a string backwards.",
    ), "s", "return s[::-1]", (), word),
]

TASK_FAMILIES = NUMBER_FAMILIES + LIST_FAMILIES + STRING_FAMILIES
