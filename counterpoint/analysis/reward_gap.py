"""The mart `reward_gap`: what a run's reward is made of at every probe (counterpoint.statistics.reward_parts).

Training values are means over the steps since the probe before that have a reward. Beside the parts that add up to the
reward stands over_specialisation: greedy accuracy in domain minus that on the shifted suites.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from counterpoint.analysis.study import Study, grouped, numbers, query
from counterpoint.statistics.reward_parts import accuracy_parts, since_last, spans
from counterpoint.tables import table

_S, _I, _F = pa.string(), pa.int64(), pa.float64()
TABLES = {
    "reward_gap": table(
        "run_id step",
        run_id=_S, arm=_S, method=_S, model=_S, sample=_S, seed=_I, step=_I, steps_since_probe=_I, reward=_F,
        accuracy_weight=_F, accuracy_part=_F, strict_accuracy=_F, sampled_accuracy=_F, greedy_accuracy=_F,
        shifted_accuracy=_F, earned=_F, format_gap=_F, length_gap=_F, noise_gap=_F, verifier_gap=_F,
        memorisation_gap=_F, decoding_gap=_F, over_specialisation_gap=_F, exploited=_F, mean_length=_F, entropy=_F,
        kl=_F, truncated_fraction=_F, parsed_fraction=_F, zero_advantage_fraction=_F,
    )
}  # fmt: skip
MEANS = (
    "reward", "accuracy_part", "format_gap", "length_gap", "noise_gap", "strict_accuracy", "exploited", "mean_length",
    "entropy", "kl", "truncated_fraction", "parsed_fraction", "zero_advantage_fraction",
)  # fmt: skip


def compute(study: Study) -> dict[str, pa.Table]:
    """Add the mart to the study's connection, which also needs the mart verifier_audit; there is nothing to return."""
    create(study.db)
    return {}


def create(db: duckdb.DuckDBPyConnection) -> None:
    """Add the mart to a connection that has the tables runs, steps, rewards, term_kinds and probes and the mart
    verifier_audit. Probes without a rewarded step since the one before are left out."""
    trained = dict(grouped(query(db, "rewarded_steps"), 1))
    probed = grouped(query(db, "probed_accuracy"), 1)
    runs = [_run(probes, trained[run_id]) for run_id, probes in probed if run_id in trained]
    db.register("by_run", pa.concat_tables([TABLES["reward_gap"].schema.empty_table(), *runs]))
    db.execute("create table reward_gap as from by_run")  # a table of DuckDB's own, which many marts read
    db.unregister("by_run")


def _run(probes: pa.Table, trained: pa.Table) -> pa.Table:
    """The rows of one run from its probes and its optimizer steps."""
    steps, weight = probes["step"].to_numpy(), numbers(probes["accuracy_weight"])
    greedy, sampled, shifted = (numbers(probes[f"{name}_accuracy"]) for name in ("greedy", "sampled", "shifted"))
    since_probe = np.array([end - begin for begin, end in spans(steps, trained["step"].to_numpy())])
    columns = {"steps_since_probe": since_probe, "earned": weight * greedy, "over_specialisation_gap": greedy - shifted}
    for name in MEANS:
        measured = trained.select(["step", name]).drop_null()
        values = dict(zip(measured["step"].to_pylist(), measured[name].to_pylist(), strict=True))
        columns[name] = since_last(steps, values)
    strict = columns["strict_accuracy"]
    parts = accuracy_parts(weight, columns["accuracy_part"], greedy, strict=strict, sampled=sampled)
    columns |= {f"{name}_gap": values for name, values in parts.items()}
    for name, values in columns.items():
        probes = probes.append_column(name, pa.array(values, from_pandas=True))
    schema = TABLES["reward_gap"].schema
    return probes.select(schema.names).cast(schema).filter(pa.array(since_probe > 0))
