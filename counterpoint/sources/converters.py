"""Converters: how the cell of a published data set is read where its column is not the field itself.

A converter takes the cell (the list of cells where `column` names several) and the row's options, and gives the value
or raises `Refusal`. A new one is one function and its line in CONVERTERS.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from counterpoint.sources.parsing import Refusal, plain

Options = tuple[str, ...] | None
_GSM8K_MARK = re.compile(r"<<[^<>]*>>")
_CHOICES = re.compile(r"\s*\bChoices?:\s*(?=\(?A\s*[:.)])")
_CHOICE = re.compile(r"(?:^|\n)\s*\(?([A-Z])\s*[:.)]")
IN_THE_PICTURE = "answer the question in the picture ."
# NLVR (Suhr et al., ACL 2017): three grey boxes side by side; an object is placed by its upper left corner
NLVR_FRAME = (
    "three boxes , each 100 wide and 100 high . x counts from the left , y from the top , to an object 's upper left "
    "corner . small is 10 across , medium 20 , large 30 ."
)
_COLOURS = {"#0099ff": "blue", "black": "black", "yellow": "yellow"}
_SIZES = {10: "small", 20: "medium", 30: "large"}
_POSITIONS = ("left", "middle", "right")
_SHAPES = ("circle", "square", "triangle")


def _string(cell: Any) -> str:
    if not isinstance(cell, str):
        raise Refusal(f"a text is wanted, not {cell!r:.60}")
    return cell


def gsm8k_answer(cell: Any, options: Options) -> str:
    """The number behind the last `####` of a GSM8K answer (arXiv 2110.14168)."""
    _, mark, answer = _string(cell).rpartition("####")
    if not mark or not answer.strip():
        raise Refusal("its answer has no `#### N`")
    return answer.strip()


def gsm8k_reasoning(cell: Any, options: Options) -> str:
    """What stands before `#### N`, without the `<<…>>` of the calculator, on one line."""
    return " ".join(_GSM8K_MARK.sub("", _string(cell).rpartition("####")[0]).split())


def boxed(cell: Any, options: Options) -> str:
    r"""What the last \boxed{…} holds, its braces balanced."""
    text = _string(cell)
    start = text.rfind("\\boxed{")
    if start < 0:
        raise Refusal(r"it has no \boxed{…}")
    depth = 0
    for end in range(start + len("\\boxed"), len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if not depth:
            return text[start + len("\\boxed{") : end].strip()
    raise Refusal(r"its last \boxed{…} does not end")


def letter(cell: Any, options: Options) -> Any:
    """The option that a letter names: A is the first. Of a row without options the answer as it stands."""
    return _option(cell, options, "[A-Z]", "letter", lambda name: ord(name) - ord("A"))


def index(cell: Any, options: Options) -> Any:
    """The option that a number names, counted from 0: 0 is the first. Of a row without options as it stands."""
    return _option(cell, options, r"\d{1,3}", "number, counted from 0,", int)


def index_from_1(cell: Any, options: Options) -> Any:
    """The option that a number names, counted from 1: 1 is the first. Of a row without options as it stands."""
    return _option(cell, options, r"\d{1,3}", "number, counted from 1,", lambda name: int(name) - 1)


def text(cell: Any, options: Options) -> Any:
    """The option of these very words. Of a row without options the answer as it stands."""
    if options and plain(cell) not in options:
        raise Refusal(f"its answer {plain(cell)!r:.60} is not among the options {list(options)}")
    return cell


def _option(cell: Any, options: Options, pattern: str, kind: str, position: Callable[[str], int]) -> Any:
    if not options:
        return cell
    name = plain(cell)
    number = position(name) if re.fullmatch(pattern, name, re.ASCII) else -1
    if not 0 <= number < len(options):
        raise Refusal(f"its answer {name!r:.60} is no {kind} of its {len(options)} options")
    return options[number]


def before_dash(cell: Any, options: Options) -> str:
    """What an identifier such as 1572-0 begins with: the group of rows that belong together."""
    return "" if cell is None else str(cell).partition("-")[0]


def with_unit(cell: Any, options: Options) -> str:
    """A question and the unit of its answer, where it has one (MathVista): the answer is to be a bare number."""
    if not isinstance(cell, list) or len(cell) != 2:
        raise Refusal(f"a question and a unit are wanted, not {cell!r:.60}; map two columns")
    question, unit = cell
    return f"{_string(question)} (unit: {_string(unit)})" if unit else _string(question)


def question_before_choices(cell: Any, options: Options) -> str:
    """A question without the `Choices: A:… B:…` that end it; of an empty one (MathVerse's Vision Only) where it is."""
    return _CHOICES.split(_string(cell), maxsplit=1)[0].strip() or IN_THE_PICTURE


def choices(cell: Any, options: Options) -> list[str]:
    """The choices that end a question: `Choices:`, then A:… B:… in lines; none where it ends without.

    Of two texts, the question as asked and the whole of it for the judge (MathVerse), the first counts; where it is
    empty, the choices are in the picture too, and their letters are all that words may say.
    """
    asked, whole = (cell[0], cell[1]) if isinstance(cell, list) and len(cell) == 2 else (cell, None)
    texts = _choices(_string(asked))
    if not texts and not asked.strip() and whole:
        return _letters(len(_choices(_string(whole))))
    return texts


def _choices(text: str) -> list[str]:
    parts = _CHOICES.split(text, maxsplit=1)
    if len(parts) == 1:
        return []
    pieces = _CHOICE.split(parts[1])  # text before A, then letter and text in turn
    letters, texts = pieces[1::2], [" ".join(piece.split()) for piece in pieces[2::2]]
    if len(letters) < 2 or letters != _letters(len(letters)) or pieces[0].strip():
        raise Refusal(f"its choices {parts[1]!r:.80} cannot be told apart")
    return texts


def _letters(number: int) -> list[str]:
    return [chr(ord("A") + index) for index in range(number)]


def nlvr_scene(cell: Any, options: Options) -> str:
    """NLVR's `structured_rep` (lists of objects, one a box, with type, color, size, x_loc, y_loc) in words.

    It says all that the picture shows. Raises `Refusal` for anything else.
    """
    boxes = (" ; ".join(box) or "empty" for box in _nlvr_boxes(cell))
    return " ".join([NLVR_FRAME, *(f"box {number} : {words} ." for number, words in enumerate(boxes, 1))])


def nlvr_counts(cell: Any, options: Options) -> str:
    """What each of NLVR's boxes holds, counted by colour and shape: a step of reasoning in other words than the twin's.

    It looks, and draws no conclusion. Raises `Refusal` for anything but a `structured_rep`.
    """
    sentences = []
    for position, box in zip(_POSITIONS, _nlvr_boxes(cell), strict=True):
        counts = Counter(" ".join(thing.split()[1:3]) for thing in box)
        things = " , ".join(f"{number} {name}" for name, number in sorted(counts.items()))
        sentences.append(f"in {position} : {things or 'nothing'} .")
    return " ".join(sentences)


def _nlvr_boxes(cell: Any) -> list[list[str]]:
    """The objects of each of the three boxes in words: size, colour, shape and where it is."""
    try:
        left, middle, right = ([_nlvr_object(thing) for thing in box] for box in cell)
        return [left, middle, right]
    except (KeyError, TypeError, AttributeError, ValueError):
        raise Refusal(f"its scene {cell!r:.60} is none of NLVR's") from None


def _nlvr_object(thing: dict[str, Any]) -> str:
    size, colour, shape = _SIZES[thing["size"]], _COLOURS[thing["color"].lower()], thing["type"]
    if shape not in _SHAPES or not all(isinstance(thing[axis], int) for axis in ("x_loc", "y_loc")):
        raise KeyError(shape)
    return f"{size} {colour} {shape} at {thing['x_loc']} {thing['y_loc']}"


# how an answer may name one of its options
READINGS: dict[str, Callable[[Any, Options], Any]] = {
    converter.__name__: converter for converter in (text, letter, index, index_from_1)
}
CONVERTERS: dict[str, Callable[[Any, Options], Any]] = READINGS | {
    converter.__name__: converter
    for converter in (
        gsm8k_answer, gsm8k_reasoning, boxed, before_dash, with_unit, question_before_choices, choices,
        nlvr_scene, nlvr_counts,
    )
}  # fmt: skip
