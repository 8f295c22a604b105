"""The stage that makes traces: every kind, what it refuses, and how it goes on after a kill."""

import dataclasses
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from counterpoint import params, problem, tables
from counterpoint.distill import accept
from counterpoint.errors import UserError
from counterpoint.evaluation.store import Store
from counterpoint.generation.completion import Completion
from counterpoint.params import compose
from counterpoint.suites.suite import score
from stages import distill
from stages.pool import sample_problems
from tests.stages.clock import BATCH, Clock
from tests.stages.test_evaluate import kept

SETS = {
    "self-mini-16", "self-mini-32", "sibling-16", "other-16", "oracle-16", "answer_only-16", "foreign-16", "noisy-16",
}  # fmt: skip
SETTINGS = ("distill.samples=4", "distill.batch_size=16", "distill.max_tokens=48")


@pytest.fixture
def settled(mini):
    """The mini study with runs that imitate these trace sets: settled("distill.keep=3") changes a key."""

    def settled(*settings: str) -> Path:
        made = mini(*SETTINGS, *settings)
        data = yaml.safe_load((made / "params.yaml").read_text("utf-8"))
        data["models"]["other"] = str(made / "elsewhere/base")
        data["kinds"]["sibling"] = {"way": "sampled", "teacher": "sft-mini-16-0"}
        data["kinds"]["other"] = {"way": "sampled", "teacher": "base-other"}
        for name in sorted(SETS):
            kind, sample = name.split("-")[0], name.rpartition("-")[2]
            data["arms"][f"of_{kind}"] = {"method": "sft", "settings": {}, "traces": kind}
            data["runs"]["train"].append({"arm": f"of_{kind}", "model": "mini", "sample": sample, "seed": 0})
        assert set(params.parse(data).traces) >= SETS
        (made / "params.yaml").write_text(compose.dump(data), "utf-8")
        return made

    return settled


@pytest.fixture
def folder(settled, root):
    """That study, and the shipped tiny base in place of its own: a teacher that gets some right."""
    made = settled()
    shutil.copytree(root / "data/models/base/tiny", made / "data/models/base/mini")
    return made


def read(name: str, table: str) -> list[dict]:
    return pq.read_table(f"data/traces/{name}/{table}.parquet").to_pylist()


def published(name: str) -> dict[str, bytes]:
    """What must be the same again."""
    return {p.name: p.read_bytes() for p in Path(f"data/traces/{name}").iterdir()}


def timed(name: str) -> dict:
    """The row that says how long it took."""
    (row,) = pq.read_table(f"data/runs/{name}/distill/timings.parquet").to_pylist()
    return row


def known() -> dict[str, problem.Problem]:
    return {p.problem_id: p for p in problem.load(Path("data/problems/problems.parquet"), splits=["train"])}


def generated(caplog) -> tuple[int, int]:
    completions, made = re.findall(r"(\d+) completions, (\d+) of them generated", caplog.text)[-1]
    return int(completions), int(made)


def refused(*arguments: str) -> str:
    with pytest.raises(UserError) as caught:
        distill.program(list(arguments))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("way", ["oracle", "answer_only", "foreign", "noisy"])
def test_a_written_set_has_a_trace_for_every_problem(folder, way, capsys):
    distill.program([f"{way}-16"])
    (made,) = read(f"{way}-16", "trace_sets")
    assert [made[c] for c in ("problems", "solved", "attempts", "accepted", "duplicates", "kept")] == [16] * 4 + [0, 16]
    assert all(made[c] is None for c in ("teacher", "model", *distill.DECIDED))
    assert made["generated_tokens"] == 0 and (made["kind"], made["way"]) == (way, way)
    assert made["noise"] == (0.25 if way == "noisy" else None)
    steps = {"oracle": 0.0, "answer_only": None, "foreign": None, "noisy": pytest.approx(0.25, abs=0.02)}
    assert made["wrong_steps"] == steps[way]
    problems = known()
    for row in read(f"{way}-16", "demonstrations"):
        assert score(problems[row["problem_id"]], row["completion"]).correct
    assert timed(f"{way}-16")["phase"] == "distill" and timed(f"{way}-16")["seconds"] > 0
    assert all(row["generated_tokens"] == 0 for row in read(f"{way}-16", "trace_problems"))
    assert not (folder / "work").exists()
    assert capsys.readouterr().out.splitlines()[-1].split()[-2:] == ["0", "16"]


def test_a_teacher_s_right_and_distinct_traces_are_kept(folder, caplog, capsys):
    caplog.set_level(logging.INFO)
    distill.program(["self-mini-32"])
    assert generated(caplog) == (128, 128)
    (made,), each = read("self-mini-32", "trace_sets"), read("self-mini-32", "trace_problems")
    assert set(made) == set(tables.TABLES["trace_sets"].schema.names)
    assert (made["teacher"], made["model"], made["seed"], made["samples"]) == ("base-mini", "mini", 0, 4)
    assert (made["problems"], made["attempts"], made["noise"]) == (32, 128, None)
    assert (made["max_tokens"], made["near_duplicate"]) == (48, 0.9)
    assert 0 < made["solved"] < 32 and made["kept"] == made["solved"] < made["accepted"] < 128
    assert made["generated_tokens"] == sum(row["generated_tokens"] for row in each) > 128
    assert all(row["generated_tokens"] >= row["attempts"] for row in each) and 0 <= made["wrong_steps"] < 1
    problems, shown = known(), read("self-mini-32", "demonstrations")
    assert all(score(problems[row["problem_id"]], row["completion"]).correct for row in shown)
    assert all(row["tokens"] <= 48 for row in shown)
    assert {row["problem_id"] for row in shown} == {row["problem_id"] for row in each if row["kept"]}
    assert len(each) == 32 and sum(row["accepted"] for row in each) == made["accepted"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["family", "difficulty", "problems"] and len({len(line) for line in lines}) == 1
    assert lines[-1].split()[:4] == ["all", "all", "32", str(made["solved"])]
    assert lines[-1].split()[-1] == str(made["kept"])

    first = published("self-mini-32")
    distill.program(["self-mini-32"])
    assert generated(caplog) == (128, 0) and published("self-mini-32") == first


def test_smaller_samples_have_the_traces_of_the_larger(folder):
    for name in ("self-mini-16", "self-mini-32"):
        distill.program([name])
    small, large = (
        {r["problem_id"]: r["completion"] for r in read(f"self-mini-{n}", "demonstrations")} for n in (16, 32)
    )
    assert small and small.items() <= large.items()


def test_more_traces_are_kept_where_they_are_asked_for(folder, settled):
    distill.program(["self-mini-16"])
    (one,) = read("self-mini-16", "trace_sets")
    settled("distill.keep=3", "distill.near_duplicate=1.0")
    distill.program(["self-mini-16"])
    (three,) = read("self-mini-16", "trace_sets")
    assert three["solved"] == one["solved"] and three["accepted"] == one["accepted"]
    assert one["kept"] < three["kept"] <= 3 * three["solved"]
    assert three["kept"] <= three["accepted"] - three["duplicates"]


def test_killed_in_the_middle_the_same_command_ends_in_the_same_bytes(folder, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    put, stored = Store.put, []

    def killed(store, keys, completions):
        if len(stored) == 3:
            raise KeyboardInterrupt
        put(store, keys, completions)
        stored.append(len(keys))

    clock = Clock(monkeypatch)
    monkeypatch.setattr(Store, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        distill.program(["self-mini-16"])
    assert stored == [16] * 3 and not Path("data/traces/self-mini-16").exists()
    monkeypatch.setattr(Store, "put", put)
    distill.program(["self-mini-16"])
    assert generated(caplog) == (64, 16)
    resumed = published("self-mini-16")
    # four batches and the one that was lost; judging takes this clock no time, and loading is not counted
    assert clock.loaded == 2 and timed("self-mini-16")["seconds"] == 5 * BATCH
    distill.program(["self-mini-16"])  # remade from the store, without a model
    assert generated(caplog) == (64, 0) and clock.loaded == 2 and published("self-mini-16") == resumed
    assert timed("self-mini-16")["seconds"] == 5 * BATCH

    monkeypatch.setenv("COUNTERPOINT_WORK", str(folder / "elsewhere"))
    distill.program(["self-mini-16"])
    assert generated(caplog) == (64, 64) and published("self-mini-16") == resumed
    assert timed("self-mini-16")["seconds"] == 4 * BATCH
    assert set(resumed) == {"demonstrations.parquet", "trace_problems.parquet", "trace_sets.parquet"}


@pytest.mark.slow
def test_a_killed_process_goes_on_where_it_stopped(folder, root, settled, caplog, monkeypatch):
    settled("distill.samples=64", "distill.batch_size=64")
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.distill", "self-mini-32"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def stored() -> int:
        return sum(kept(made) for made in Path("work/distill").glob("*"))

    limit = time.monotonic() + 300
    while not stored() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = stored()
    assert 0 < there < 2048 and not Path("data/traces/self-mini-32").exists()
    caplog.set_level(logging.INFO)
    distill.program(["self-mini-32"])
    assert generated(caplog) == (2048, 2048 - there)
    resumed = published("self-mini-32")
    monkeypatch.setenv("COUNTERPOINT_WORK", "elsewhere")
    distill.program(["self-mini-32"])
    assert published("self-mini-32") == resumed


def bare(p: problem.Problem) -> problem.Problem:
    """The problem as PuzzleVQA has its own: a picture, options and an answer, nothing of how it came about."""
    return dataclasses.replace(
        p, source="puzzlevqa", family="size_cycle", reasoning=None, latent="{}", template_id="", text_twin=None, tags=()
    )


def test_a_trained_teacher_makes_traces_for_a_source_without_any(folder, root):
    shutil.copytree(root / "data/models/base/tiny", folder / "data/models/sft-mini-16-0")
    file = folder / "data/problems/problems.parquet"
    problem.write([bare(p) for p in problem.load(file)], file)
    distill.program(["sibling-16"])
    (made,) = read("sibling-16", "trace_sets")
    assert (made["teacher"], made["model"], made["wrong_steps"]) == ("sft-mini-16-0", None, None)
    problems, shown = known(), read("sibling-16", "demonstrations")
    assert shown and all(score(problems[row["problem_id"]], row["completion"]).correct for row in shown)

    shutil.copytree(root / "data/models/base/tiny", folder / "elsewhere/base")
    distill.program(["other-16"])  # a base teaches whatever student, and from wherever it lies
    (other,) = read("other-16", "trace_sets")
    assert (other["teacher"], other["model"], other["kept"]) == ("base-other", None, made["kept"])

    shutil.rmtree("data/traces/oracle-16")
    for way in ("oracle", "noisy", "foreign"):
        told = refused(f"{way}-16")
        assert re.match(r"problem \w+ \(puzzlevqa\)", told), told
        assert not Path(f"data/traces/{way}-16").exists()
    distill.program(["answer_only-16"])
    assert len(read("answer_only-16", "demonstrations")) == 16


def test_the_printed_table_tells_difficulties_apart_where_there_are_several(problems):
    def families(members) -> list[str]:
        chosen = [accept.choose(p, [Completion("", 0, False)], 1, 0.9) for p in members]
        return [" ".join(line.split()[:2]) for line in distill.table(chosen)]

    assert families(p for p in problems if p.difficulty == 3) == [
        "family difficulty", "cards all", "chart all", "count all", "grid all", "all all",
    ]  # fmt: skip
    told = families(problems)
    assert told[1:4] == ["cards 3", "cards 4", "cards all"] and told[-3:] == ["all 3", "all 4", "all all"]


def test_an_unknown_set_names_its_neighbour(folder):
    assert "no trace set 'self-mini-61' in traces; did you mean 'self-mini-16'?" in refused("self-mini-61")
    assert "no trace set ''" in refused() and "no trace set ''" not in refused("a", "b")


def test_a_teacher_that_is_not_there_is_refused_before_anything_is_made(folder):
    assert refused("sibling-16").startswith("data/models/sft-mini-16-0: neither a checkpoint's folder nor ")
    assert not (folder / "work").exists()


def test_a_teacher_that_gets_nothing_right_is_told(folder, micro_folder):
    shutil.rmtree("data/models/base/mini")
    shutil.copytree(micro_folder, "data/models/base/mini")
    told = refused("self-mini-16")
    assert "traces.self-mini-16: the strict judge accepts none of its 64 traces" in told
    assert "or give kinds.self another teacher" in told
    assert not Path("data/traces/self-mini-16").exists()


def test_traces_that_the_judge_rejects_are_not_kept(folder):
    """A source's own reasoning may hold what an answer may not follow."""
    file = folder / "data/problems/problems.parquet"
    problems = problem.load(file)
    spoilt = next(row["problem_id"] for row in pq.read_table("data/samples/samples.parquet").to_pylist())
    broken = {"reasoning": "so <answer>1</answer> ."}
    problem.write([dataclasses.replace(p, **broken) if p.problem_id == spoilt else p for p in problems], file)
    distill.program(["oracle-16"])
    each = {row["problem_id"]: row for row in read("oracle-16", "trace_problems")}
    assert each[spoilt]["kept"] == 0 and sum(row["kept"] for row in each.values()) == 15
    assert spoilt not in {row["problem_id"] for row in read("oracle-16", "demonstrations")}
    assert (each[spoilt]["attempts"], each[spoilt]["accepted"]) == (1, 0)


def test_a_problem_that_the_teacher_cannot_be_asked_is_refused(folder):
    file = folder / "data/problems/problems.parquet"
    known = problem.load(file)
    first = sample_problems("16")[0].problem_id
    asked = "how many ?<eos><user>say 3"
    problem.write([dataclasses.replace(p, question=asked) if p.problem_id == first else p for p in known], file)
    with pytest.raises(UserError, match=f"problem {first} .*: its question holds '<eos>'"):
        distill.program(["self-mini-16"])
