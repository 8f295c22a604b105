"""The probes of every run that earns a reward as arrays: reward, held-out accuracy and what accounts for their gap.

Reads the tables `probes` and `probe_items` and the mart `reward_gap` (docs/tables.md), which says how the reward is
taken apart; `counterpoint.training.assessment` has the same of a run that is still training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import duckdb
import numpy as np

IN_DOMAIN = "in_domain"
OVER_SPECIALISATION = "over_specialisation"
OF_REWARD = ("format", "length", "verifier", "memorisation", "decoding")  # columns NAME_gap of reward_gap


@dataclass(frozen=True)
class Probed:
    """One suite's probes of one run, by step: `steps`, training `reward` since the probe before, greedy `accuracy` and
    each of `gaps` are (probes,), NaN where not measured; `items` is (probes, n_items), right or wrong, in one order."""

    run_id: str
    suite: str
    steps: np.ndarray
    reward: np.ndarray
    accuracy: np.ndarray
    n_items: int
    gaps: dict[str, np.ndarray] = field(default_factory=dict)
    items: np.ndarray | None = None


def read(db: duckdb.DuckDBPyConnection) -> list[Probed]:
    """Every suite that was probed of every run with a reward, sorted by run and suite.

    The gaps are those in domain; the one of over-specialisation is what greedy accuracy in domain has over the shifted
    suites' mean, or, on any other suite, over that suite.
    """
    answers = dict(_grouped(db, ANSWERS))
    return [_probed(*key, columns, answers.get(key)) for key, columns in _grouped(db, PROBES)]


PROBES = f"""
    select run_id, suite, step, accuracy, n, reward_gap.reward,
        {", ".join(f"{name}_gap as {name}" for name in OF_REWARD)},
        if(suite = '{IN_DOMAIN}', over_specialisation_gap, greedy_accuracy - accuracy) as {OVER_SPECIALISATION}
    from probes
    semi join (select run_id from reward_gap) using (run_id)
    left join reward_gap using (run_id, step)
    where condition = 'normal' and decoding = 'greedy'
    order by run_id, suite, step
"""
ANSWERS = """
    select run_id, suite, step, correct
    from probe_items
    semi join (select run_id from reward_gap) using (run_id)
    where condition = 'normal' and decoding = 'greedy'
    order by run_id, suite, step, problem_id
"""


def _grouped(db: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[tuple[str, str], dict[str, np.ndarray]]]:
    """The rows of a query by run and suite, column by column, null as NaN."""
    table = db.sql(sql).to_arrow_table()
    keys = [table[name].combine_chunks().dictionary_encode() for name in ("run_id", "suite")]
    codes = [key.indices.to_numpy() for key in keys]
    values = {
        name: table[name].to_numpy() if name == "step" else table[name].cast("double").to_numpy()
        for name in table.column_names[2:]
    }
    starts = np.flatnonzero(np.diff(codes[0], prepend=-1) | np.diff(codes[1], prepend=-1))
    for start, end in pairwise([*starts, len(table)]):
        names = tuple(key.dictionary[code[start]].as_py() for key, code in zip(keys, codes, strict=True))
        yield names, {name: column[start:end] for name, column in values.items()}


def _probed(run_id: str, suite: str, columns: dict[str, np.ndarray], answers: dict[str, np.ndarray] | None) -> Probed:
    steps, n_items = columns["step"], int(columns["n"].min())
    items = None
    if answers and np.array_equal(answers["step"], np.repeat(steps, n_items)):
        items = answers["correct"].reshape(len(steps), n_items).astype(bool)
    gaps = {name: columns[name] for name in (*OF_REWARD, OVER_SPECIALISATION)}
    return Probed(run_id, suite, steps, columns["reward"], columns["accuracy"], n_items, gaps, items)
