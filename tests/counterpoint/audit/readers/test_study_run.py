"""Audits of this study's own runs."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint.audit import metric_names, readers, report, verdict
from counterpoint.errors import UserError
from tests.fixtures_warehouse import RL, write_fake_study

RUN = "rl-small-20k-0"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """data/runs of a small fake study with one RL run and one SFT run."""
    rules = {"base": [], "train": [{**RL, "arm": "sft", "sample": "2k"}, RL]}
    return write_fake_study(tmp_path_factory.mktemp("fake"), rules) / "data/runs"


def test_a_run_folder_and_its_train_folder_are_the_same(runs):
    whole, inner = (verdict.audit(readers.read(path)) for path in (runs / RUN, runs / RUN / "train"))
    assert whole.overall == inner.overall
    assert whole.log.main == "in_domain" and len(whole.log.curves) > 1
    assert "in_domain" in "".join(report.curves(whole))


def test_the_curve_holds_what_was_recorded(runs):
    found = readers.read(runs / RUN)
    curve = next(one for one in found.curves if one.suite == "in_domain")
    probes = pq.read_table(runs / RUN / "train/probes.parquet").to_pylist()
    wanted = {
        row["step"]: row["accuracy"] for row in probes if (row["suite"], row["decoding"]) == ("in_domain", "greedy")
    }
    assert dict(zip(curve.steps.tolist(), curve.accuracy.tolist(), strict=True)) == wanted
    rewards = {row["step"]: row["reward"] for row in pq.read_table(runs / RUN / "train/steps.parquet").to_pylist()}
    last, before = curve.steps[-1], curve.steps[-2]
    since = [rewards[step] for step in rewards if before < step <= last]
    assert curve.reward[-1] == pytest.approx(sum(since) / len(since))
    assert curve.items.shape == (len(curve.steps), curve.n_items)
    assert {"verifier", "memorisation", "decoding", "format"} <= set(curve.gaps)
    assert set(curve.metrics) == {"mean length", "cut off", "entropy", "KL", "no advantage"}


def test_what_was_recorded_of_every_step_is_in_the_log(runs):
    (run,) = readers.read(runs / RUN).runs
    rows = pq.read_table(runs / RUN / "train/steps.parquet").to_pylist()
    assert run.metrics["entropy"] == {row["step"]: pytest.approx(row["entropy"]) for row in rows}
    assert run.reward == {row["step"]: pytest.approx(row["reward"]) for row in rows}
    shown = metric_names.shown(run.metrics)
    assert {"entropy", "mean length", "cut off", "no advantage", "gradient norm", "reward spread"} <= set(shown)
    assert set(run.weights) == set(run.terms) and all(len(values) == len(rows) for values in run.terms.values())


def test_checks_are_those_of_all_completions(runs):
    found = readers.read(runs / RUN)
    rows = pq.read_table(runs / RUN / "train/completions.parquet", columns=["step", "correct"]).to_pylist()
    first = [row["correct"] for row in rows if row["step"] == found.checks[0].step]
    assert found.checks[0].number == len(first)
    assert found.checks[0].right == pytest.approx(sum(first) / len(first))


def test_a_run_without_a_reward_and_broken_tables_are_refused(runs, tmp_path):
    with pytest.raises(UserError, match="only RL runs earn one"):
        readers.read(runs / "sft-small-2k-0")
    shutil.copytree(runs / RUN / "train", tmp_path / "run")
    pq.write_table(pa.table({"step": [1]}), tmp_path / "run/probes.parquet")
    with pytest.raises(UserError, match=r"not as docs/tables.md has them"):
        readers.read(tmp_path / "run")
