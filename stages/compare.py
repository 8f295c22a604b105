"""Set two studies side by side: python -m stages.compare quick published

Accuracies by arm, model, sample and suite, each the mean over the seeds that a study has, and findings, with the
differences. A study is one that was made here, or a published one (stages/places.py). Not a DVC stage.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import duckdb

from counterpoint.errors import UserError, one_line
from stages.common import main
from stages.places import Results, results

ACCURACY = """
select arm, model, coalesce(sample, '') as sample, suite, avg(accuracy), count(distinct coalesce(seed, 0))
from (from read_parquet('{folder}/accuracy.parquet') order by all)
where condition = 'normal' and family = 'all'
group by all order by all
"""
FINDING = """
select finding, contrast, model, suite, matched_on,
    concat_ws(' ', finding_verdict, finding_direction), concat_ws(' ', verdict, direction), effect
from read_parquet('{folder}/findings.parquet') where role = 'primary' order by all
"""
Key = tuple[str, ...]


def read(of: Results, sql: str, keys: int) -> dict[Key, tuple]:
    """The rows of a query to a study's tables: the values after the first `keys` columns, by these."""
    folder = of.place.tables if of.place else of.published
    try:
        with duckdb.connect(config={"threads": 1}) as db:
            rows = db.execute(sql.format(folder=str(folder).replace("'", "''"))).fetchall()
    except duckdb.Error as error:
        remedy = "dvc repro warehouse" if of.place else f"git checkout -- {folder}"
        raise UserError(f"{folder}: not readable ({one_line(error)}); run `{remedy}`") from None
    return {tuple(str(value) for value in row[:keys]): row[keys:] for row in rows}


def accuracies(first: dict[Key, tuple], second: dict[Key, tuple]) -> Iterator[tuple[str, ...]]:
    """A line each: where, accuracy and seeds in both studies, and the difference in points."""
    yield "arm", "model", "sample", "suite", "A", "seeds", "B", "seeds", "B − A"
    for key in sorted(first.keys() & second.keys()):
        (before, seeds), (after, others) = first[key], second[key]
        yield *key, f"{before:.1%}", str(seeds), f"{after:.1%}", str(others), _signed(100 * (after - before))


def verdicts(first: dict[Key, tuple], second: dict[Key, tuple]) -> Iterator[tuple[str, ...]]:
    """A line for each finding: its verdict in both studies, and whether it differs."""
    yield "finding", "A", "B", ""
    one, other = ({key[0]: values[0] for key, values in found.items()} for found in (first, second))
    for name in sorted(one.keys() | other.keys()):
        before, after = one.get(name, "none"), other.get(name, "none")
        yield name, before, after, "" if before == after else "differs"


def contrasts(first: dict[Key, tuple], second: dict[Key, tuple]) -> Iterator[tuple[str, ...]]:
    """A line for each primary contrast that both studies could make: effect and verdict, and the difference."""
    yield "contrast", "model", "suite", "at equal", "A", "verdict", "B", "verdict", "B − A"
    for key in sorted(first.keys() & second.keys()):
        (_, called, before), (_, other, after) = first[key], second[key]
        if before is not None and after is not None:
            place = (*key[1:4], "" if key[4] == "end" else key[4])
            yield *place, _signed(before), called, _signed(after), other, _signed(after - before)


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")


def table(lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """The lines in columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def program(arguments: list[str]) -> None:
    """Print both studies' lines, then what they have in common."""
    parser = argparse.ArgumentParser(prog="python -m stages.compare", description="Set two studies side by side.")
    parser.add_argument("first", metavar="A", help="a study made here, or a published one")
    parser.add_argument("second", metavar="B")
    chosen = parser.parse_args(arguments)
    if not chosen.first or not chosen.second:
        raise UserError("name two studies: make compare A=quick B=published")
    both = [results(chosen.first), results(chosen.second)]
    for letter, found in zip("AB", both, strict=True):
        print(f"{letter}: {found.head}")
    asked, decided = ([read(of, sql, keys) for of in both] for sql, keys in ((ACCURACY, 4), (FINDING, 5)))
    parts = {
        "Greedy accuracy, the mean over seeds": list(accuracies(*asked)),
        "Findings": list(verdicts(*decided)),
        "Primary contrasts, in points": list(contrasts(*decided)),
    }
    for title, lines in parts.items():
        print(f"\n{title}")
        print("\n".join(table(lines)) if len(lines) > 1 else "  nothing that both studies have")
    alone = [len(one.keys() - other.keys()) for one, other in (asked, asked[::-1])]
    print(f"\n{alone[0]} accuracies are of A alone, {alone[1]} of B alone. A difference of means has no interval here.")


if __name__ == "__main__":
    main(program)
