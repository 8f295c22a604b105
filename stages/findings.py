"""Print the findings of the study: python -m stages.findings [--all] [--finding NAME] [--study published]

The first line says of which study (stages/places.py); the stage `warehouse` put them into its tables
(counterpoint/findings says how). Primary contrasts decide a finding; --all lists the secondary ones too. Not a DVC
stage.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable
from pathlib import Path

from counterpoint.errors import UserError, nearest, one_line
from counterpoint.findings.claims import CLAIMS
from counterpoint.findings.verdict import shown
from stages.common import main
from stages.places import results

COLUMNS = (
    "contrast",
    "model",
    "suite",
    "at equal",
    "effect",
    "95 % interval",
    "null",
    "p (Holm)",
    "seeds",
    "n",
    "verdict",
)
WORDS = 5  # columns before this one are words, ranged left
WIDTH = 118


def read(folder: Path, remedy: str) -> list[dict]:
    """The rows of the table in a folder. Raises `UserError` with the remedy for one that is missing or broken."""
    import pyarrow.parquet as pq

    path = folder / "findings.parquet"
    try:
        return pq.read_table(path).to_pylist()
    except FileNotFoundError:
        raise UserError(f"{path}: no such table; run `{remedy}`") from None
    except (ValueError, OSError) as error:  # what pyarrow raises are these
        raise UserError(f"{path}: not a readable table ({one_line(error)}); run `{remedy}`") from None


def cells(row: dict) -> tuple[str, ...]:
    """A row as it is printed: effect, interval and null in the unit that was tested."""
    logits = row["unit"] == "logits"
    effect = row["effect_logits"] if logits else row["effect"]
    digits, unit = (2, " logits") if logits else (1, " points")
    low, high = (f"{row[name]:+.{digits}f}" for name in ("low", "high"))
    found = (
        row["contrast"], row["model"], row["suite"], "" if row["matched_on"] == "end" else row["matched_on"],
        f"{effect:+.{digits}f}{unit}", f"{low} to {high}", f"{row['null_value']:g}", shown(row["p_holm"]),
        str(row["seeds"]), str(row["n"]), f"{row['verdict']} {row['direction'] or ''}".strip(),
    )  # fmt: skip
    return tuple(text.replace("-", "−") if place >= WORDS - 1 else text for place, text in enumerate(found))


def lines(rows: list[dict], everything: bool) -> Iterable[str]:
    """A finding: its verdict and why, then its contrasts, primary ones first, each with its reason."""
    head = rows[0]
    verdict = f"{head['finding_verdict']} {head['finding_direction'] or ''}".strip()
    yield f"{head['finding']}: {verdict.upper()}"
    yield f"  “{head['claim']}”"
    yield from textwrap.wrap(head["finding_reason"], WIDTH, initial_indent="  ", subsequent_indent="  ")
    made = [row for row in rows if row["effect"] is not None and (everything or row["role"] == "primary")]
    for role in ("primary", "secondary"):
        of_role = [row for row in made if row["role"] == role]
        if of_role:
            yield ""
            yield f"  {role}"
            yield from table(of_role)


def table(rows: list[dict]) -> Iterable[str]:
    """The rows below their column names, and below each row why its verdict is what it is."""
    printed = [COLUMNS, *(cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in printed) for place in range(len(COLUMNS))]
    kept = [place for place, width in enumerate(widths) if any(line[place] for line in printed[1:])]
    for line, row in zip(printed, (None, *rows), strict=True):
        ranged = [
            line[place].ljust(widths[place]) if place < WORDS - 1 or place == len(COLUMNS) - 1
            else line[place].rjust(widths[place])
            for place in kept
        ]  # fmt: skip
        yield f"    {'  '.join(ranged)}".rstrip()
        if row:
            yield f"      {row['reason']}"


def program(arguments: list[str]) -> None:
    """Print every finding, or one."""
    parser = argparse.ArgumentParser(prog="python -m stages.findings", description="The findings of the study.")
    parser.add_argument("--all", action="store_true", help="the secondary contrasts too")
    parser.add_argument("--finding", metavar="NAME", help="this one alone")
    parser.add_argument("--study", metavar="NAME", help="of this study, not of the one in params.yaml")
    options = parser.parse_args(arguments)
    known = [claim.finding for claim in CLAIMS]
    if options.finding and options.finding not in known:
        raise UserError(f"--finding: no finding {options.finding!r}{nearest(options.finding, known)}")
    found = results(options.study)
    print(found.head, end="\n\n")
    if found.place:
        rows = read(found.place.tables, "dvc repro warehouse")
    else:
        rows = read(found.published, f"git checkout -- {found.published}")
    for name in [options.finding] if options.finding else known:
        own = [row for row in rows if row["finding"] == name]
        if own:
            print("\n".join(lines(own, options.all)), end="\n\n")


if __name__ == "__main__":
    main(program)
