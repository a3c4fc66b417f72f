"""The prompt forms: GSM8K and MBPP as lm-evaluation-harness writes them, and the chat form."""

from __future__ import annotations

from collections.abc import Sequence

END_OF_TEXT, USER, ASSISTANT, END_OF_TURN = "<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL_TOKENS = [END_OF_TEXT, USER, ASSISTANT, END_OF_TURN]
GSM_STOPS = ("Question:", END_OF_TEXT, END_OF_TURN)
MBPP_STOPS = ("[DONE]",)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)


def gsm_question(question: str) -> str:
    return f"Question: {question}\nAnswer:"


def gsm_prompt(examples: Sequence[dict], question: str) -> str:
    """Prompt of the gsm8k task: examples with their answers, then the bare question."""
    shots = "".join(f"{gsm_question(e['question'])} {e['answer']}\n\n" for e in examples)
    return shots + gsm_question(question)


def mbpp_task(text: str, tests: Sequence[str]) -> str:
    return (
        f"You are an expert Python programmer, and here is your task: {text} Your code should pass "
        "these tests:\n\n" + "\n".join(tests) + "\n[BEGIN]\n"
    )


def mbpp_prompt(examples: Sequence[dict], row: dict) -> str:
    """Prompt of the mbpp task: solved examples, then the task to solve."""
    shots = "".join(
        f"{mbpp_task(e['text'], e['test_list'])}{e['code']}\n[DONE]\n\n" for e in examples
    )
    return shots + mbpp_task(row["text"], row["test_list"])


def chat_turn(question: str) -> str:
    return f"{USER}\n{question}{END_OF_TURN}\n{ASSISTANT}\n"


def chat_reply(answer: str) -> str:
    return f"{answer}{END_OF_TURN}\n"
