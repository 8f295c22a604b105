"""The published study as a DuckDB connection, and what holds the figures of a page against its tables.

A claim is a piece of a page with fields in place of its figures, and the query whose one row fills them:
`("{:,} trained runs", "select count(*) from runs where arm <> 'base'")`. The format `words` writes a small number as a
word.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT / "metrics/published/published"
SMALL_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MACROS = (
    "signed(x) as case when abs(x) < 0.05 then '0.0' else replace(format('{:+.1f}', x), '-', '−') end",
    "hundredths(x) as replace(format('{:+.2f}', x), '-', '−')",
    "points(x) as signed(100 * x)",
    "percent(x) as format('{:.1f}', 100 * x)",
    "ranged(x, low, high) as points(x) || ' (' || points(low) || ' to ' || points(high) || ')'",
    "bold(condition, x) as case when condition then '**' || x || '**' else x end",
    "contrast(x, low, high) as bold(low > 0 or high < 0, ranged(x, low, high))",
    "problems_of(sample) as replace(sample, 'k', '000')::integer",
    "model_order(model) as list_position(['tiny', 'small', 'small_early'], model)",
)


class Formatter(string.Formatter):
    """`str.format` with a true minus sign, and the format `words`."""

    def format_field(self, value, format_spec: str) -> str:
        if format_spec == "words":
            return SMALL_NUMBERS[value]
        return super().format_field(value, format_spec).replace("-", "−")


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """In memory: a view on each published table, and on the committed measurements a view each."""
    database = duckdb.connect()
    for path in sorted(PUBLISHED.glob("*.parquet")):
        database.execute(f"create view {path.stem} as from '{path}'")
    for name in ("bench", "bench_eval", "growth", "calibration", "league"):
        database.execute(f"create view {name} as from read_json('{ROOT / f'metrics/{name}.json'}')")
    database.execute(f"create view study as from read_json('{PUBLISHED / 'study.json'}')")
    database.execute(f"create view competence as from read_json('{ROOT / 'metrics/competence/*.json'}')")
    for macro in MACROS:
        database.execute(f"create macro {macro}")
    return database


def table(query: str) -> str:
    """The answer to a query as a Markdown table; column names are the header."""
    answer = connection().execute(query)
    names = [column[0] for column in answer.description]
    rows = [["" if value is None else str(value) for value in row] for row in answer.fetchall()]
    assert rows, query
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, ["---"] * len(names), *rows))


def sentence(claim: str, query: str) -> str:
    """A claim with the figures of its query, which has to have one row."""
    rows = connection().execute(query).fetchall()
    assert len(rows) == 1, f"{len(rows)} rows: {query}"
    return Formatter().format(claim, *rows[0])


def flat(text: str) -> str:
    """Without line breaks."""
    return re.sub(r"\s+", " ", text)


def uncovered(page: str, covered: Iterable[str], constants: Iterable[str]) -> list[str]:
    """Pieces of a page's prose with a number that no covered piece of text and no constant explains."""
    text = prose(page)
    for piece in sorted(map(prose, [*covered, *constants]), key=len, reverse=True):
        text = text.replace(piece, " ")
    return [text[max(0, hit.start() - 60) : hit.end() + 30] for hit in re.finditer(r"(?<![A-Za-z])\d[\d.,]*", text)]


def prose(text: str) -> str:
    """On one line, without code, tables, the targets of links and the numbers of a list."""
    return flat(
        re.sub(r"^```.*?^```|^\|[^\n]*$|^\d+\. |`[^`\n]*`|\]\([^)]*\)", " ", text, flags=re.DOTALL | re.MULTILINE)
    )
