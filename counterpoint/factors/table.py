"""The marts `arm_accuracy`, `arm_contrasts`, `phase` and `trace_kinds`.

Intervals are over seeds and problems at once where an arm has several seeds, over problems alone where it has one
(counterpoint.statistics.crossed). Each is read alone: nothing is corrected for how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb
import numpy as np
import pyarrow as pa

from counterpoint.factors.read import Run, Study, read
from counterpoint.findings.effects import aligned
from counterpoint.findings.study import Answers
from counterpoint.statistics.crossed import crossed_interval

Imitated = dict[tuple[str, str | None], dict[str, str]]  # model and sample to kind to arm
PLAIN, SFT, RL = "oracle", "sft", "rl"  # the kind that the others are compared with; the arms of a fair comparison
_S, _I, _F, _B = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_DIFFERENCE = {"difference": _F, "low": _F, "high": _F, "p": _F, "significant": _B}
SCHEMAS = {
    "arm_accuracy": pa.schema(
        {
            "model": _S, "arm": _S, "method": _S, "sample": _S, "problems": _I, "kind": _S, "suite": _S, "seeds": _I,
            "n": _I, "clusters": _I, "accuracy": _F, "low": _F, "high": _F,
        }
    ),
    "arm_contrasts": pa.schema(
        {
            "model": _S, "arm": _S, "method": _S, "against": _S, "sample": _S, "problems": _I, "suite": _S,
            "seeds": _I, "n": _I, "accuracy": _F, "against_accuracy": _F, **_DIFFERENCE,
        }
    ),
    "phase": pa.schema(
        {
            "model": _S, "sample": _S, "problems": _I, "kind": _S, "suite": _S, "sft_arm": _S, "seeds": _I, "n": _I,
            "base_accuracy": _F, "sft": _F, "rl": _F, **_DIFFERENCE,
        }
    ),
    "trace_kinds": pa.schema(
        {
            "model": _S, "sample": _S, "problems": _I, "kind": _S, "suite": _S, "sft_arm": _S, "seeds": _I, "n": _I,
            "base_accuracy": _F, "accuracy": _F, "oracle": _F, **_DIFFERENCE, "way": _S, "trace_nll": _F,
            "acceptance": _F, "coverage": _F, "wrong_steps": _F, "teacher_tokens": _F,
        }
    ),
}  # fmt: skip
KEYS = {
    "arm_accuracy": ("model", "arm", "sample", "suite"),
    "arm_contrasts": ("model", "arm", "against", "sample", "suite"),
    "phase": ("model", "sample", "kind", "suite"),
    "trace_kinds": ("model", "sample", "kind", "suite"),
}


def compute(db: duckdb.DuckDBPyConnection) -> dict[str, pa.Table]:
    """The marts by name, from the tables runs, trace_sets, samples and evals of docs/tables.md."""
    study = read(db)
    told = _traces(db)
    imitated = sft_arms(study)
    return {
        "arm_accuracy": _table("arm_accuracy", _arms(study)),
        "arm_contrasts": _table("arm_contrasts", _contrasts(study)),
        "phase": _table("phase", _phase(study, imitated)),
        "trace_kinds": _table("trace_kinds", _kinds(study, imitated, told)),
    }


def sft_arms(study: Study) -> Imitated:
    """By model and sample, the SFT arm that stands for each kind of traces, so that arms differ in their traces alone.

    For `oracle` it is `sft`, `sft_oracle`, or the first that learns from the whole sample as the section `sft` has it.
    For another kind it is `sft_KIND`, or the first, that learns from the whole sample with the very settings of the
    oracle arm there; a kind without such an arm is left out.
    """
    known = {(run.arm, run.plain) for run in study.runs if _is_sft(run) and run.kind == PLAIN}
    named = {arm for arm, bare in known if bare or arm in (SFT, f"{SFT}_{PLAIN}")}
    plain = min(named, key=lambda arm: (arm != SFT, arm != f"{SFT}_{PLAIN}", arm), default=None)
    found: Imitated = {}
    for (model, arm, sample), runs in study.arms.items():
        beside = study.arms.get((model, plain, sample), [])
        if beside and all(map(_is_sft, runs)) and len({run.section for run in (*runs, *beside)}) == 1:
            kind, arms = runs[0].kind, found.setdefault((model, sample), {PLAIN: plain})
            arms[kind] = min(arm, arms.get(kind, arm), key=lambda arm: (arm != plain, arm != f"{SFT}_{kind}", arm))
    return found


def _is_sft(run: Run) -> bool:
    return run.method == SFT and run.kind is not None and run.whole


def accuracy(answers: dict[int | None, Answers]) -> dict | None:
    """The columns of an accuracy over the seeds and problems of `answers` by seed; None where there are none."""
    if not answers:
        return None
    (correct,), clusters = aligned([[answers[seed] for seed in sorted(answers, key=str)]])
    found = crossed_interval(correct, clusters)
    return {
        "seeds": len(correct), "n": correct.shape[1], "clusters": len(np.unique(clusters)), "accuracy": found.effect,
        "low": max(found.low, 0.0), "high": min(found.high, 1.0),
    }  # fmt: skip


def difference(first: dict[int | None, Answers], second: dict[int | None, Answers]) -> dict | None:
    """The columns of the accuracy of `first` minus that of `second`, over the seeds and problems that both have; None
    where there are none. `means` holds the two accuracies."""
    seeds = sorted(first.keys() & second.keys(), key=str)
    if not seeds:
        return None
    correct, clusters = aligned([[side[seed] for seed in seeds] for side in (first, second)])
    if not correct.size:
        return None
    found = crossed_interval(correct[0] - correct[1], clusters)
    return {
        "seeds": len(seeds), "n": correct.shape[2], "means": [float(side.mean()) for side in correct],
        "difference": found.effect, "low": max(found.low, -1.0), "high": min(found.high, 1.0), "p": found.p,
        "significant": found.low > 0 or found.high < 0,
    }  # fmt: skip


def _arms(study: Study) -> Iterator[dict]:
    for (model, arm, sample), runs in study.arms.items():
        for suite in study.suites:
            if row := accuracy(study.asked(runs, suite)):
                named = {"model": model, "arm": arm, "method": runs[0].method, "sample": sample, "suite": suite}
                yield {**named, "problems": study.sizes.get(sample), "kind": runs[0].kind, **row}


def _contrasts(study: Study) -> Iterator[dict]:
    for (model, arm, sample), runs in study.arms.items():
        named = {"model": model, "arm": arm, "method": runs[0].method, "sample": sample}
        for against in () if arm in (SFT, RL) else (SFT, RL):
            beside = study.arms.get((model, against, sample), [])
            for suite in study.suites if beside else ():
                if row := difference(study.asked(runs, suite), study.asked(beside, suite)):
                    means = dict(zip(("accuracy", "against_accuracy"), row["means"], strict=True))
                    told = {"against": against, "suite": suite, "problems": study.sizes.get(sample)}
                    yield named | told | row | means


def _cells(study: Study, imitated: Imitated) -> Iterator[tuple[dict, dict[int | None, Answers]]]:
    """Where each kind was imitated: the columns that name the cell, and its answers by seed."""
    bases = {run.model: [run] for run in study.runs if run.method == "base"}
    for (model, sample), arms in imitated.items():
        for kind, arm in arms.items():
            for suite in study.suites:
                base = study.asked(bases.get(model, []), suite)
                yield {
                    "model": model, "sample": sample, "problems": study.sizes.get(sample), "kind": kind,
                    "suite": suite, "sft_arm": arm,
                    "base_accuracy": float(base[None].correct.mean()) if base else None,
                }, study.asked(study.arms[model, arm, sample], suite)  # fmt: skip


def _phase(study: Study, imitated: Imitated) -> Iterator[dict]:
    for named, answers in _cells(study, imitated):
        against = study.arms.get((named["model"], RL, named["sample"]), [])
        if row := difference(answers, study.asked(against, named["suite"])):
            yield {**named, **row, "sft": row["means"][0], "rl": row["means"][1]}


def _kinds(study: Study, imitated: Imitated, told: dict[tuple, dict]) -> Iterator[dict]:
    for named, answers in _cells(study, imitated):
        own = accuracy(answers)
        if not own:
            continue
        row = {**named, **{name: own[name] for name in ("seeds", "n", "accuracy")}}
        model, sample = named["model"], named["sample"]
        plain = study.arms[model, imitated[model, sample][PLAIN], sample]
        beside = None if named["kind"] == PLAIN else difference(answers, study.asked(plain, named["suite"]))
        if beside:
            row |= beside | {"accuracy": beside["means"][0], "oracle": beside["means"][1]}
        yield {**row, **told.get((named["sft_arm"], model, sample), {})}


TRACES = """
    select
        arm, runs.model, runs.sample, avg(trace_nll order by run_id) as trace_nll,
        any_value(way order by run_id) as way, avg(accepted / attempts order by run_id) as acceptance,
        avg(solved / problems order by run_id) as coverage, avg(wrong_steps order by run_id) as wrong_steps,
        avg(teacher_tokens order by run_id) as teacher_tokens
    from runs join trace_sets using (trace_set)
    group by arm, runs.model, runs.sample
"""


def _traces(db: duckdb.DuckDBPyConnection) -> dict[tuple, dict]:
    """By arm, model and sample, what is known of the traces, means over the seeds."""
    cursor = db.execute(TRACES)
    names = [column[0] for column in cursor.description][3:]
    return {row[:3]: dict(zip(names, row[3:], strict=True)) for row in cursor.fetchall()}


def _table(name: str, rows: Iterable[dict]) -> pa.Table:
    schema = SCHEMAS[name]
    kept = [{column: row.get(column) for column in schema.names} for row in rows]
    kept.sort(key=lambda row: tuple((row[column] is None, row[column]) for column in KEYS[name]))
    return pa.Table.from_pylist(kept, schema)
