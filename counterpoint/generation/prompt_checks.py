"""Checks, before anything is computed, that a model can be asked the problems and can give their answers.

No text may hold a special token. In a question it would end the user's turn or stand for a picture; in an answer it is
suppressed, or left out when a completion is read, so that no completion could be right. And no prompt with its answer
may be longer than the model's positions.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

from counterpoint.errors import UserError
from counterpoint.problem import Picture, Problem
from counterpoint.prompt import question_text, user_text, with_images
from counterpoint.suites.suite import Suite

AS_ASKED = Suite("", split="", purpose="")


def check(
    model,
    processor,
    problems: Sequence[Problem],
    instruction: str,
    new_tokens: int = 0,
    *,
    suite: Suite = AS_ASKED,
    completions: Sequence[str] | None = None,
) -> None:
    """Raise `UserError` naming the first problem that `model` cannot be asked as `suite` asks it, or cannot answer.

    `new_tokens` may follow a prompt; `completions`, one a problem, are texts to imitate that follow it instead.
    """
    if not problems:
        return
    drawn = suite.shows == "drawn"  # then the picture holds the question
    texts = {"answer": [p.answer for p in problems]}
    if not drawn:
        texts["question"] = [question_text(p) for p in problems]
    if suite.needs_twin:
        texts["text_twin"] = [p.text_twin for p in problems]
    if completions is not None:
        texts["trace"] = completions
    _refuse_special(model, processor.tokenizer, problems, texts)
    if not drawn:
        _refuse_long(model, processor, problems, instruction, new_tokens, suite, completions)


def _refuse_special(model, tokenizer, problems: Sequence[Problem], texts: dict[str, Sequence[str]]) -> None:
    ids = {*tokenizer.all_special_ids, getattr(model.config, "image_token_id", None)} - {None}
    if not ids:
        return
    special = re.compile("|".join(map(re.escape, sorted(tokenizer.convert_ids_to_tokens(list(ids)), key=len)[::-1])))
    for name, written in texts.items():
        matches = [(p, match[0]) for p, text in zip(problems, written, strict=True) if (match := special.search(text))]
        if matches:
            problem, token = matches[0]
            raise UserError(
                f"problem {problem.problem_id} ({problem.source}): its {name} holds {token!r}, a special token of "
                f"{tokenizer.name_or_path}; reword it at its source, or leave the problem out"
                + (f" ({len(matches)} problems hold one)" if len(matches) > 1 else "")
            )


def _refuse_long(model, processor, problems, instruction, new_tokens, suite: Suite, completions) -> None:
    room = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if room is None:
        return
    tokenizer = processor.tokenizer
    ending = instruction if suite.instruction is None else suite.instruction
    questions = [user_text(problem, ending, words=suite.needs_twin) for problem in problems]
    images = [() if suite.shows == "words" else problem.images for problem in problems]

    def prompt(i: int) -> int:
        messages = with_images(questions[i], len(images[i]))
        text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        pictures = [[picture.decode() for picture in images[i]]] if images[i] else None
        return len(processor(text=[text], images=pictures)["input_ids"][0])

    # No text has more tokens than bytes, so that few problems if any must be tokenised.
    largest = max(range(len(problems)), key=lambda i: sum(map(_pixels, images[i])))
    with_largest_pictures = prompt(largest)
    for i, problem in enumerate(problems):
        after = new_tokens if completions is None else len(completions[i].encode())
        if with_largest_pictures + len(questions[i].encode()) + after <= room:
            continue
        if completions is not None:
            after = len(tokenizer(completions[i], add_special_tokens=False)["input_ids"])
        length = prompt(i)
        if length + after > room:
            raise UserError(
                f"problem {problem.problem_id} ({problem.source}): its prompt of {length:,} tokens and {after:,} more "
                f"do not fit into the {room:,} positions of {tokenizer.name_or_path}; shorten it at its source, lower "
                "max_tokens (rl.max_completion_tokens), or leave the problem out"
            )


def _pixels(picture: Picture) -> int:
    from PIL import Image

    with Image.open(io.BytesIO(picture.read())) as image:
        return image.width * image.height
