"""samples.html: problems of every suite with their gold answer and each arm's answer side by side, in one file.

Questions and completions are hostile text: everything is escaped, control and direction characters are spelt out, and
the page's own policy forbids scripts and every outside address. So the filters are boxes that a style sheet reads.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Sequence
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path

import duckdb
from jinja2 import Environment, StrictUndefined

from counterpoint.problem import Picture, Problem, encode_png, load
from counterpoint.report.read import connect, rows_of
from counterpoint.report.results import ArmRuns, Results
from counterpoint.suites import SUITES
from counterpoint.suites.views import views

LONGEST = 2000  # characters of a completion that are shown
MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
VERDICTS = ("right", "wrong", "unparsed", "truncated")
TEMPLATE = Path(__file__).with_name("viewer.html.jinja")
ANSWERS = """
    with false_steps as (
        select run_id, problem_id, list(text order by step_index) filter (kind <> 'answer') as steps,
            bool_or(kind = 'answer') as unfounded
        from traces
        where suite = $suite and list_contains($ids, problem_id) and decoding = 'greedy' and sample_index = 0
            and not correct
        group by all
    )
    select run_id, problem_id, coalesce(completion, '') as text, extracted, coalesce(steps, []) as false_steps,
        coalesce(unfounded, false) as unfounded,
        case when correct then 'right' when truncated then 'truncated' when parsed then 'wrong' else 'unparsed' end
            as verdict
    from evals left join false_steps using (run_id, problem_id)
    where suite = $suite and list_contains($ids, problem_id)
        and condition = 'normal' and decoding = 'greedy' and sample_index = 0
"""  # `unfounded`: the answer does not follow from the reasoning before it


def write(results: Results, tables: Path, problems: Path, path: Path, each: int = 6) -> None:
    """Write the viewer with `each` problems a suite and the first seed of every arm.

    `tables` holds evals.parquet and traces.parquet, `problems` is the problems' file.
    """
    suites, names = [], list(dict.fromkeys(arm.name for arm in results.arms))
    with connect(tables, ("evals", "traces")) as db:
        for suite in results.suites:
            chosen = _choose(db, suite, problems, each)
            answers = _answers(db, suite, [problem.problem_id for problem in chosen])
            entries = [_entry(problem, suite, results.arms, names, answers) for problem in chosen]
            purpose = SUITES[suite].purpose if suite in SUITES else ""
            suites.append({"name": suite, "purpose": purpose, "problems": entries})
    families = sorted({entry["problem"].family for suite in suites for entry in suite["problems"]})
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["plain"] = plain
    text = page.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        study=results.study,
        suites=suites,
        models=results.models,
        families=families,
        verdicts=VERDICTS,
        filters=[
            ("Answers", "verdict", VERDICTS), ("Models", "model", results.models), ("Families", "family", families),
            ("Arms", "arm", names),
        ],
        left_out=len(results.runs) - len(results.arms),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def plain(text: str | None) -> str:
    """Text whose control and direction characters are spelt out, so that it can neither hide nor reorder anything."""
    return "".join(
        f"\\u{ord(c):04x}" if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn", "Cs") and c not in "\n\t" else c
        for c in text or ""
    )


def marked(text: str, false_steps: Sequence[str]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is a false step; the steps are found one after the other."""
    pieces, end = [], 0
    for step in false_steps:
        start = text.find(step, end) if step else -1
        if start < 0:
            continue
        pieces += [(text[end:start], False), (step, True)]
        end = start + len(step)
    return [piece for piece in (*pieces, (text[end:], False)) if piece[0]]


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
    rows = db.execute("select distinct problem_id from evals where suite = ?", [suite]).fetchall()
    evaluated = {problem_id for (problem_id,) in rows}
    split = SUITES[suite].split if suite in SUITES else suite
    families: dict[str, list[Problem]] = {}
    for problem in load(path, splits=[split]):
        if problem.problem_id in evaluated:
            families.setdefault(problem.family, []).append(problem)
    turns = [sorted(families[name], key=lambda p: sha256(p.problem_id.encode()).digest()) for name in sorted(families)]
    return [problem for turn in zip_longest(*turns) for problem in turn if problem][:each]


def _answers(db: duckdb.DuckDBPyConnection, suite: str, ids: list[str]) -> dict[tuple[str, str], dict]:
    """The greedy answers on a suite by run and problem, each in pieces that say which steps are false."""
    rows = rows_of(db, ANSWERS, {"suite": suite, "ids": ids})
    return {
        (row["run_id"], row["problem_id"]): {
            **row,
            "pieces": marked(row["text"][:LONGEST], row["false_steps"]),
            "left_out": max(0, len(row["text"]) - LONGEST),
        }
        for row in rows
    }


def _entry(
    problem: Problem, suite: str, arms: Sequence[ArmRuns], names: list[str], answers: dict[tuple[str, str], dict]
) -> dict:
    """A problem with the answers to it, by model; `differs`: the verdicts on the arms of one model do."""
    view = SUITES.get(suite)
    by_model: dict[str, list[dict]] = {}
    for arm in arms:
        run = arm.runs[0]
        if answer := answers.get((run.run_id, problem.problem_id)):
            title = arm.name if run.seed is None else f"{arm.name}, seed {run.seed}"
            by_model.setdefault(arm.model, []).append({**answer, "arm": names.index(arm.name), "title": title})
    return {
        "problem": problem,
        "anchor": f"{suite}-{problem.problem_id}",
        "differs": any(len({answer["verdict"] for answer in of_model}) > 1 for of_model in by_model.values()),
        "words": problem.text_twin if view and view.needs_twin else None,
        "pictures": [picture(encoded) for encoded in views([problem], "", view)[0].images],
        "by_model": by_model,
    }
