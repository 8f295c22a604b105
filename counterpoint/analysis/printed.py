"""The findings of a study as text: each claim, its verdict, and the contrasts that decide it.

Printed by `counterpoint findings` and `python -m stages.findings`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from counterpoint import columns
from counterpoint.analysis.claims import CLAIMS
from counterpoint.analysis.verdict import shown
from counterpoint.errors import UserError, nearest

COLUMNS = (
    "contrast", "model", "suite", "at equal", "effect", "95 % interval", "null", "p (Holm)", "seeds", "n", "verdict",
)  # fmt: skip
WORDS = 4  # so many columns at the front are words, ranged left; so is the last
WIDTH = 118


def cells(row: dict) -> tuple[str, ...]:
    """A row as it is printed: effect, interval and null in the unit that was tested."""
    logits = row["unit"] == "logits"
    effect = row["effect_logits"] if logits else row["effect"]
    digits, unit = (2, " logits") if logits else (1, " points")
    low, high = (f"{row[name]:+.{digits}f}" for name in ("low", "high"))
    values = (
        row["contrast"], row["model"], row["suite"], "" if row["matched_on"] == "end" else row["matched_on"],
        f"{effect:+.{digits}f}{unit}", f"{low} to {high}", f"{row['null_value']:g}", shown(row["p_holm"]),
        str(row["seeds"]), str(row["n"]), f"{row['verdict']} {row['direction'] or ''}".strip(),
    )  # fmt: skip
    return tuple(text.replace("-", "−") if index >= WORDS else text for index, text in enumerate(values))


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
    """The rows below their column names, without empty columns, and below each row the reason for its verdict."""
    printed = [cells(row) for row in rows]
    filled = [number for number in range(len(COLUMNS)) if any(row[number] for row in printed)]
    right = [position for position, number in enumerate(filled) if WORDS <= number < len(COLUMNS) - 1]
    selected = [[row[number] for number in filled] for row in (COLUMNS, *printed)]
    head, *lines = columns.aligned(selected, right=right, indent=4)
    yield head
    for line, row in zip(lines, rows, strict=True):
        yield line
        yield f"      {row['reason']}"


def text(rows: list[dict], finding: str | None = None, everything: bool = False) -> str:
    """Every finding, or one; `everything`: with the secondary contrasts. Raises `UserError` for an unknown finding."""
    names = [claim.finding for claim in CLAIMS]
    if finding and finding not in names:
        raise UserError(f"--finding: no finding {finding!r}{nearest(finding, names)}")
    by_name = {name: [row for row in rows if row["finding"] == name] for name in ([finding] if finding else names)}
    return "\n\n".join("\n".join(lines(rows, everything)) for rows in by_name.values() if rows) + "\n"
