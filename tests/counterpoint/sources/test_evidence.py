"""What rows show only together: wrong readings of answers, columns that none has, families."""

import json
import logging

import pytest

from counterpoint.errors import UserError
from counterpoint.sources import folder

FIELDS = {"question": "q", "options": "o"}


@pytest.fixture
def read(tmp_path, source):
    """Read rows of some families, each (answer, options), by an answer's converters; the answers and the rejects."""

    def run(converters=None, column: dict | None = None, **families) -> tuple[list[str], list[dict]]:
        for file in tmp_path.glob("*.jsonl"):
            file.unlink()
        for family, rows in families.items():
            lines = [json.dumps({"q": f"{family} {n} ?", "a": a, "o": o}) for n, (a, o) in enumerate(rows)]
            (tmp_path / f"{family}.jsonl").write_text("\n".join(lines) + "\n")
        answer = {**(column or {"column": "a"}), **({"with": converters} if converters else {})}
        problems, rejects = folder.read(source(fields={**FIELDS, "answer": answer}))
        return [p.answer for p in problems], rejects

    return run


WORDS = ["red", "green", "blue", "black"]
FROM_1 = [(1, WORDS), ("2", WORDS), (4.0, WORDS), (3, WORDS)]
FROM_0 = [(0, WORDS), ("1", WORDS), (3, WORDS)]
NUMBERS = ["3", "2", "4", "1"]


def test_positions_are_read_from_where_they_count(read):
    assert read("index_from_1", game=FROM_1) == (["red", "green", "black", "blue"], [])
    assert read("index", game=FROM_0) == (["red", "green", "black"], [])


@pytest.mark.parametrize(
    ("wrong", "right", "rows"), [("index", "index_from_1", FROM_1), ("index_from_1", "index", FROM_0)]
)
def test_positions_that_count_from_elsewhere_are_refused_with_rows_and_remedy(read, wrong, right, rows):
    with pytest.raises(UserError) as error:
        read(wrong, game=rows)
    message = str(error.value)
    assert message.startswith("params.yaml: source.fields.answer of 'mine': of ") and "\n" not in message
    assert "answers of family 'game' these readings fit: text 0, letter (A is the first) 0, index" in message
    assert "game.jsonl, line 2" in message and f"; with: {wrong} is set; set {right}, or mend the rows" in message


def test_one_row_that_fits_no_way_does_not_hide_that_the_others_are_read_wrongly(read):
    with pytest.raises(UserError, match="index_from_1 \\(1 is the first\\) 4; they differ in 3"):
        read("index", game=[*FROM_1, (99, WORDS)])
    answers, rejects = read("index_from_1", game=[*FROM_1, (99, WORDS)])
    assert len(answers) == 4 and "its answer '99' is no number, counted from 1, of its 4" in rejects[0]["reason"]


def test_a_family_that_counts_otherwise_is_not_outvoted_by_the_rest(read):
    with pytest.raises(UserError, match=r"family 'few'.*set index"):
        read("index_from_1", many=FROM_1 * 20, few=FROM_0)
    with pytest.raises(UserError, match=r"family 'a'.*; families in doubt: 2$"):
        read("index", a=FROM_1, b=FROM_1, c=FROM_0)


def test_among_several_converters_the_wrong_start_is_found_too(read):
    letters = [("A", WORDS), ("D", WORDS)]
    with pytest.raises(UserError, match="with: letter, index is set; set index_from_1"):
        read(["letter", "index"], game=[*FROM_1, *letters])
    answers, rejects = read(["letter", "index_from_1"], game=[*FROM_1, *letters])
    assert answers == ["red", "green", "black", "blue", "red", "black"] and rejects == []


@pytest.mark.parametrize("converters", [["index_from_1", "text"], ["text", "index_from_1"]])
def test_a_family_is_read_in_one_way_though_several_are_set(read, converters):
    words = [("red", WORDS), ("blue", WORDS)]
    assert read(converters, words=words, game=FROM_1)[0] == ["red", "green", "black", "blue", "red", "blue"]
    texts = [("12", ["12", "2"]), ("2", ["2", "12"]), ("1", ["7", "1"])]
    if converters[0] == "text":
        assert read(converters, words=words, texts=texts)[0] == ["12", "2", "1", "red", "blue"]
        with pytest.raises(UserError, match="with: text, index_from_1 is set; set index_from_1"):
            read(converters, game=[*FROM_1, ("2", ["2", "3"])])
    else:
        with pytest.raises(UserError, match="with: index_from_1, text is set; set text"):
            read(converters, words=words, texts=texts)


def test_where_no_row_tells_the_start_what_is_set_is_taken_and_said(read, caplog):
    middle = [(1, WORDS), (2, WORDS)]
    with caplog.at_level(logging.WARNING):
        assert read("index", game=middle)[0] == ["green", "blue"]
    assert "from 0 or from 1: index is taken as set" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        read("index", game=FROM_0)
    assert not caplog.records


@pytest.mark.parametrize("options", [NUMBERS, ["B", "A", "D", "C"]])
def test_an_answer_that_may_be_a_text_or_a_position_is_refused_unless_it_is_said(read, options):
    rows = [(option, options) for option in options if option not in ("4", "D")]
    with pytest.raises(
        UserError, match=r"text 3, .*they differ in \d, such as game\.jsonl, line 1 \('.' of \['"
    ) as error:
        read(game=rows)
    fitting = "text or index or index_from_1" if options == NUMBERS else "text or letter"
    assert str(error.value).endswith(f"; say beside its column which is right, with: {fitting}")
    assert read("text", game=rows)[0] == [answer for answer, _ in rows]


def test_plain_answers_that_are_positions_are_refused_though_some_are_options_too(read):
    rows = [("1", ["3", "1", "7"]), ("2", ["5", "2", "8"]), ("3", ["9", "6", "4"]), ("3", ["1", "2", "3"])]
    with pytest.raises(
        UserError, match=r"text 3, .* index_from_1 \(1 is the first\) 4; they differ in 1.*: index_from_1"
    ):
        read(game=rows)
    assert read("index_from_1", game=rows) == (["3", "2", "4", "3"], [])


def test_plain_answers_that_only_texts_explain_are_taken(read):
    assert read(game=[("9", ["4", "9"]), ("2", ["2", "1"]), ("red", WORDS)])[0] == ["9", "2", "red"]


def test_a_small_family_is_decided_by_the_answers_of_the_others(read):
    small = [("1", ["3", "1", "2"]), ("2", ["3", "1", "2"]), ("3", ["3", "1", "2"])]
    with pytest.raises(UserError, match="family 'small'"):
        read(small=small)
    assert len(read(small=small, words=[("red", WORDS)])[0]) == 4
    assert len(read(small=small, large=[("12", ["12", "5", "7"]), ("0", ["0", "8", "9"])])[0]) == 5


def test_answers_that_are_texts_are_not_read_as_positions(read):
    rows = [("12", ["12", "0"]), ("1", ["2", "1", "0"]), ("0", ["1", "0"])]
    with pytest.raises(UserError, match="with: index is set; set text"):
        read("index", game=rows)


def test_mapped_and_made_answers_are_as_they_are_stated(read):
    column = {"column": "a", "map": {"1": "2", "2": "1"}}
    assert read(column=column, game=[("1", ["2", "1"]), ("2", ["2", "1"])])[0] == ["2", "1"]
    assert read(column={"template": "{a}"}, game=[("1", ["2", "1"])])[0] == ["1"]


def test_rows_without_an_optional_column_are_taken(rows, source):
    fields = {"question": "q", "answer": "a", "options": {"first": ["o", "O"], "optional": True}}
    rows("r.jsonl", b'{"q": "1 ?", "a": 7}', b'{"q": "2 ?", "a": "x", "O": ["x", "y"]}', {"a": "blue"})
    problems, rejects = folder.read(source(fields=fields))
    assert rejects == [] and [(p.answer, p.answer_type) for p in problems] == [
        ("7", "integer"), ("x", "choice"), ("blue", "choice")
    ]  # fmt: skip
    _, rejects = folder.read(source(fields={**fields, "options": "o"}))
    assert [r["line"] for r in rejects] == [1, 2]
    remedy = "where rows may lack it, set optional: true beside the column of options"
    assert all(r["reason"].startswith("no column 'o'") and r["reason"].endswith(remedy) for r in rejects)


def test_every_field_may_be_optional_and_is_then_as_if_it_were_not_mapped(rows, source):
    names = ("id", "answer_type", "options", "images", "reasoning", "text_twin", "difficulty", "state")
    rows("r.jsonl", b'{"q": "1 ?", "a": 7}', json.dumps({"q": "2 ?", "a": 7, **dict.fromkeys(names)}).encode())
    bare = {"question": "q", "answer": "a"}
    optional = {name: {"column": name, "optional": True} for name in names}
    assert folder.read(source(fields={**bare, **optional})) == folder.read(source(fields=bare))


@pytest.mark.parametrize("column", [{"column": "opts"}, {"first": ["o", "opts"]}, {"template": "{o}{opts}"}])
def test_an_optional_column_that_no_row_has_is_a_mistake(rows, source, column):
    rows("r.jsonl", {})
    with pytest.raises(
        UserError, match=r"source\.fields\.reasoning is optional, but no row of 'mine' has a column 'opts'"
    ):
        folder.read(source(fields={"question": "q", "answer": "a", "reasoning": {**column, "optional": True}}))


@pytest.mark.parametrize(
    ("family", "wanted"),
    [
        ("g", ["maze", "maze", "tents"]),
        ({"template": "{g}-{l}"}, ["maze-1", "maze-2", "tents-1"]),
        ({"first": ["h", "g"]}, ["hue", "maze", "tents"]),
        ({"column": "d", "with": "before_dash"}, ["a", "b", "a"]),
        ({"column": "g", "map": {"maze": "walls", "tents": "camp"}}, ["walls", "walls", "camp"]),
        ({"value": "games"}, ["games"] * 3),
        ("folder", ["top"] * 3),
        ("file", ["r"] * 3),
    ],
)
def test_a_family_is_read_as_a_field_is_and_may_be_held_out(rows, source, family, wanted):
    given = [
        {"g": "maze", "l": 1, "d": "a-1", "h": "hue"},
        {"g": "maze", "l": 2, "d": "b-1"},
        {"g": "tents", "l": 1, "d": "a-2"},
    ]
    rows("top/deep/r.jsonl", *given)
    problems, rejects = folder.read(source(family=family, held_out_families=wanted[-1:]))
    assert rejects == [] and [p.family for p in problems] == wanted


@pytest.mark.parametrize("name", ["x" * 81, "two\nlines", "all", "", "\u202eevil"])
def test_a_family_that_cannot_be_called_so_is_refused(rows, source, name):
    rows("r.jsonl", {"g": name}, {"g": "Algebra & Counting, 2/3 (é)"})
    problems, rejects = folder.read(source(family="g"))
    assert len(problems) == 1 and len(rejects) == 1 and "its family" in rejects[0]["reason"]


def test_a_file_in_no_folder_has_no_family_of_that_kind(rows, source):
    rows("r.jsonl", {})
    assert "its file lies in none" in folder.read(source(family="folder"))[1][0]["reason"]


def test_a_column_that_tells_rows_apart_is_no_family(tmp_path, source):
    lines = "\n".join(json.dumps({"q": f"{n} ?", "a": n, "g": f"id-{n}"}) for n in range(501))
    (tmp_path / "r.jsonl").write_text(lines + "\n")
    fields = {"question": "q", "answer": "a"}
    with pytest.raises(
        UserError, match=r"source\.family gives 501 families, such as 'id-0', and at most 500 are taken"
    ):
        folder.read(source(fields=fields, family="g"))
    assert len(folder.read(source(fields=fields, family={"column": "g", "with": "before_dash"}))[0]) == 501


@pytest.mark.parametrize(("level", "remedy"), [("Easy", "map: {'Easy': 1}"), (None, "optional: true")])
def test_a_difficulty_in_words_is_refused_by_field_and_value_with_the_remedy(rows, source, level, remedy):
    rows("r.jsonl", {"level": level})
    fields = {"question": "q", "answer": "a", "options": "o", "difficulty": "level"}
    reason = folder.read(source(fields=fields))[1][0]["reason"]
    assert reason.startswith(f"its difficulty {level or ''!r} is no whole number")
    assert reason.endswith(f"write difficulty: {{column: level, {remedy}}} in source.fields")
    mapped = {**fields, "difficulty": {"column": "level", "map": {"Easy": 3}, "optional": True}}
    assert [p.difficulty for p in folder.read(source(fields=mapped))[0]] == [3 if level else 1]
