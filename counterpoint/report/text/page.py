"""report.md: the findings first, three pictures, and one short table of each thing that the tables do not show at once.

Every table of it is one SQL query beside this file, over the Parquet tables and marts; report.md.jinja is the page. No
number is computed here, and no sentence repeats what a table says.
"""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
from jinja2 import Environment, StrictUndefined

from counterpoint.analysis.claims import CLAIMS
from counterpoint.report import numbers, read
from counterpoint.report.results import Results

HERE = Path(__file__).parent
QUERIES = ("findings", "models", "suites", "accuracy", "rewards", "costs", "checks")
MOST = 24  # trained arms of a model that are all printed; of more, the representative ones


def write(results: Results, tables: Path, path: Path, sheets: str | None = None) -> None:
    """Write the report to `path`, from the Parquet files in the folder `tables`; pictures lie in plots/ beside it.

    `sheets` is the folder of the runs' pictures relative to the report, None where there are none.
    """
    page = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=cell
    )
    for function in (numbers.percent, numbers.signed, numbers.count, numbers.p_value):
        page.filters[function.__name__] = function
    page.globals["change"] = numbers.change
    beside = tables.name + "/" if tables != path.parent else ""
    text = page.from_string((HERE / "report.md.jinja").read_text(encoding="utf-8")).render(
        results=results,
        sheets=sheets,
        link=lambda table: f"[`{table}`]({beside}{table}.parquet)",
        printed_all=len(_printed(results)) == len(results.arms),
        **_rows(results, tables),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def cell(value: object) -> object:
    """A value as it stands in a cell of a Markdown table: a dash for None; no bar, no line break and no HTML."""
    if value is None:
        return numbers.NOTHING
    if not isinstance(value, str):
        return value
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", value.replace("|", "\\|").replace("\n", " "))


def _rows(results: Results, tables: Path) -> dict[str, list[dict]]:
    """The rows of every table of the report, by the name of its query."""
    printed = _printed(results)
    arms = [
        {
            "position": position, "model": arm.model, "arm": arm.arm, "sample": arm.sample, "method": arm.method,
            "name": arm.name, "title": arm.title, "printed": arm in printed,
        }
        for position, arm in enumerate(results.arms)
    ]  # fmt: skip
    orders = {
        "models": ("model", results.models),
        "suites_in_order": ("suite", results.suites),
        "claims": ("finding", [claim.finding for claim in CLAIMS]),
    }
    with read.connect(tables) as db:
        db.register("arms", pa.Table.from_pylist(arms))
        for name, (column, values) in orders.items():
            db.register(name, pa.table({column: pa.array(values, pa.string()), "position": range(len(values))}))
        db.execute("set variable main = ?", [results.main])
        return {name: read.rows_of(db, (HERE / f"{name}.sql").read_text(encoding="utf-8")) for name in QUERIES}


def _printed(results: Results) -> list:
    """The arms that stand in tables by arm: all, or the bases and the representative ones where there are many."""
    most = max(sum(arm.model == model for arm in results.arms) for model in results.models)
    if most <= MOST:
        return results.arms
    return [arm for arm in results.arms if arm.method == "base" or results.representative(arm)]
