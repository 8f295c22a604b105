"""samples.html: problems of every suite with their gold answer and each run's answer side by side, in one file.

Questions and completions are hostile text: everything is escaped, control and direction characters are spelt out, and
the page's own policy forbids scripts and every outside address.
"""

from __future__ import annotations

import base64
import unicodedata
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path

import duckdb
from jinja2 import Environment, StrictUndefined

from counterpoint.problem import Picture, Problem, encode_png, load
from counterpoint.report.read import connect
from counterpoint.report.results import Results, Run
from counterpoint.suites import SUITES
from counterpoint.suites.suite import Suite
from counterpoint.suites.views import views

LONGEST = 2000  # characters of a completion that are shown
MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
VERDICTS = ("right", "wrong", "unparsed", "truncated")
TEMPLATE = Path(__file__).with_name("viewer.html.jinja")


def write(results: Results, tables: Path, problems: Path, path: Path, each: int = 6) -> None:
    """Write the viewer with `each` problems a suite and the first seed of every arm.

    `tables` holds evals.parquet, `problems` is the problems' file.
    """
    runs = [group.runs[0] for group in results.groups]
    with connect(tables, ("evals",)) as db:
        chosen = {suite: _choose(db, suite, problems, each) for suite in results.suites}
        answers = {suite: _answers(db, suite, [p.problem_id for p in chosen[suite]]) for suite in chosen}
    suites = [
        {
            "name": suite,
            "purpose": SUITES[suite].purpose if suite in SUITES else "",
            "problems": [_entry(problem, suite, runs, answers[suite]) for problem in chosen[suite]],
        }
        for suite in results.suites
    ]
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["plain"] = plain
    text = page.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        study=results.study,
        suites=suites,
        models=results.models,
        verdicts=VERDICTS,
        left_out=len(results.runs) - len(runs),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def plain(text: str | None) -> str:
    """Text whose control and direction characters are spelt out, so that it can neither hide nor reorder anything."""
    spelt = [
        f"\\u{ord(c):04x}" if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn", "Cs") and c not in "\n\t" else c
        for c in text or ""
    ]
    return "".join(spelt)


def verdict(correct: bool, parsed: bool, truncated: bool) -> str:
    """The one word for an answer: a cut-off answer is `truncated`, not `unparsed`; a right one is `right`."""
    if correct:
        return "right"
    if truncated:
        return "truncated"
    return "wrong" if parsed else "unparsed"


def picture(encoded: Picture) -> str | None:
    """A picture as a data URI, recoded as PNG where a browser may not know them; None when unreadable."""
    data = encoded.read()
    kind = next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), None)
    if kind is None:
        try:
            data, kind = encode_png(encoded.decode()), "png"
        except ValueError:
            return None
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _choose(db: duckdb.DuckDBPyConnection, suite: str, path: Path, each: int) -> list[Problem]:
    """`each` problems in an order that their ids decide, turn by turn over the families: never a choice by outcome."""
    evaluated = {
        row[0] for row in db.execute("select distinct problem_id from evals where suite = ?", [suite]).fetchall()
    }
    split = SUITES[suite].split if suite in SUITES else suite
    families: dict[str, list[Problem]] = {}
    for problem in load(path, splits=[split]):
        if problem.problem_id in evaluated:
            families.setdefault(problem.family, []).append(problem)
    turns = [sorted(families[name], key=lambda p: sha256(p.problem_id.encode()).digest()) for name in sorted(families)]
    return [problem for turn in zip_longest(*turns) for problem in turn if problem][:each]


def _answers(db: duckdb.DuckDBPyConnection, suite: str, ids: list[str]) -> dict[tuple[str, str], dict]:
    rows = db.execute(
        """
        select run_id, problem_id, completion, extracted, correct, parsed, truncated from evals
        where suite = ? and list_contains(?, problem_id)
            and condition = 'normal' and decoding = 'greedy' and sample_index = 0
        """,
        [suite, ids],
    ).fetchall()
    return {
        (run_id, problem_id): {
            "text": plain((completion or "")[:LONGEST]),
            "left_out": max(0, len(completion or "") - LONGEST),
            "extracted": extracted,
            "verdict": verdict(*flags),
        }
        for run_id, problem_id, completion, extracted, *flags in rows
    }


def _entry(problem: Problem, suite: str, runs: list[Run], answers: dict) -> dict:
    shown = SUITES.get(suite)
    words = bool(shown and shown.needs_twin)

    def of(run: Run) -> dict | None:
        found = answers.get((run.run_id, problem.problem_id))
        return found and {"run": run.title.partition(" · ")[2], **found}

    return {
        "problem": problem,
        "words": problem.text_twin if words else None,
        "pictures": [picture(encoded) for encoded in _pictures(problem, shown)],
        "by_model": [
            (place, model, kept)
            for place, model in enumerate(dict.fromkeys(run.model for run in runs))
            if (kept := [a for run in runs if run.model == model and (a := of(run))])
        ],
    }


def _pictures(problem: Problem, suite: Suite | None) -> tuple[Picture, ...]:
    """The pictures as the suite shows them."""
    return views([problem], "", suite)[0].images
