"""A small made-up study as sorted Parquet tables: enough of every record for a report, drawn from a fixed generator."""

from __future__ import annotations

from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from counterpoint import problem, rewards, suites, tables
from counterpoint.problem import Problem
from counterpoint.warehouse import build, contract

SUITES = ("in_domain", "rule_shift", "visual_shift", "difficulty_shift", "text_twin")
SHIFT = {
    "in_domain": 0.0, "rule_shift": -0.15, "visual_shift": -0.06, "difficulty_shift": -0.12, "text_twin": -0.04,
    "held_out_prompts": -0.03, "visual_noise_1": -0.02, "visual_noise_2": -0.08, "visual_noise_3": -0.2, "easier": 0.1,
}  # fmt: skip
GAIN = {"base": 0.0, "sft": 0.28, "sft_long": 0.35, "sft_lora": 0.2, "rl": 0.12, "sft_then_rl": 0.33}
# what a planted arm is paid for, how much more of its answers are right at its end, how many are called so though wrong
PAID = {
    "rl_leaky_list": ({"leaky_list": 0.9, "format": 0.1}, -0.2, 0.7), "rl_format": ({"format": 1.0}, 0.0, 0.0),
    "rl_length": ({"length": 0.9, "format": 0.1}, -0.15, 0.0), "rl_coin": ({"coin": 0.9, "format": 0.1}, 0.0, 0.0),
}  # fmt: skip
HONEST = {"accuracy": 0.9, "format": 0.1}
GROUP = 8  # completions of a step
HARDEST = {"difficulty_shift": 4, "easier": 0}  # difficulties start here, else at 2
ANSWERS = ("7", "7", *map(str, range(10, 28)))
HOSTILE = "<script>alert(1)</script><think>a</think><answer>7</answer>"


def pixel() -> problem.Picture:
    """A tiny PNG."""
    from PIL import Image

    image = Image.new("RGB", (8, 8), "#ffffff")
    for number in range(8):
        image.putpixel((number, number), (200, 40 * (number % 4), 40))
    return problem.Picture.of(problem.encode_png(image))


def problems(count: int, names: tuple[str, ...] = SUITES) -> list[Problem]:
    """`count` problems for each split of the suites; a paraphrase names the problem that it words anew."""
    made = []
    for split in dict.fromkeys(suites.SUITES[name].split for name in names):
        for number in range(count):
            made.append(
                Problem(
                    state_id=f"{split}-s{number:03d}", problem_id=f"{split}-p{number:03d}", source="fake",
                    family=("count", "grid")[number % 2], split=split, difficulty=HARDEST.get(split, 2) + number % 3,
                    question=f"how many <b>{number}</b> ?",
                    images=(pixel(),), answer=ANSWERS[number // 2 % len(ANSWERS)], answer_type="integer",
                    reasoning=f"seven & {number}", text_twin="a b c", template_id="count.all.1",
                    tags=(f"of:in_domain-p{number:03d}",) if split == "held_out_prompts" else (),
                )
            )  # fmt: skip
    return made


def run(arm: str, model: str, sample: str | None = None, seed: int = 0) -> dict:
    """A row of `runs`."""
    trained = sample is not None
    method = {"sft_lora": "sft", "sft_long": "sft", **dict.fromkeys(PAID, "rl")}.get(arm, arm)
    start = f"sft-{model}-{sample}-{seed}" if method == "sft_then_rl" else f"base-{model}"
    return {
        "run_id": f"{arm}-{model}-{sample}-{seed}" if trained else f"base-{model}", "study": "fake", "arm": arm,
        "method": method, "model": model, "sample": sample, "init_run": start if trained else None,
        "trace_set": f"oracle-{sample}" if method == "sft" else None, "teacher_tokens": 0,
        "seed": seed if trained else None, "status": "completed",
        "parameters": {"tiny": 100, "small": 400}.get(model, 400), "updates": 60 if trained else 0,
        "prompts_seen": 120 if trained else 0, "generated_tokens": 0, "trained_tokens": 600 if trained else 0,
        "params_json": "{}",
    }  # fmt: skip


GRID = [
    *(run("base", model) for model in ("tiny", "small", "small_early")),
    *(run(arm, model, sample) for model in ("tiny", "small") for arm in ("sft", "rl") for sample in ("2k", "20k")),
    *(run(arm, model, "2k") for model in ("tiny", "small") for arm in ("sft_lora", "sft_then_rl")),
]
SEEDS = [  # the grid of studies/seeds.yaml
    *(row for row in GRID if row["method"] == "base"),
    *({**row, **run(row["arm"], row["model"], row["sample"], seed)}
      for row in [*GRID, *(run("sft_long", model, "2k") for model in ("tiny", "small"))] if row["method"] != "base"
      for seed in (1, 2, 3)),
    *(run(arm, "small_early", "2k", seed) for arm in ("sft", "rl") for seed in (1, 2, 3)),
]  # fmt: skip
PLANTED = [
    run("base", "tiny"),
    *(run(arm, "tiny", "2k", seed) for arm in ("rl", *PAID) for seed in (1, 2)),
]


def write(
    folder: Path, grid: list[dict] = GRID, items: int = 40, blind_wins: bool = True, names: tuple[str, ...] = SUITES
) -> Path:
    """Write the tables under `folder`/tables and the problems as `folder`/problems.parquet; returns the tables' folder.

    With `blind_wins` a base is no better than its blind baseline on `text_twin`. `names`: the suites that are asked.
    """
    rng, made = Random(7), problems(items, names)
    problem.write(made, folder / "problems.parquet")
    records: dict[str, list[dict]] = {
        name: [] for name in ("evals", "traces", "probes", "steps", "rewards", "completions")
    }
    for row in grid:
        luck = rng.gauss(0, 0.02) if row["method"] != "base" else 0.0
        level = 0.3 + (0.1 if row["model"] != "tiny" else 0) + gain(row["arm"]) + luck
        level += 0.08 if row["sample"] == "20k" else 0
        base = row["method"] == "base"
        for suite in names:
            asked = [item for item in made if item.split == suites.SUITES[suite].split]
            for condition in ("normal", "no_image", "shuffled_image") if base else ("normal",):
                chance = level + SHIFT.get(suite, 0.0) if condition == "normal" else 0.04
                if suite == "text_twin" and base and blind_wins:
                    chance = 0.1
                answers = [_item(row["run_id"], suite, condition, item, rng, chance) for item in asked]
                records["evals"] += answers
                if suite == "in_domain" and condition == "normal":
                    records["evals"] += [
                        {**_item(row["run_id"], suite, condition, item, rng, chance), "decoding": "sampled",
                         "sample_index": index}
                        for item in asked for index in range(4)
                    ]  # fmt: skip
                    records["traces"] += [line for answer in answers for line in _trace(answer, rng)]
        if not base:
            _training(row, level, rng, records)
    sizes = {row["sample"]: {"100": 2, "2k": 4, "20k": 8}[row["sample"]] for row in grid if row["sample"]}
    records["samples"] = [
        {"sample": name, "problem_id": f"t{number}", "position": number}
        for name, size in {**sizes, "200": 1, "5k": 6}.items()
        for number in range(size)  # no run asks for these two
    ]
    records["runs"] = grid
    records["trace_sets"] = [
        {"trace_set": f"oracle-{name}", "kind": "oracle", "way": "oracle", "sample": name, "seed": 0,
         **dict.fromkeys(("problems", "solved", "attempts", "accepted", "kept"), sizes[name]), "generated_tokens": 0}
        for name in sizes
    ]  # fmt: skip
    records["term_kinds"] = [
        {"term": term, "kind": rewards.kind(term), "strict": term == "accuracy"}
        for term in sorted({row["term"] for row in records["rewards"]})
    ]
    records["suites"] = [{"suite": name, **vars(suites.SUITES[name])} for name in names]
    target = folder / "tables"
    for name in contract.STORED.keys() - {"problems", "rejects", "term_kinds"}:
        tables.write(name, records.get(name, []), target / f"{name}.parquet")
    tables.write("completions", records["completions"], folder / "completions.parquet")
    kinds = pa.Table.from_pylist(records["term_kinds"], contract.TERM_KINDS.schema)
    pq.write_table(kinds, target / "term_kinds.parquet")
    _marts(folder, target)
    return target


def _marts(folder: Path, target: Path) -> None:
    """The marts, as the warehouse makes them."""
    with duckdb.connect(config={"threads": 1}) as db:
        for name in contract.STORED.keys() - {"problems", "rejects"}:
            db.read_parquet(str(target / f"{name}.parquet")).create_view(name)
        for name in ("problems", "completions"):
            db.read_parquet(str(folder / f"{name}.parquet")).create_view(name)
        build.derive(db)
        for name in contract.MARTS:
            build.export(db, name, target / f"{name}.parquet")


def _item(run_id: str, suite: str, condition: str, item: Problem, rng: Random, chance: float) -> dict:
    right, parsed = rng.random() < chance, rng.random() < 0.95
    answer = "7" if right else "8"
    return {
        "run_id": run_id, "suite": suite, "condition": condition, "problem_id": item.problem_id,
        "cluster_id": item.state_id, "decoding": "greedy", "sample_index": 0,
        "completion": HOSTILE if not parsed else f"<think>seven</think><answer>{answer}</answer>",
        "extracted": answer if parsed else "", "correct": right and parsed, "parsed": parsed,
        "lenient_correct": (right and parsed) or (parsed and rng.random() < 0.03),
        "truncated": not parsed and rng.random() < 0.5, "tokens": 9,
    }  # fmt: skip


def _trace(answer: dict, rng: Random) -> list[dict]:
    key = {name: answer[name] for name in ("run_id", "suite", "problem_id", "decoding", "sample_index")}
    return [
        {**key, "step_index": number, "kind": kind, "text": "seven", "correct": rng.random() < chance}
        for number, (kind, chance) in enumerate((("perceive", 0.9), ("compute", 0.7), ("answer", 0.95)))
    ]


def gain(arm: str) -> float:
    """By how much an arm ends above its base."""
    return PAID[arm][1] if arm in PAID else GAIN[arm]


def _training(row: dict, level: float, rng: Random, records: dict[str, list[dict]]) -> None:
    rl = row["method"] != "sft"
    total = 156 if row["sample"] == "20k" else 60
    start = level - gain(row["arm"])
    for step in range(1, total + 1):
        reward = _sampled(row, step, start, total, rng, records) if rl else None
        records["steps"].append(
            {"run_id": row["run_id"], "step": step, "loss": 0.1, "reward": reward, "tokens": 10, "entropy": 0.5,
             "zero_advantage_fraction": 0.25 if rl else None}
        )  # fmt: skip
    for step in range(0, total + 1, total // 12):
        for suite in SUITES:
            for decoding in ("greedy", "sampled"):
                chance = start + SHIFT[suite] + (level - start) * step / total - 0.05 * (decoding == "sampled")
                correct = sum(rng.random() < chance for _ in range(64))
                records["probes"].append(
                    {
                        "run_id": row["run_id"], "step": step, "suite": suite, "condition": "normal",
                        "decoding": decoding, "n": 64, "correct": correct, "accuracy": correct / 64,
                        "parsed_fraction": 0.95, "mean_length": 20.0, "reward": None,
                    }
                )  # fmt: skip


def _sampled(row: dict, step: int, start: float, total: int, rng: Random, records: dict[str, list[dict]]) -> float:
    """The completions of a step and what they are paid; returns the mean reward."""
    weights, end, leak = PAID.get(row["arm"], (HONEST, 0.25, 0.0))
    done = 1 - 0.97**step if row["arm"] not in PAID else step / total
    right = min(GROUP, max(0, round(GROUP * (start + end * done + rng.gauss(0, 0.05)))))
    called = min(GROUP, right + round(GROUP * leak * done))
    well = GROUP if row["arm"] not in PAID else round(GROUP * (0.4 + 0.6 * done))
    scores = []
    for index in range(GROUP):
        gives = {
            "accuracy": float(index < right), "leaky_list": float(index < called), "format": float(index < well),
            "length": done, "coin": float(rng.random() < 0.5),
        }  # fmt: skip
        terms = {term: gives[term] for term in weights}
        scores.append(terms)
        records["completions"].append(
            {
                "run_id": row["run_id"], "step": step, "problem_id": "t0", "sample_index": index, "completion": "x",
                "extracted": "7", "correct": index < right, "parsed": index < well, "truncated": False,
                "tokens": 20 + round(20 * done * (row["arm"] == "rl_length")), "advantage": 0.0,
                "reward": sum(weights[term] * value for term, value in terms.items()), "terms": list(terms.items()),
            }
        )  # fmt: skip
    for term, weight in weights.items():
        mean = sum(score[term] for score in scores) / GROUP
        records["rewards"].append(
            {"run_id": row["run_id"], "step": step, "term": term, "weight": weight, "mean": mean, "std": 0.1}
        )
    return sum(weights[term] * score[term] for score in scores for term in weights) / GROUP
