"""A small made-up study as sorted Parquet tables: enough of every record for a report, drawn from a fixed generator."""

from __future__ import annotations

from pathlib import Path
from random import Random

import duckdb

from counterpoint import problem, tables
from counterpoint.problem import Problem
from counterpoint.warehouse import contract

SUITES = ("in_domain", "rule_shift", "visual_shift", "difficulty_shift", "text_twin")
SHIFT = {"in_domain": 0.0, "rule_shift": -0.15, "visual_shift": -0.06, "difficulty_shift": -0.12, "text_twin": -0.04}
GAIN = {"base": 0.0, "sft": 0.28, "sft_lora": 0.2, "rl": 0.12, "sft_then_rl": 0.33}
ANSWERS = ("7", "7", *map(str, range(10, 28)))
HOSTILE = "<script>alert(1)</script><think>a</think><answer>7</answer>"


def pixel() -> bytes:
    """A tiny PNG."""
    from PIL import Image

    image = Image.new("RGB", (8, 8), "#ffffff")
    for place in range(8):
        image.putpixel((place, place), (200, 40 * (place % 4), 40))
    return problem.encode_png(image)


def problems(count: int) -> list[Problem]:
    """`count` problems for each suite that has a split."""
    made = []
    for suite in SUITES[:-1]:
        for place in range(count):
            made.append(
                Problem(
                    state_id=f"{suite}-s{place:03d}", problem_id=f"{suite}-p{place:03d}", source="fake",
                    family=("count", "grid")[place % 2], split=suite, difficulty=2,
                    question=f"how many <b>{place}</b> ?",
                    images=(pixel(),), answer=ANSWERS[place // 2 % len(ANSWERS)], answer_type="integer",
                    reasoning=f"seven & {place}", text_twin="a b c",
                )
            )  # fmt: skip
    return made


def run(arm: str, model: str, sample: str | None = None, seed: int = 0) -> dict:
    """A row of `runs`."""
    trained = sample is not None
    return {
        "run_id": f"{arm}-{model}-{sample}-{seed}" if trained else f"base-{model}", "study": "fake", "arm": arm,
        "method": {"sft_lora": "sft"}.get(arm, arm), "model": model, "sample": sample,
        "seed": seed if trained else None, "status": "done", "parameters": {"tiny": 100, "small": 400}.get(model, 400),
        "updates": 60 if trained else 0, "params_json": "{}",
    }  # fmt: skip


GRID = [
    *(run("base", model) for model in ("tiny", "small", "small_early")),
    *(run(arm, model, sample) for model in ("tiny", "small") for arm in ("sft", "rl") for sample in ("2k", "20k")),
    *(run(arm, model, "2k") for model in ("tiny", "small") for arm in ("sft_lora", "sft_then_rl")),
]


def write(folder: Path, grid: list[dict] = GRID, items: int = 40, blind_wins: bool = True) -> Path:
    """Write the tables under `folder`/tables and the problems as `folder`/problems.parquet; returns the tables' folder.

    With `blind_wins` a base is no better than its blind baseline on `text_twin`.
    """
    rng, target = Random(7), folder / "tables"
    made = problems(items)
    problem.write(made, folder / "problems.parquet")
    evals, probes, steps, rewards = [], [], [], []
    for row in grid:
        level = (
            0.3 + (0.1 if row["model"] != "tiny" else 0) + GAIN[row["arm"]] + (0.08 if row["sample"] == "20k" else 0)
        )
        base = row["method"] == "base"
        for suite in SUITES:
            for condition in ("normal", "no_image", "shuffled_image") if base else ("normal",):
                chance = level + SHIFT[suite] if condition == "normal" else 0.04
                if suite == "text_twin" and base and blind_wins:
                    chance = 0.1
                for item in made:
                    if item.split == ("in_domain" if suite == "text_twin" else suite):
                        evals.append(_item(row["run_id"], suite, condition, item, rng, chance))
        if not base:
            _training(row, level, rng, probes, steps, rewards)
    sizes = {row["sample"]: {"100": 2, "2k": 4, "20k": 8}[row["sample"]] for row in grid if row["sample"]}
    samples = [
        {"sample": name, "problem_id": f"t{place}", "position": place} for name in sizes for place in range(sizes[name])
    ]
    for name, rows in {
        "runs": grid, "samples": samples, "evals": evals, "probes": probes, "steps": steps, "rewards": rewards,
    }.items():  # fmt: skip
        tables.write(name, rows, target / f"{name}.parquet")
    _marts(folder, target)
    return target


def _marts(folder: Path, tables_folder: Path) -> None:
    """The marts that the report reads, by the warehouse's own SQL."""
    with duckdb.connect() as db:
        db.execute((contract.SQL / "macros.sql").read_text(encoding="utf-8"))
        for name in ("runs", "evals", "probes", "steps"):
            db.read_parquet(str(tables_folder / f"{name}.parquet")).create_view(name)
        db.read_parquet(str(folder / "problems.parquet")).create_view("problems")
        db.execute(f"create view graded as {contract.files('staging')['graded']}")
        for name in ("accuracy", "sft_vs_rl", "reward_vs_accuracy"):
            db.sql(contract.files("marts")[name]).write_parquet(str(tables_folder / f"{name}.parquet"))


def _item(run_id: str, suite: str, condition: str, item: Problem, rng: Random, chance: float) -> dict:
    right, parsed = rng.random() < chance, rng.random() < 0.95
    said = "7" if right else "8"
    return {
        "run_id": run_id, "suite": suite, "condition": condition, "problem_id": item.problem_id,
        "cluster_id": item.state_id, "decoding": "greedy", "sample_index": 0,
        "completion": HOSTILE if not parsed else f"<think>seven</think><answer>{said}</answer>",
        "extracted": said if parsed else "", "correct": right and parsed, "parsed": parsed,
        "truncated": not parsed and rng.random() < 0.5, "tokens": 9,
    }  # fmt: skip


def _training(row: dict, level: float, rng: Random, probes: list, steps: list, rewards: list) -> None:
    rl = row["method"] != "sft"
    total = 156 if row["sample"] == "20k" else 60
    start = level - GAIN[row["arm"]]
    for step in range(1, total + 1):
        reward = 0.1 + 0.9 * (start + 0.25 * (1 - 0.97**step) + rng.gauss(0, 0.05)) if rl else None
        steps.append({"run_id": row["run_id"], "step": step, "loss": 0.1, "reward": reward, "tokens": 10})
        if rl:
            for term, weight in (("accuracy", 0.9), ("format", 0.1)):
                rewards.append(
                    {"run_id": row["run_id"], "step": step, "term": term, "weight": weight, "mean": reward, "std": 0.1}
                )
    for step in range(0, total + 1, total // 12):
        for suite in SUITES:
            for decoding in ("greedy", "sampled"):
                chance = start + SHIFT[suite] + (level - start) * step / total - 0.05 * (decoding == "sampled")
                correct = sum(rng.random() < chance for _ in range(64))
                probes.append(
                    {
                        "run_id": row["run_id"], "step": step, "suite": suite, "condition": "normal",
                        "decoding": decoding, "n": 64, "correct": correct, "accuracy": correct / 64,
                        "parsed_fraction": 0.95, "mean_length": 20.0, "reward": None,
                    }
                )  # fmt: skip
