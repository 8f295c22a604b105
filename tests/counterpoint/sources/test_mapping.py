import pytest

from counterpoint.sources import mapping
from counterpoint.sources.parsing import Refusal

ROW = {
    "q": " <image1>\nWhich  one ?", "a": 3, "one": "x", "two": "y", "none": None, "true": True, "pair": [1, 2],
    "same": ["4", 4.0], "empty": "", "level": "Easy", "no": [],
    "meta": {"split": "test", "deep": {"er": "z"}}, "a.b": "dotted", "list": '["1", "2"]',
}  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("a", "3"),
        (["one", "none", "two"], "x y"),
        ("true", "true"),
        ("same", "4"),
        ("meta.split", "test"),
        ("meta.deep.er", "z"),
        ("a.b", "dotted"),
        ({"value": 7.0}, "7"),
        ({"template": "{one}/{meta.split}-{none}.png"}, "x/test-.png"),
        ({"column": "a"}, "3"),
        ({"template": "{two}-{a}", "with": "before_dash"}, "y"),
        ({"first": ["gone", "none", "empty", "no", "two", "one"]}, "y"),
        ({"first": ["gone", "meta.deep.er"]}, "z"),
        ({"first": ["none", "empty"]}, ""),
        ({"first": ["gone", "lost"], "optional": True}, ""),
        ({"column": "gone", "optional": True}, ""),
        ({"column": "one", "optional": True}, "x"),
        ({"column": ["gone", "one"], "optional": True}, "x"),
        ({"template": "{one}/{gone}", "optional": True}, ""),
        ({"template": "{one}/{none}", "optional": True}, ""),
        ({"column": "none", "with": "boxed", "optional": True}, ""),
        ({"column": "none", "map": {"Easy": 1}, "optional": True}, ""),
        ({"column": "level", "map": {"Easy": 1, "Hard": 2}}, "1"),
        ({"column": "a", "map": {"3": "three"}}, "three"),
        ({"column": "true", "map": {"true": "yes"}}, "yes"),
        ({"column": "none", "map": {"": "unknown"}}, "unknown"),
        ({"template": "{two}-{a}", "with": "before_dash", "map": {"y": "why"}}, "why"),
        ({"column": "level", "map": {"Easy": None}}, ""),
    ],
)
def test_a_field_is_read_as_it_is_mapped(spec, wanted):
    assert mapping.text(ROW, spec) == wanted


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("b", "no column 'b'"),
        ("meta.split.x", "no column"),
        ("meta", "no text or number"),
        ("pair", "one value is wanted"),
        ({"template": "{b}"}, "no column 'b'"),
        ({"first": ["b", "c"]}, "no column 'b' nor 'c'"),
        ({"first": ["One"]}, "did you mean 'one'"),
        ({"column": "level", "map": {"easy": 1}}, "'Easy' of 'level' is not in its map; did you mean 'easy'"),
        ({"column": "none", "map": {"easy": 1}}, "'' of 'none' is not in its map"),
        ({"column": "one", "with": ["boxed", "gsm8k_answer"]}, r"it has no \\boxed.*; its answer has no `#### N`"),
        ({"column": "gone", "with": "boxed"}, "no column 'gone'"),
    ],
)
def test_what_cannot_be_read_is_refused(spec, reason):
    with pytest.raises(Refusal, match=reason):
        mapping.text(ROW, spec)


def test_prose_has_no_picture_tags_and_lists_are_opened():
    assert mapping.prose(ROW, "q") == "Which one ?"
    assert mapping.flat(ROW, ["pair", "none", "a"]) == [1, 2, 3]
    assert mapping.options(ROW, "list") == ("1", "2") and mapping.options(ROW, "none") is None
    with pytest.raises(Refusal, match="are pictures"):
        mapping.options({"o": ["<image2>", "<image3>"]}, "o")


def test_the_first_converter_that_can_read_a_cell_counts():
    spec = {"column": "a", "with": ["letter", "index_from_1", "text"]}
    assert [mapping.text({"a": a}, spec, ("4", "B", "9")) for a in ("B", 3, "9")] == ["B", "9", "9"]
    assert mapping.text({"a": "B"}, spec, ("left", "right")) == "right"
    with pytest.raises(Refusal, match=r"no letter .*; .*no number, counted from 1.*; .*not among the options"):
        mapping.text({"a": "up"}, spec, ("left", "right"))


def test_options_and_lists_may_be_optional_and_have_alternatives():
    spec = {"first": ["options", "Options"], "optional": True}
    rows = ({"options": ["1"]}, {"Options": [2]}, {"options": [], "Options": [3]}, {"options": None}, {})
    assert [mapping.options(row, spec) for row in rows] == [("1",), ("2",), ("3",), None, None]
    assert mapping.flat({}, {"column": "images", "optional": True}) == []


def test_the_columns_that_a_field_is_made_of():
    specs = ("a", ["a", "b"], {"first": ["a", "b"]}, {"template": "{a}-{b.c}"}, {"value": 1}, {"column": "a"})
    assert [mapping.columns(spec) for spec in specs] == [["a"], ["a", "b"], ["a", "b"], ["a", "b.c"], [], ["a"]]


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({}, "must have one of column, first, template, value"),
        ({"column": "a", "value": 1}, "must have one of"),
        ({"value": 1, "with": "letter"}, "`with` may not stand beside value"),
        ({"value": 1, "optional": True}, "`optional` may not stand beside value"),
        ({"first": "a"}, "first must be a list of columns, not 'a'"),
        ({"first": []}, "first must name a column"),
        ({"first": ["a", 3]}, "first must name a column"),
        ({"column": "a", "with": []}, "with is []"),
        ({"column": "a", "with": ["text", "index_form_1"]}, "with is 'index_form_1'; did you mean 'index_from_1'"),
        ({"column": "a", "with": {"letter": 1}}, "with is {'letter': 1}"),
        ({"column": "a", "with": "index"}, "with is 'index', which names an option, but source.fields.options is miss"),
        ({"column": "a", "map": {}}, "map must say what each word stands for"),
        ({"column": "a", "map": ["Easy"]}, "map must say what each word stands for"),
        ({"column": "a", "map": {"Easy": [1]}}, "map must say what each word stands for"),
        ({"column": "a", "optional": "yes"}, "optional must be true or false, not 'yes'"),
        ({"column": "a", "opt": True}, "unknown key 'opt'; did you mean 'optional'"),
        (None, "must name a column or several, not None"),
        ({"colunm": "a"}, "did you mean 'column'"),
        ({"column": []}, "must name a column"),
        ({"template": "no place"}, "with a {column} in it"),
        ({"column": "a", "with": "leter"}, "did you mean 'letter'"),
        (3, "must name a column"),
    ],
)
def test_a_wrong_way_of_mapping_is_the_users_error(spec, named):
    mistake = next(mapping.mistakes({"question": "q", "answer": spec}))
    assert mistake.startswith("source.fields.answer") and named in mistake


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"question": "q", "anwser": "a"}, "unknown key here.anwser; did you mean 'answer'?"),
        ({"question": "q"}, "here.answer is missing; say which column holds the answer"),
        ({"question": [], "answer": "a"}, "here.question must name a column or several, not []"),
    ],
)
def test_a_wrong_set_of_fields_is_named_by_its_key(fields, named):
    assert next(mapping.mistakes(fields, "here")) == named


def test_a_right_mapping_has_no_mistakes():
    answer = {"column": "a", "with": ["letter", "index_from_1"]}
    assert not list(mapping.mistakes({"question": "q", "answer": answer, "options": {"first": ["o", "O"]}}))
