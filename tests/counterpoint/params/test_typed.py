"""Types as YAML gives values: exact, told in one line of ours, the first mistake of the file first."""

import dataclasses
import datetime
import math
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from counterpoint.errors import UserError
from counterpoint.params.typed import EXACT, build


@dataclasses.dataclass(frozen=True)
class Plain:
    """As a new method's options may be: a dataclass without a word of pydantic's."""

    share: float
    steps: int = 3
    way: Literal["short", "long"] = "short"
    either: int | str = 1


@dataclass(frozen=True, config=EXACT)
class Whole:
    rank: Annotated[int, Field(ge=1)]
    rate: Annotated[float, Field(gt=0, le=1)]
    fast: bool
    name: str | None
    part: Plain | None
    named: dict[str, Annotated[int, Field(ge=0, lt=9)]]
    listed: list[Literal["a", "bee"]]
    free: dict[str, Any]


GOOD = {
    "rank": 1, "rate": 1, "fast": True, "name": None, "part": {"share": 2}, "named": {200: 1, "2k": 2},
    "listed": ["a"], "free": {"a": [1, 2.5, None, {"b": "c"}]},
}  # fmt: skip


def refused(kind, value, *rest) -> str:
    with pytest.raises(UserError) as caught:
        build(kind, value, *rest)
    said = str(caught.value)
    assert "\n" not in said and "pydantic" not in said.lower() and "http" not in said and "Input" not in said
    return said


def test_a_value_is_of_the_type_that_is_said():
    made = build(Whole, GOOD, "")
    assert made.part == Plain(2.0) and type(made.part) is Plain and type(made.part.share) is type(made.rate) is float
    assert list(made.named.items()) == [("200", 1), ("2k", 2)] and made.free == GOOD["free"]
    assert dataclasses.asdict(made)["part"] == vars(Plain(2.0)) and list(vars(made)) == list(GOOD)
    assert dataclasses.replace(made, part=None).part is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rnk": 1}, "F: unknown key at.rnk; did you mean 'rank'?"),
        ({3: 1}, "F: unknown key at.3; known are 'rank', 'rate',"),
        ({"rank": ...}, "F: at.rank is missing; studies/default.yaml has it or shows entries like it"),
        ({"rank": "1"}, "F: at.rank must be of type int, not '1' (str)"),
        ({"rank": 1.0}, "F: at.rank must be of type int, not 1.0 (float)"),
        ({"rank": True}, "F: at.rank must be of type int, not True (bool)"),
        ({"rank": None}, "F: at.rank must be of type int, not None (NoneType)"),
        ({"rank": [1]}, "F: at.rank must be of type int, not [1] (list)"),
        ({"rank": 0}, "F: at.rank must be at least 1, not 0"),
        ({"rate": True}, "F: at.rate must be of type float, not True (bool)"),
        ({"rate": "1e-5"}, "F: at.rate must be of type float, not '1e-5' (str)"),
        ({"rate": math.nan}, "F: at.rate must be a finite number, not nan"),
        ({"rate": -math.inf}, "F: at.rate must be a finite number, not -inf"),
        ({"rate": 10**400}, "F: at.rate must be a finite number, not 1000"),
        ({"rate": 0}, "F: at.rate must be above 0 and at most 1, not 0.0"),
        ({"rate": 2}, "F: at.rate must be above 0 and at most 1, not 2.0"),
        ({"fast": 1}, "F: at.fast must be of type bool, not 1 (int)"),
        ({"fast": "yes"}, "F: at.fast must be of type bool, not 'yes' (str)"),
        ({"name": 3}, "F: at.name must be of type str, not 3 (int)"),
        ({"name": datetime.date(2020, 1, 2)}, "F: at.name must be of type str, not datetime.date(2020, 1, 2) (date)"),
        ({"name": b"x"}, "F: at.name must be of type str, not b'x' (bytes)"),
        ({"name": "\ud800"}, "F: at has a word with half a character"),
        ({"part": 3}, "F: at.part must be a mapping, not 3"),
        ({"part": ["share"]}, "F: at.part must be a mapping, not ['share']"),
        ({"part": {}}, "F: at.part.share is missing"),
        ({"part": {"share": 1, "stebs": 1}}, "F: unknown key at.part.stebs; did you mean 'steps'?"),
        ({"part": {"share": "1"}}, "F: at.part.share must be of type float, not '1' (str)"),
        ({"part": {"share": math.inf}}, "F: at.part.share must be a finite number, not inf"),
        ({"part": {"share": 1, "way": "lang"}}, "F: at.part.way is 'lang'; did you mean 'long'?"),
        ({"part": {"share": 1, "way": None}}, "F: at.part.way must be of type str, not None (NoneType)"),
        ({"part": {"share": 1, "either": 1.5}}, "F: at.part.either"),
        ({"named": [1]}, "F: at.named must be a mapping, not [1]"),
        ({"named": {200: -1}}, "F: at.named.200 must be at least 0 and below 9, not -1"),
        ({"named": {"2k": 9}}, "F: at.named.2k must be at least 0 and below 9, not 9"),
        ({"named": {"a.b": "x"}}, "F: at.named.a.b must be of type int, not 'x' (str)"),
        ({"listed": "a"}, "F: at.listed must be a list, not 'a'"),
        ({"listed": {"a": 1}}, "F: at.listed must be a list, not {'a': 1}"),
        ({"listed": ["a", "be"]}, "F: at.listed: unknown name 'be'; did you mean 'bee'?"),
        ({"listed": ["a", 3]}, "F: at.listed[1] must be of type str, not 3 (int)"),
        ({"free": []}, "F: at.free must be a mapping, not []"),
    ],
)
def test_a_mistake_is_one_line_of_ours(change, said):
    data = {key: value for key, value in {**GOOD, **change}.items() if value is not ...}
    assert refused(Whole, data, "at", "F").startswith(said)


def test_the_first_mistake_of_the_file_is_told_and_what_is_missing_after_what_is_there():
    data = {**dict(reversed(GOOD.items())), "rank": 0, "rate": 0}
    assert "rate must be" in refused(Whole, data, "")  # it stands before rank in this file
    data = {"named": {"a": 1, 5: -1, "b": -2}, "lissted": []}
    assert "named.5" in refused(Whole, data, "")
    assert "unknown key lissted; did you mean 'listed'?" in refused(Whole, {"lissted": []}, "")


@pytest.mark.parametrize("value", [math.inf, math.nan, 10**400, "1", True, None, datetime.date(2020, 1, 2)], ids=str)
def test_a_plain_dataclass_is_read_as_exactly_as_the_sections(value):
    assert "a.share must be" in refused(Plain, {"share": value}, "a")
    assert "unknown key a.shore; did you mean 'share'?" in refused(Plain, {"share": 1, "shore": 1}, "a")


def test_a_whole_file_that_is_no_mapping():
    assert refused(Whole, [1], "") == "params.yaml: the file must be a mapping, not [1]"
