"""The battery: right and wrong answers to any gold answer, in the formats that rewards ask for.

What is written stands in `answers/`: `any_gold.yaml` has templates, `fixed_golds.yaml` whole groups of answers to golds
of its own. An answer that happens to be right (0 for the gold -0) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from counterpoint.verify import arithmetic

REASONING = "I look at it ."
LONG = 200  # repetitions of a wrong answer
_SLOT = re.compile(r"\{([a-z_0-9]+)\}")
_QUANTITY = re.compile(r"([$€£]?)\s?([+-]?[\d,]*\.?\d+)\s?(\D*)", re.ASCII)
_UNITS = {"%": "cm", "cm": "m", "m": "cm", "km": "m", "kg": "g", "g": "kg", "$": "€", "€": "$", "£": "$"}


@dataclass(frozen=True)
class Gold:
    """A gold answer, how it is compared (`problem.ANSWER_TYPES`), what it was chosen from, and what was asked.

    row: the other columns of the data, for rewards that want them; column: the name of the answer's.
    """

    answer: str
    answer_type: str
    options: tuple[str, ...] = ()
    question: str = ""
    row: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)
    column: str = "answer"


@dataclass(frozen=True)
class Format:
    """How a reward wants its answers; `thinks`: the reasoning is fenced off from the answer."""

    name: str
    before: str
    answer: str
    thinks: bool = False

    def write(self, *answers: str, reasoning: str = REASONING) -> str:
        """A completion: the reasoning, then these answers, each in this format."""
        parts = [self.answer.replace("{answer}", answer) for answer in answers]
        return self.before.replace("{reasoning}", reasoning) + ("" if self.thinks else "\n").join(parts)


@dataclass(frozen=True)
class Case:
    """One completion to a gold answer: what it tries (`why`), and whether it is right.

    right: True, False, or None for what only a generous reward pays.
    """

    gold: Gold
    why: str
    completion: str
    right: bool | None


@cache
def _read(name: str) -> Any:
    return yaml.safe_load(files("counterpoint.lint").joinpath("answers", name).read_text(encoding="utf-8"))


@cache
def formats() -> dict[str, Format]:
    """The formats by name, in the order in which they are tried."""
    return {name: Format(name, **parts) for name, parts in _read("any_gold.yaml")["formats"].items()}


def fixed_golds() -> list[dict]:
    """The groups of answers to golds of their own, as `fixed_golds.yaml` has them."""
    return _read("fixed_golds.yaml")


def attacks() -> list[str]:
    """The names of all attacks."""
    return [entry["attack"] for entry in _read("any_gold.yaml")["attacks"]] + [f"equal-looking {FIXED}"]


FIXED = "expressions"


def right(gold: Gold, form: Format) -> Iterator[Case]:
    """Right answers in the ways that users' models write them."""
    words = _words(gold, gold.answer)
    for entry in _read("any_gold.yaml")["right"]:
        if _fits(entry, gold, form):
            for key, counts in (("both", True), ("lenient", None)):
                for answer in _filled(entry.get(key, ()), words):
                    if not (answer.endswith(".") and form.answer.endswith("}.")):
                        yield Case(gold, entry["why"], form.write(answer), counts)


def wrong(gold: Gold, form: Format, others: Sequence[str]) -> Iterator[Case]:
    """Wrong answers that leaky judges accept. others: gold answers of other problems of this type."""
    words = _words(gold, other(gold, others))
    for entry in _read("any_gold.yaml")["attacks"]:
        if _fits(entry, gold, form):
            for completion in _written(entry, words, form, gold):
                yield Case(gold, entry["attack"], completion, False)


def _fits(entry: dict, gold: Gold, form: Format) -> bool:
    if gold.answer_type not in entry.get("types", [gold.answer_type]) or (entry.get("thinks") and not form.thinks):
        return False
    value = _value(gold.answer)
    return "beyond" not in entry or (value is not None and value > entry["beyond"])


def fixed_wrong(answer_types: Sequence[str], form: Format) -> Iterator[Case]:
    """Wrong answers to golds of the battery's own: expressions that look equal to an eye or to an algebra system."""
    if "expression" not in answer_types:  # the others have none, and the file takes a second to read
        return
    for group in fixed_golds():
        for answer_type in set(group["types"]) & set(answer_types):
            gold = Gold(group["gold"], answer_type, tuple(group.get("options", ())))
            for answer in group.get("wrong", ()):
                yield Case(gold, f"equal-looking {FIXED}", form.write(answer), False)


def _written(entry: dict, words: dict, form: Format, gold: Gold) -> Iterator[str]:
    """The completions of one attack, without those that are right after all."""
    for answer in _filled(entry.get("answers", ()), words):
        if not same(answer, gold):
            for reasoning in _filled(entry.get("reasoning", [REASONING]), words):
                yield form.write(answer, reasoning=reasoning)
    for templates in entry.get("several", ()):
        answers = list(_filled(templates, words))
        if len(answers) == len(templates) and not same(answers[-1], gold) and (form.before or all(answers)):
            yield form.write(*answers)
    for reasoning in _filled(entry.get("opened", ()), words):
        yield form.write(reasoning=reasoning)
    yield from (text for text in _filled(entry.get("texts", ()), words) if not same(text, gold))


def _filled(templates: Sequence[str], words: dict[str, str | None]) -> Iterator[str]:
    """The templates with their words, but not those whose words this gold has none of."""
    for template in templates:
        names = [name for name in _SLOT.findall(template) if name in words]
        if all(words[name] is not None for name in names):
            yield _SLOT.sub(lambda match: str(words.get(match[1], match[0])), template)


def same(answer: str, gold: Gold) -> bool:
    """Whether an answer of the battery is right by its plain value, text or letter: such a one is no attack."""
    text, wanted = " ".join(answer.split()).casefold().rstrip("."), gold.answer.strip().casefold()
    letters = {
        letter.casefold() for letter, option in zip(_letters(gold), gold.options, strict=False) if option == gold.answer
    }
    value = _value(answer)
    return text in {wanted, *letters} or (value is not None and value == _value(gold.answer))


def _value(text: str) -> Fraction | None:
    """The plain value of a decimal or a fraction; an exponent is none, for 1e999999999 would not fit into memory."""
    text = re.sub(r"\s*/\s*", "/", text.strip().replace(",", ""))
    return (
        Fraction(text)
        if re.fullmatch(r"[+-]?(?:\d*\.)?\d{1,30}|[+-]?\d{1,30}/0*[1-9]\d{0,30}", text, re.ASCII)
        else None
    )


def _letters(gold: Gold) -> list[str]:
    return [chr(ord("A") + index) for index in range(min(len(gold.options), 26))]


def other(gold: Gold, others: Sequence[str]) -> str:
    """A wrong answer of the same kind: the next number, another option, another problem's gold."""
    if gold.answer_type in ("integer", "number") and (value := _value(gold.answer)) is not None:
        return _stepped(gold.answer, value, 1)
    for other in (*gold.options, *others):
        if gold.answer_type == "choice" and other not in gold.options:
            continue
        if other.strip().casefold() != gold.answer.strip().casefold():
            return other
    return "nothing of the sort"


def _stepped(text: str, value: Fraction, steps: int) -> str:
    """The number so many units of its last digit further; a fraction so many ones further."""
    if "/" in text:
        return str(value + steps)
    number = Decimal(text.strip().replace(",", ""))
    return format(number + steps * Decimal(1).scaleb(min(number.as_tuple().exponent, 0)), "f")


def _words(gold: Gold, other: str) -> dict[str, str | None]:
    """What the slots of the templates stand for; None where this gold has no such thing."""
    words = {"gold": gold.answer, "other": other, "question": gold.question or None, "long": " ".join([other] * LONG)}
    return words | _of_text(gold) | _of_number(gold) | _of_options(gold, other)


def _of_text(gold: Gold) -> dict[str, str | None]:
    answer = gold.answer
    bare = re.sub(r"^\$(.+)\$$", r"\1", answer)
    latex = bare != answer or "\\" in answer
    cased = not latex and len({option.casefold() for option in gold.options}) == len(gold.options)
    return {
        "bare": bare if latex else None,
        "plain": answer if cased and not re.search(r"[${}_^%]", answer) else None,
        "small": answer.lower() if cased else None,
        "capitals": answer.upper() if cased else None,
        "wrong_unit": _wrong_unit(answer),
        "value": _reached(gold),
    }


def _reached(gold: Gold) -> str | None:
    """What an expression over given numbers comes to."""
    computed = arithmetic.read(gold.answer) if gold.answer_type == "expression" and len(gold.options) > 1 else None
    return str(computed.value) if computed else None


def _of_number(gold: Gold) -> dict[str, str | None]:
    answer, value = gold.answer, _value(gold.answer)
    if value is None:
        return dict.fromkeys(("digits", "commas", "above", "below", "up_to_100"))
    whole = value.denominator == 1
    return {
        "digits": answer.replace(",", "") if re.fullmatch(r"[+-]?[\d,]+", answer) else None,
        "commas": f"{int(value):,}" if whole and abs(value) >= 1000 else None,
        "above": _stepped(answer, value, 1),
        "below": _stepped(answer, value, -1),
        "up_to_100": ", ".join(map(str, range(101))) if whole and 0 <= value <= 100 else None,
    }


def _of_options(gold: Gold, other: str) -> dict[str, str | None]:
    """Letters, and all candidates in a row: options, the neighbours of a number, else another answer and the gold."""
    answer, value, letters = gold.answer, _value(gold.answer), _letters(gold)
    candidates = list(gold.options) if gold.answer_type == "choice" else [other, answer]
    if gold.answer_type != "choice" and value is not None:
        candidates = [_stepped(answer, value, step) for step in (-1, 0, 1)]
    words = {
        "or": " or ".join(candidates), "comma": ", ".join(candidates), "space": " ".join(candidates),
        "letters": "".join(letters), "letters_or": " or ".join(letters), "letters_comma": ", ".join(letters),
    }  # fmt: skip
    if len(letters) < 2:
        words |= dict.fromkeys(("letters", "letters_or", "letters_comma"))
    if len(candidates) < 2:
        words |= dict.fromkeys(("or", "comma", "space"))
    at = gold.options.index(answer) if answer in gold.options else 26
    if at < len(letters) and not any(re.fullmatch("[A-Za-z]", option) for option in gold.options):
        return words | {"letter": letters[at], "other_letter": letters[at - 1] if len(letters) > 1 else None}
    return words | {"letter": None, "other_letter": None}  # a letter that is itself an option could mean either


def _wrong_unit(answer: str) -> str | None:
    """The same number with another unit, of an answer that has one."""
    match = _QUANTITY.fullmatch(answer)
    if not match or not (match[1] or match[3]):
        return None
    if match[1]:
        return f"{_UNITS[match[1]]}{match[2]}"
    return f"{match[2]} {_UNITS.get(match[3], 'litres')}"
