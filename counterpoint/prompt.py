"""The one prompt and answer format that every arm shares, in training, probing and evaluation alike.

user       <image> QUESTION [options : A , B .] INSTRUCTION
assistant  <think>REASONING</think><answer>ANSWER</answer>
"""

from __future__ import annotations

from counterpoint.problem import Problem

THINK = "think first ."  # the micro bases were taught this instruction; params.yaml may state another
DESCRIBE = "describe the picture ."
DIRECT = "answer only ."


def question_text(asked) -> str:
    """The question of a problem, or of the draft of one, with the options where it offers a choice.

    The options of an `expression` are the numbers that it must use. The picture shows them, so they are left out.
    """
    options = asked.options if asked.answer_type != "expression" else None
    return f"{asked.question} options : {' , '.join(options)} ." if options else asked.question


def user_text(problem: Problem, instruction: str = THINK, words: bool = False) -> str:
    """What the user says beside the pictures; with `words`, the text twin stands before the question."""
    text = f"{question_text(problem)} {instruction}".strip()
    return f"{problem.text_twin} {text}" if words else text


def completion_text(reasoning: str, answer: str) -> str:
    """The gold completion: reasoning, then exactly one answer."""
    return f"<think>{reasoning}</think><answer>{answer}</answer>"


def user_message(text: str) -> list[dict]:
    """A conversation of one user turn with plain-string content; TRL and `with_images` put the pictures before it."""
    return [{"role": "user", "content": text}]


def with_images(text: str, images: int) -> list[dict]:
    """The same turn as content parts with `images` picture placeholders first, as chat templates want it."""
    parts = [{"type": "image"} for _ in range(images)] + [{"type": "text", "text": text}]
    return [{"role": "user", "content": parts}]
