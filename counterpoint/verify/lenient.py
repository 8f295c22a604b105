"""The lenient judge: what the completion means, however it is written, but still no guess.

It looks behind the reasoning for the last `<answer>`, `\\boxed{}` or "the answer is", else at the last line, and sets
aside markdown, mathematical delimiters, units and the label of an option. It never searches for the gold answer inside
a text ("A or B or C" holds every gold), never snaps to the nearest option, and never falls back from an empty or
unreadable final answer to an earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from counterpoint.verify import arithmetic, expression
from counterpoint.verify.verdict import Verdict, unreadable

TAIL = 4000  # characters behind the reasoning, from the end, that are searched

_TAG = re.compile(r"<\s{0,3}(/?)\s{0,3}answer\s{0,3}>", re.IGNORECASE)
_THINKING = re.compile(r"<\s{0,3}(/?)\s{0,3}think\s{0,3}>", re.IGNORECASE)
_STATED = re.compile(r"\banswer\s{0,3}(?:is|:|=|\*{1,2}\s{0,3}(?:is\b|:))", re.IGNORECASE)
_MARKUP_LINE = re.compile(r"[\s$*`_\\\[\]#.-]*")
_WRAPPED = (
    ("**", "**"), ("__", "__"), ("*", "*"), ("`", "`"), ("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"),
    ('"', '"'), ("'", "'"), ("“", "”"), (r"\text{", "}"), (r"\mathrm{", "}"), (r"\textbf{", "}"), (r"\mathbf{", "}"),
)  # fmt: skip
_ASSIGNED = re.compile(r"[A-Za-z]\w{0,3}\s*=\s*(?=[^=])")
_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)\s?(?P<money>[$€£]?)\s?(?:\\[dt]?frac\{(?P<above>\d{1,18})\}\{(?P<below>\d{1,18})\}"
    r"|(?P<whole>\d{1,3}(?:,\d{3})+|\d*)(?P<places>\.\d+|\.?)(?:\s?/\s?(?P<under>\d{1,18}))?)(?P<unit>\D*)",
    re.ASCII,
)
_UNIT_NAMES = {
    "dollar": "$", "dollars": "$", "usd": "$", "euro": "€", "euros": "€", "eur": "€", "pounds sterling": "£",
    "percent": "%", "per cent": "%", "degree": "°", "degrees": "°",
}  # fmt: skip
# Only what is listed is a unit: any other word may deny the number, scale it or count something else. Symbols keep
# their case (M is a million, K a thousand, L a lakh, G a grand); "in" and "pt" are words too.
_SYMBOLS = {
    "m", "g", "s", "h", "l", "mm", "cm", "dm", "km", "mg", "kg", "ml", "mL", "cl", "dl", "ms", "min", "hr", "hrs",
    "Hz", "kHz", "MHz", "Pa", "kPa", "kJ", "kW", "kWh", "°C", "°F", "ft", "yd", "lb", "lbs", "oz", "mph", "km/h",
}  # fmt: skip
_NOUNS = {
    "meter", "metre", "millimeter", "millimetre", "centimeter", "centimetre", "kilometer", "kilometre", "mile",
    "yard", "foot", "gram", "milligram", "kilogram", "tonne", "ounce", "pound", "liter", "litre", "milliliter",
    "millilitre", "gallon", "acre", "hectare", "second", "minute", "hour", "day", "week", "month", "year", "radian",
    "joule", "watt", "newton", "volt", "ampere", "pascal", "byte", "bit", "pixel", "calorie", "cent", "rupee", "unit",
    "apple", "orange", "banana", "egg", "cookie", "cupcake", "candy", "ball", "marble", "toy", "book", "pencil",
    "pen", "sticker", "card", "coin", "ticket", "box", "bag", "bottle", "cup", "piece", "item", "object", "shape",
    "circle", "square", "triangle", "rectangle", "pentagon", "hexagon", "star", "dot", "bar", "line", "cell", "tile",
    "block", "cube", "sphere", "cylinder", "point", "step", "student", "person", "friend", "boy", "girl", "car",
    "flower", "tree", "animal", "dog", "cat", "fish", "bird", "cow", "chicken", "sheep",
}  # fmt: skip
_PLURALS = {"feet", "inch", "inches", "yen", "yuan", "kelvin", "celsius", "fahrenheit", "hertz", "people", "children"}
_UNITS = _NOUNS | _PLURALS | {noun + ("es" if noun.endswith(("x", "ch")) else "s") for noun in _NOUNS}
# "5 second", "5 cube" and "5 point" are an ordinal, a power and half a number: such words count in the plural alone
_UNITS -= {"second", "square", "cube", "point"}
_KINDS = {  # what may stand before a unit or a counted thing
    "square", "cubic", "red", "green", "blue", "yellow", "orange", "purple", "black", "white", "gray", "grey",
    "brown", "pink", "cyan", "magenta", "small", "medium", "large", "big", "dark", "light",
}  # fmt: skip
_LATEX = re.compile(r"[$\\^_]")
_UNSEEN = re.compile(r"\\(?:left|right|quad|displaystyle)(?![A-Za-z])|\\[,;:! ()\[\]]|(?<!\\)\$")
_FONT = re.compile(r"\\(?:text|mathrm|mathbf|mathit)[a-z]{0,2}\s*\{([^{}]*)\}")
_FRACTION_SIZE = re.compile(r"\\[dt]frac(?![A-Za-z])")
_SHORT_FRACTION = re.compile(r"(\\frac)\s*(?:\{(\w+)\}|(\w))\s*(?:\{(\w+)\}|(\w))")
_SHORT_ARGUMENT = re.compile(r"(\\sqrt|[\^_])\s*(?:\{\s*(\w)\s*\}|(\w))")
_IDLE_SPACE = re.compile(r"(?<![^\W_])\s+|\s+(?![^\W_])")  # beside a sign, a command's backslash or an end
_COMMAND_FOR = {"π": r"\pi ", "×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "∞": r"\infty "}
_LABEL = re.compile(
    r"(?:(?:option|choice)\s+)?(?:\(\s?([A-Za-z])\s?\)|([A-Za-z])(?![A-Za-z]))(?:\s?[.):,-])?\s*(.*)",
    re.IGNORECASE,
)


def judge_leniently(completion: str, answer: str, answer_type: str, options: list[str] | None = None) -> Verdict:
    """Judge one completion generously against the gold answer; the arguments are those of the strict `judge`.

    Units count only where the gold answer has one and the completion another. Never raises on any completion (but
    `UserError` where an `expression` needs math-verify and it cannot be started).
    """
    extracted, reason = _final(completion)
    if extracted is None:
        return Verdict(False, False, None, reason)
    correct = _agrees(extracted, answer, answer_type, options or [])
    return Verdict(correct, True, extracted, f"{reason}: {'equal' if correct else 'another answer'}")


def _final(completion: str) -> tuple[str | None, str]:
    """The final answer and where it stood, or None and why there is none."""
    text, thinking = completion[-TAIL:], False
    if marks := list(_THINKING.finditer(text)):
        thinking = not marks[-1][1]
        text = text[marks[-1].end() :]
    elif len(completion) > TAIL:
        thinking = completion.rfind("<think>") > completion.rfind("</think>")
    tags = list(_TAG.finditer(text))
    opened = next((at for at in reversed(range(len(tags))) if not tags[at][1]), None)
    after = text[tags[-1].end() :] if tags else text
    answer, where = _stated(_last_line(after)) if not thinking else (None, "")
    if answer is None and opened is not None:
        if opened + 1 == len(tags):
            return None, "the answer does not end"
        inside = text[tags[opened].end() : tags[opened + 1].start()]
        answer, where = _stated(_last_line(inside))
        if answer is None:
            answer, where = inside, "in answer tags"
    if answer is None and thinking:
        return None, "the reasoning does not end"
    if answer is None:
        answer, where = _last_line(_TAG.sub("\n", text)), "the last line"
    answer = _bare(answer)
    if reason := unreadable(answer):
        return None, reason
    return answer, where


def _last_line(text: str) -> str:
    """The last line that holds more than markup."""
    lines = (line for line in reversed(text.splitlines()) if not _MARKUP_LINE.fullmatch(line))
    return next(lines, "").strip()


def _stated(line: str) -> tuple[str | None, str]:
    """What the line boxes or declares to be the answer, whichever comes last."""
    boxed, statements = line.rfind(r"\boxed{"), [*_STATED.finditer(line)]
    stated = statements[-1] if statements else None
    if boxed >= 0 and (stated is None or boxed > stated.start()):
        depth, start = 1, boxed + len(r"\boxed{")
        for at in range(start, len(line)):
            depth += (line[at] == "{") - (line[at] == "}")
            if not depth:
                return line[start:at], "boxed"
        return "", "boxed"  # cut off: no other text is the answer
    return (line[stated.end() :].lstrip(" :*_"), "stated") if stated else (None, "")


def _bare(text: str) -> str:
    """Without surrounding space, markup, delimiters and a final full stop."""
    text = " ".join(text.split()).replace("\u2212", "-").replace(r"\%", "%").replace(r"\$", "$")
    for _ in range(6):
        before = text
        text = text.strip().strip("#").strip()
        text = text[:-1].rstrip() if text.endswith(".") and not text.endswith("..") else text
        for left, right in _WRAPPED:
            inner = text[len(left) : -len(right)]
            if text.startswith(left) and text.endswith(right) and inner and left not in inner and right not in inner:
                text = inner
        text = text[:-2] if text.endswith("**") and text.count("**") == 1 else text
        if text == before:
            break
    return text


def _quantity(text: str) -> tuple[Fraction, str] | None:
    """Value and unit of a number, fraction or amount; None for anything else. A word of scale is no unit."""
    match = _QUANTITY.fullmatch(text)
    if not match:
        return None
    if match["above"]:
        above, below = Fraction(int(match["above"])), int(match["below"])
    else:
        digits = match["whole"].replace(",", "") + match["places"].rstrip(".")
        if not digits.strip("."):
            return None
        above, below = Fraction(digits), int(match["under"] or 1)
    unit = _unit(match["unit"])
    if not below or unit is None or (unit and match["money"]):
        return None
    return (-above if match["sign"] == "-" else above) / below, match["money"] or unit


def _unit(text: str) -> str | None:
    """The unit that follows a number, empty for none; None when it is none."""
    if not text.strip():
        return ""
    symbol = _bare(text)
    name = symbol.casefold()
    if symbol in ("%", "°", "$", "€", "£"):
        return symbol
    glued = not text[0].isspace()
    if symbol in _SYMBOLS:
        return None if glued and symbol == "m" else symbol  # 5 m is a length, 5m may be millions
    if glued:
        return None
    *kind, noun = name.split() or [""]
    if name in _UNIT_NAMES or (noun in _UNITS and (not kind or (len(kind) == 1 and kind[0] in _KINDS))):
        return _UNIT_NAMES.get(name, name)
    return None


def _same_quantity(answer: str, gold: str) -> bool:
    ours, wanted = _quantity(answer), _quantity(gold)
    if ours is None or wanted is None:
        return False
    return ours[0] == wanted[0] and (not ours[1] or not wanted[1] or ours[1] == wanted[1])


def _words(text: str) -> str:
    return re.sub(r"^(?:the|an|a) (?=\S{2})", "", text.casefold())


_READINGS = (str, str.casefold, _words)


def _agrees(answer: str, gold: str, answer_type: str, options: list[str]) -> bool:
    latex = any(map(_LATEX.search, (gold, *options)))
    gold = _bare(gold)
    if answer_type == "choice" and options:
        texts = [_bare(option) for option in options]
        readings = (*_READINGS, _compact, _folded) if latex else _READINGS
        return _option(answer, texts if gold in texts else [*texts, gold], readings) == gold
    if answer_type == "expression":
        return arithmetic.reaches(answer, gold, options) if options else _same_expression(answer, gold)
    if answer.casefold() == gold.casefold():
        return True
    if answer_type in ("integer", "number"):
        return _same_quantity(answer if "=" in gold else _value(answer), gold)
    return _words(answer) == _words(gold) or (latex and _compact(answer) == _compact(gold))


def _compact(text: str) -> str:
    """LaTeX without what does not show: spaces beside a sign, delimiters, fonts, sizes of brackets and fractions."""
    for sign, command in _COMMAND_FOR.items():
        text = text.replace(sign, command)
    text = _FRACTION_SIZE.sub(r"\\frac", _FONT.sub(r" \1 ", _UNSEEN.sub(" ", text)))
    text = _SHORT_FRACTION.sub(lambda match: f"{match[1]}{{{match[2] or match[3]}}}{{{match[4] or match[5]}}}", text)
    return _IDLE_SPACE.sub("", _SHORT_ARGUMENT.sub(lambda match: match[1] + (match[2] or match[3]), text))


def _folded(text: str) -> str:
    """The same in small letters but for commands: \\Omega is another letter than \\omega."""
    return re.sub(r"\\?[A-Za-z]+", lambda word: word[0] if word[0][0] == "\\" else word[0].casefold(), _compact(text))


def _value(text: str) -> str:
    """The right side of `x = 5` or `2 + 3 = 5`."""
    before, sign, value = text.rpartition("=")
    return _bare(value) if sign and not before.endswith(("!", "<", ">", "~", "≠")) else text


def _option(answer: str, options: list[str], readings: Sequence[Callable[[str], str]]) -> str | None:
    """The option that is named: by its text, by its label, by both if they agree, or by an equal amount."""
    if named := _by_text(answer, options, readings):
        return named.pop() if len(named) == 1 else None
    label = _LABEL.fullmatch(answer)
    if label and (label[1] or label[2]).isascii():
        letter, text = label[1] or label[2], _bare(label[3])
        position = ord(letter.lower()) - ord("a")
        option = options[position] if position < len(options) else None
        if not label[3]:
            lettered = [option for option in options if option.casefold() == letter.casefold()]
            return option if not lettered or lettered == [option] else None
        named = _by_text(text, options, readings)
        if named == {option} or (not named and option is not None and _same_quantity(text, option)):
            return option
    amounts = {option for option in options if _same_quantity(_value(answer), option)}
    return amounts.pop() if len(amounts) == 1 else None


def _by_text(answer: str, options: list[str], readings: Sequence[Callable[[str], str]]) -> set[str]:
    """The options of this text; case, an article and the like count only where they must tell options apart."""
    named = ({option for option in options if read(option) == read(answer)} for read in readings)
    return next(filter(None, named), set())


def _same_expression(answer: str, gold: str) -> bool:
    if "=" not in gold and (assigned := _ASSIGNED.match(answer)):
        answer = answer[assigned.end() :]
    letters = {c for c in gold if c.isalpha()}
    mixed = any(c.swapcase() in letters for c in letters)
    # commands are letters of their own: \Omega and \omega
    mixed = mixed or re.findall(r"\\[A-Za-z]+", answer) != re.findall(r"\\[A-Za-z]+", gold)
    if answer == gold or (not mixed and answer.casefold() == gold.casefold()) or _same_quantity(answer, gold):
        return True
    return expression.equal(answer, gold)[0]
