"""Files that are not what they seem: each row is read, or refused by itself, or the file stops the study."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint.errors import UserError
from counterpoint.sources import folder, parsing

FIELDS = {"question": "q", "answer": "a"}
HALF = b'"a \\ud800"'  # a lone surrogate, which no UTF-8 can hold


@pytest.fixture
def imported(source, tmp_path):
    """Import one file of these bytes: [(question, answer)], {line: reason}."""

    def read(name, data, **fields):
        (tmp_path / name).write_bytes(data)
        problems, rejects = folder.read(source(pattern=name, fields={**FIELDS, **fields}))
        return [(p.question, p.answer) for p in problems], {r["line"]: r["reason"] for r in rejects}

    return read


@pytest.mark.parametrize("column", ["q", "a", "n", "s", "o", "t", "e", "i", "f"])
def test_half_a_character_is_one_reject_in_every_field(source, tmp_path, column):
    good = {"q": "2 ?", "a": "5", "n": "1", "s": "1", "o": ["5", "6"], "t": "two", "e": "so", "i": None, "f": "x"}
    half = {**good, "n": "2", column: ["5", "HALF"] if column == "o" else "HALF"}
    lines = json.dumps(good).encode() + b"\n" + json.dumps(half).encode().replace(b'"HALF"', HALF)
    (tmp_path / "rows.jsonl").write_bytes(lines)
    fields = {"id": "n", "state": "s", "options": "o", "text_twin": "t", "reasoning": "e", "images": "i"}
    problems, rejects = folder.read(source(fields={**FIELDS, **fields}, family="f"))
    assert [p.problem_id for p in problems] == ["1"] and [r["line"] for r in rejects] == [2]
    assert ("cannot be read" if column == "i" else "lone surrogate") in rejects[0]["reason"]
    pa.table({"reason": [rejects[0]["reason"]]})  # the reason itself can be written


def test_a_reason_that_names_a_column_of_half_a_character_can_be_written(imported):
    _, rejects = imported("rows.jsonl", b"{" + HALF + b": 1}")
    assert rejects[1].startswith("no column 'q'") and rejects[1].encode()


def test_csv_cells_keep_the_ends_of_line_that_are_none(imported):
    odd = "one\u2028two\x0bthree\x0cfour\x1cfive\x85six\nseven ?"
    text = f'q,a\n"{odd}",1\nplain{odd[:-8]}?,2\n'
    problems, rejects = imported("t.csv", text.encode())
    assert rejects == {} and [answer for _, answer in problems] == ["1", "2"]
    assert problems[0][0] == "one two three four five six seven ?"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_end_of_line_and_a_byte_order_mark(imported, end, mark):
    wanted = [("1 ?", "x"), ("2 ?", "y")]
    assert imported("t.csv", mark + end.join(["q,a", "1 ?,x", "2 ?,y", ""]).encode()) == (wanted, {})
    lines = end.join(json.dumps({"q": q, "a": a}) for q, a in wanted)
    assert imported("t.jsonl", mark + lines.encode()) == (wanted, {})


def test_a_long_cell_is_a_cell(imported):
    long = "word " * 28_000
    problems, rejects = imported("t.csv", f'q,a\n1 ?,x\n"{long}?",y\n3 ?,z\n'.encode())
    assert [a for _, a in problems] == ["x", "y", "z"] and len(problems[1][0]) == len(long) + 1 and rejects == {}


def test_a_column_without_a_name_is_no_surplus_cell(imported):
    problems, rejects = imported("t.csv", b",q,a\n0,1 ?,x\n1,2 ?\n2,3 ?,z,9\n")  # as pandas writes its index
    assert problems == [("1 ?", "x")] and rejects == dict.fromkeys((3, 4), "not as many cells as the header")


CUT = b'{"q": "1 ?", "a": "x"}'


@pytest.mark.parametrize(
    ("name", "data", "named"),
    [
        ("t.csv", b"q,a,q\n1 ?,x,2 ?\n", "names the column 'q' 2 times"),
        ("t.csv", b'q,a\n1 ?,x\n2 ?,"y\n3 ?,z\n', "broken CSV after line 2: unexpected end of data"),
        ("t.csv", b'q,a\n1 ?,x\n2 ?,"y" z\n3 ?,z\n', "broken CSV after line 2"),
        ("t.csv", b"q,a\n1 ?,x\n2\xff ?,y\n", "not UTF-8: invalid start byte at byte 11"),
        ("t.csv", "q,a\n1 ?,x\n".encode("utf-16"), "UTF-16"),
        ("t.jsonl", CUT.decode().encode("utf-16"), "UTF-16"),
        ("t.csv", b"q,a\n1 ?,x\n2 ?", "it breaks off in line 3"),
        ("t.jsonl", CUT + b"\n" + CUT[:9], "it breaks off in line 2"),
        ("t.jsonl", b"", "it is empty"),
        ("t.csv", b"\xef\xbb\xbf\n", "it is empty"),
        ("t.parquet", b"", "broken Parquet, after row 0"),
        ("t.json", b"[" + CUT + b",", "broken JSON"),
        ("t.jsonl", CUT + b"\n[" + CUT + b"," + CUT + b"\n", "line 2 holds several"),
        ("t.jsonl", CUT + b"\n" + CUT + CUT + b"\n", "line 2 holds several"),
        ("t.json", b'{"1": ' + CUT + b', "2": ' + CUT[:9], "neither an array"),
        ("t.json", b'{"1": ' + CUT + b', "1": ' + CUT + b"}", "the id '1' occurs twice"),
    ],
)
def test_a_file_that_hides_rows_stops_the_study(imported, name, data, named):
    with pytest.raises(UserError, match=rf"^{name}: .*{named}.*source\.pattern") as raised:
        imported(name, data)
    assert "\n" not in str(raised.value)


def test_a_broken_row_group_stops_the_study(imported, tmp_path):
    table = pa.table({"q": [f"{n} ?" for n in range(600)], "a": [f"x{n}" for n in range(600)]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=300, compression="none", use_dictionary=False)
    start = pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(1).column(0).data_page_offset
    data = bytearray((tmp_path / "t.parquet").read_bytes())
    data[start : start + 40] = b"\xff" * 40
    with pytest.raises(UserError, match=r"^t\.parquet: broken Parquet, after row \d+"):
        imported("t.parquet", bytes(data))


def parquet(table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def test_parquet_of_dictionaries_missing_numbers_and_broken_text(imported):
    columns = {"q": pa.array(["1 ?", "2 ?", "3 ?"]).dictionary_encode(), "a": pa.array([1.5, float("nan"), 1e-7])}
    problems, rejects = imported("t.parquet", parquet(pa.table(columns)))
    assert problems == [("1 ?", "1.5"), ("3 ?", "0.0000001")] and "nan is no number" in rejects[2]
    broken = pa.array([b"1 ?", b"\xff ?", b"3 ?"]).view(pa.string())
    problems, rejects = imported("t.parquet", parquet(pa.table({"q": broken, "a": ["x", "y", "z"]})))
    assert problems == [("1 ?", "x"), ("3 ?", "z")] and "a cell cannot be read" in rejects[2]


def test_single_precision_means_its_shortest_decimal(imported):
    answers = pa.array([0.1, 2.0, None, float("inf"), 1234.5], pa.float32())
    problems, rejects = imported("t.parquet", parquet(pa.table({"q": [f"{n} ?" for n in range(5)], "a": answers})))
    assert [a for _, a in problems] == ["0.1", "2", "1234.5"]
    assert rejects == {3: "the answer is empty", 4: "inf is no number that can be meant"}


def test_parquet_with_two_columns_of_one_name(imported):
    table = pa.table([["1 ?"], ["x"], ["2 ?"]], names=["q", "a", "q"])
    with pytest.raises(UserError, match=r"2 columns of the name 'q'"):
        imported("t.parquet", parquet(table))


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_a_key_that_occurs_twice_is_one_reject(imported, name):
    rows = [CUT, b'{"q": "2 ?", "a": "x", "a": "y"}', b'{"q": "3 ?", "a": "x", "m": [{"k": 1, "k": 1}]}']
    data = b"\n".join(rows) if name == "t.jsonl" else b"[" + b",".join(rows) + b"]"
    problems, rejects = imported(name, data)
    assert problems == [("1 ?", "x")]
    assert rejects == {2: "broken JSON: the key 'a' occurs twice", 3: "broken JSON: the key 'k' occurs twice"}


def test_numbers_beyond_all_bounds(imported):
    answers = [b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"1e20", b"0.1"]
    lines = [b'{"q": "%d ?", "a": %s, "unused": NaN}' % (n, answer) for n, answer in enumerate(answers, 1)]
    problems, rejects = imported("t.jsonl", b"\n".join(lines))
    assert problems == [("5 ?", "1" + "0" * 20), ("6 ?", "0.1")] and rejects.keys() == {1, 2, 3, 4}
    assert all("is no number" in rejects[line] for line in (1, 2, 3)) and "not judged correct" in rejects[4]


def test_a_file_whose_name_is_not_utf8(source, tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff.jsonl"
    try:
        with open(name, "wb") as file:
            file.write(CUT)
    except OSError:
        pytest.skip("this file system refuses such a name")
    with pytest.raises(UserError, match=r"udcff\.jsonl: the file's name is not UTF-8"):
        folder.read(source(fields=FIELDS))


@pytest.mark.parametrize("converter", ["letter", "before_dash"])
def test_no_value_is_not_the_word_none(source, tmp_path, converter):
    (tmp_path / "t.jsonl").write_text('{"q": "1 ?", "a": null}\n{"q": "2 ?", "a": 2.0}\n')
    fields = {"question": "q", "answer": {"column": "a", "with": converter}}
    problems, rejects = folder.read(source(fields=fields))
    assert [r["reason"] for r in rejects] == ["the answer is empty"] and len(problems) == 1
    assert converter == "before_dash" or problems[0].answer == "2"


def test_a_converter_of_two_columns_given_one(imported):
    _, rejects = imported("t.jsonl", CUT, question={"column": "q", "with": "with_unit"})
    assert "map two columns" in rejects[1]


def test_rows_with_pictures_are_read_a_few_at_a_time(tmp_path, source, png, monkeypatch):
    at_a_time, inner = [], parsing.table_rows
    monkeypatch.setattr(parsing, "table_rows", lambda batch: (at_a_time.append(len(batch)), inner(batch))[1])
    for name, comment in (("small", 0), ("large", 1 << 20)):
        cells = [{"bytes": png(n) + os.urandom(comment), "path": None} for n in range(40)]
        columns = {"q": [f"{n} ?" for n in range(40)], "a": list(range(40)), "i": cells}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet", row_group_size=20)
        found = source(pattern=f"{name}.parquet", fields={**FIELDS, "images": "i"}, max_image_bytes=2 << 20)
        assert len(folder.read(found)[0]) == 40
        assert max(at_a_time) == {"small": 20, "large": 15}[name], at_a_time
        at_a_time.clear()
    assert parsing.rows_at_a_time(0, 0) == 1
