"""Measurements end to end at a miniature shape, and the tables made of them."""

import dataclasses

import pytest

from bench import __main__ as bench
from bench import cases, growth, runs, worker
from bench.clock import Clock
from bench.plain import encode
from counterpoint.errors import UserError


@pytest.fixture
def mini_case(monkeypatch, root, micro_folder):
    """Case "m": two groups of two completions of four tokens on the fixtures' random checkpoint."""
    monkeypatch.chdir(root)
    case = cases.Case("m", "miniature", "rl", 4, 2, 4, checkpoint=str(micro_folder), fixed_length=True)
    return case


@pytest.mark.parametrize("method", ["rl", "sft"])
def test_stock_is_measured(mini_case, tmp_path, method):
    case = mini_case if method == "rl" else dataclasses.replace(mini_case, method="sft", group=1)
    cases.prepare(case, 3, tmp_path)
    found = worker.measure("stock", case, tmp_path, warmup=1, steps=2, limit=None)
    assert len(found["steps"]) == len(found["loss"]) == 2
    assert all(0 < loss < step for loss, step in zip(found["loss"], found["steps"], strict=True))
    assert found["completion_tokens"] == (4.0 if method == "rl" else None)
    assert ("generate" in found) == (method == "rl")
    assert 0 < found["import_mb"] <= found["peak_mb"]


def test_a_slow_first_step_ends_the_measurement(mini_case, tmp_path):
    cases.prepare(mini_case, 3, tmp_path)
    found = worker.measure("stock", mini_case, tmp_path, warmup=1, steps=2, limit=1e-6)
    assert set(found) == {"arm", "case", "too_slow"} and found["too_slow"] > 1e-6


def test_a_random_case_has_its_vocabulary_and_picture(monkeypatch, root, tmp_path):
    monkeypatch.chdir(root)
    shape = dataclasses.replace(cases.vlm_shape(16, 1024), text_layers=1, vision_layers=1)
    case = dataclasses.replace(cases.cases()["b"], batch=4, group=2, shape=shape)
    cases.prepare(case, 1, tmp_path)
    model, processor, problems = cases.load(case, tmp_path)
    assert len(processor.tokenizer) == model.config.text_config.vocab_size == 1024
    assert len(problems) == case.prompts == 2 and model.training
    inputs = encode(processor, problems)
    assert (inputs["input_ids"] == model.config.image_token_id).sum(1).tolist() == [16, 16]


def test_the_clock_counts_whole_steps():
    clock, function = Clock(), lambda x: x + 1
    assert clock.wrap("loss", function)(1) == 2
    assert clock.step_ended() is False
    assert clock.phases[0]["loss"] <= clock.steps[0]
    assert clock.step_ended() is False and clock.phases[1] == {}


def test_a_case_varies_along_the_axes(monkeypatch, root):
    monkeypatch.chdir(root)
    case = worker.varied("b", batch=32, group=16, image_tokens=64)
    assert (case.batch, case.group, case.prompts, case.shape.image_size) == (32, 16, 2, 64)
    for arguments in ({"batch": 60}, {"image_tokens": 50}):
        with pytest.raises(UserError, match=next(iter(arguments)).replace("_", "-")):
            worker.varied("b", **arguments)
    with pytest.raises(UserError, match="known are a, b"):
        worker.varied("z")


def test_a_row_takes_medians_and_ratios_in_turn():
    def one(seconds: float, memory: float) -> dict:
        return {
            "steps": [9.0, seconds, 0.0],
            "loss": [1.0],
            "completion_tokens": 5.0,
            "import_mb": 1.0,
            "peak_mb": memory,
        }

    case = cases.Case("m", "miniature", "rl", 8, 2, 5)
    found = {"stock": [one(4, 7), one(6, 8), one(8, 9)], "shared": [one(1, 3), one(2, 4), one(4, 5)]}
    floor = {"floor_seconds": 0.5, "operations": 1e9, "prompt_tokens": 3.0, "completion_tokens": 5.0}
    row = bench.row(case, "shared", found, floor, peak=5e9)
    assert (row["step_seconds"], row["peak_mb"], row["ratio"], row["ratio_rounds"]) == (2, 4, 3, [4, 3, 2])
    assert (row["completions_per_second"], row["tokens_per_second"], row["floor_distance"]) == (4, 20, 4)
    assert row["mfu"] == pytest.approx(0.1) and row["generate_seconds"] is None
    assert bench.row(case, "stock", found, floor, None)["ratio"] == 1
    assert "MFU 10.0%" in bench.line(row)


def test_mistakes_are_one_line(monkeypatch, root):
    monkeypatch.chdir(root)
    for arguments in (["--case", "z"], ["--arm", "stcok"], ["--rounds", "0"]):
        with pytest.raises(UserError, match=arguments[0]):
            bench.program(arguments)
    with pytest.raises(UserError, match="needs --axis"):
        growth.program(["--values", "1"])


def test_a_failed_worker_says_why(tmp_path, monkeypatch, root):
    monkeypatch.chdir(root)
    with pytest.raises(UserError, match="--case z: no such case"):
        runs.worker("stock", "z", tmp_path, threads=1)


def _grid() -> list[dict]:
    rows = []
    for point in growth.points():
        for arm, seconds in (("shared", 1.0), ("stock", point["batch"] / 16)):
            slow = arm == "stock" and point["image_tokens"] == 576
            rows.append(
                {
                    **point, "arm": arm, "step_seconds": None if slow else seconds,
                    "peak_mb": None if slow else 1000.0, "too_slow_seconds": 75.0 if slow else None,
                }
            )  # fmt: skip
    return rows


def test_growth_moves_one_axis_at_a_time(root, tmp_path):
    points = growth.points()
    assert len(points) == 5 + 5 + 4 - 2  # the base point lies on all three
    assert all(sum(point[name] != growth.BASE[name] for name in growth.BASE) <= 1 for point in points)
    rows = _grid()
    text = growth.table(rows)
    assert len(text.splitlines()) == 2 + 5 + 5 + 4
    assert "| completions in a step | 128 | 1.00 | 8.00 | 8.00 | 1,000 | 1,000 |" in text
    assert "| image tokens | 576 | 1.00 | left out: 75 s a step |  | 1,000 |  |" in text
    page = (root / "docs/cost.md").read_text(encoding="utf-8")
    written = growth.rewrite(page, text)
    assert text in written and growth.rewrite(written, text) == written
    with pytest.raises(UserError, match="are missing"):
        growth.rewrite("no marks", text)
    growth.picture(rows, tmp_path / "cost.png")
    assert (tmp_path / "cost.png").stat().st_size > 10_000
