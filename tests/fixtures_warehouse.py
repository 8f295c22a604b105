"""A small fake study in the layout that the stages publish: plausible numbers, no training, the same at every call."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from counterpoint import params, problem, tables
from counterpoint.params import compose
from counterpoint.problem import Problem
from counterpoint.suites import OWN
from stages.common import PROBLEMS, REJECTS, SAMPLES, TRACES, distill_folder, eval_folder, train_folder
from stages.study_results import StudyFiles

REPOSITORY = Path(__file__).resolve().parents[1]
TABLES, DATABASE = StudyFiles("default").tables, StudyFiles("default").database
FAMILIES = ("cards", "chart", "count", "grid")
PER_SUITE = 16
SIZES = {"2k": 8, "20k": 32}  # rows of the fake samples
STEPS = {"2k": 12, "20k": 24}
PROBE_EVERY = 2
GROUP = 4
SAMPLES_EACH = 2
BLIND = ("no_image", "shuffled_image")
LEVEL = {"base": 0.3, "sft": 0.6, "rl": 0.45, "sft_then_rl": 0.65}  # in-domain accuracy after training
RL = {"arm": "rl", "model": "small", "sample": "20k", "seed": 0}
GRID = {
    "base": ["small"],
    "train": [{"arms": ["sft", "rl", "sft_then_rl"], "models": ["small"], "samples": ["2k"], "seeds": [0]}, RL],
}
SEEDS = (1, 2, 3)
BASES_ONLY = {"base": ["small"], "train": []}


def write_fake_study(root: Path, rules: dict = GRID, study: str = "default") -> Path:
    """Write params.yaml, problems, rejects, samples and every run of the rules under `root`; returns `root`."""
    root.mkdir(parents=True, exist_ok=True)
    data = {**compose.study(study, REPOSITORY / "studies"), "runs": rules}
    study_params = params.parse(data)
    (root / "params.yaml").write_text(compose.dump(data), encoding="utf-8")
    problems = fake_problems()
    problem.write(problems, root / PROBLEMS)
    reject = {"source": "fake", "file": "a.jsonl", "line": 3, "problem_id": None, "reason": "the answer is empty"}
    tables.write("rejects", [reject], root / REJECTS)
    train = [p.problem_id for p in problems if p.split == "train"]
    tables.write(
        "samples",
        [{"sample": s, "problem_id": train[i], "position": i} for s, size in SIZES.items() for i in range(size)],
        root / SAMPLES,
    )
    for name, entry in study_params.traces.items():
        _traces(root / TRACES / name, {"trace_set": name, **vars(entry)}, train[: SIZES[entry.sample]])
        tables.write("timings", [_timing(name, "distill", None, 0.5)], root / distill_folder(name) / "timings.parquet")
    bases, trained = study_params.runs.base, study_params.runs.trained
    for run_id, run in {**bases, **trained}.items():
        row = fake_run(run_id, "base" if run_id in bases else run.method, vars(run))
        rng = Random(run_id)
        if run_id in bases:
            _write_run(row, root / eval_folder(run_id))
        else:
            _write_run(row, root / train_folder(run_id))
            _train(root / train_folder(run_id), row, problems, train, rng)
        _evaluate(root / eval_folder(run_id), row, problems, rng)
    return root


def fake_problems() -> list[Problem]:
    """Problems of every suite, of the probe set and of the training pool; each state has two problems."""
    image = problem.Picture.of(problem.encode_png(_picture()))
    made = []
    sizes = {suite.split: PER_SUITE for suite in OWN.values()} | {"probe": 8, "train": SIZES["20k"]}
    for split, size in sizes.items():
        for i in range(size):
            made.append(
                Problem(
                    state_id=f"s-{split}-{i // 2:02d}", problem_id=f"p-{split}-{i:02d}", source="fake",
                    family=FAMILIES[i // 2 % len(FAMILIES)], split=split, difficulty=1 + i % 3, question="how many ?",
                    images=(image,), answer=str(i // 9), answer_type="integer", reasoning="one two", text_twin="a word",
                    template_id="t", tags=("suite:in_domain",) if split == "probe" else (),
                )
            )  # fmt: skip
    return made


def _traces(folder: Path, row: dict, taught: list[str]) -> None:
    """A trace set that writes one demonstration of each problem."""
    key, number = {"trace_set": row["trace_set"]}, len(taught)
    counts = {
        "problems": number,
        "solved": number,
        "attempts": number,
        "accepted": number,
        "duplicates": 0,
        "kept": number,
    }
    one = {"attempts": 1, "accepted": 1, "duplicates": 0, "kept": 1, "generated_tokens": 0}
    tables.write(
        "trace_sets",
        [{**row, "way": "oracle", "keep": 1, **counts, "generated_tokens": 0}],
        folder / "trace_sets.parquet",
    )
    tables.write("trace_problems", [{**key, "problem_id": p, **one} for p in taught], folder / "trace_problems.parquet")
    shown = {"sample_index": 0, "completion": "<think>one two</think><answer>1</answer>", "tokens": 9}
    tables.write(
        "demonstrations", [{**key, "problem_id": p, **shown} for p in taught], folder / "demonstrations.parquet"
    )


def fake_run(run_id: str, method: str, run: dict) -> dict:
    """A run record, with the columns of the table `runs`."""
    trained = method != "base"
    updates = STEPS[run["sample"]] if trained else 0
    arm = {
        "method": method, "settings": {}, "options": {}, "traces": "oracle",
        "start": "sft" if method == "sft_then_rl" else None, "part": None,
    }  # fmt: skip
    return {
        "run_id": run_id, "study": "default", "arm": run.get("arm", "base"), "method": method, "model": run["model"],
        "sample": run.get("sample"), "seed": run.get("seed"),
        "init_run": {"base": None, "sft_then_rl": f"sft-{run_id[12:]}"}.get(method, f"base-{run['model']}"),
        "engine": "stock" if trained else None, "checkpoint": f"data/models/{run_id}", "status": "completed",
        "checkpoint_rule": "last" if trained else None, "checkpoint_step": updates if trained else None,
        "best_step": updates if trained else None, "stop_reason": None,
        "reward_step": updates if method in ("rl", "sft_then_rl") else None,
        "parameters": 400_000, "prompts_seen": 2 * updates, "updates": updates,
        "generated_tokens": 160 * updates if method in ("rl", "sft_then_rl") else 0, "trained_tokens": 160 * updates,
        "trace_set": f"oracle-{run['sample']}" if method == "sft" else None,
        "trace_nll": 1.5 if method == "sft" else None,
        "teacher_tokens": 0, "params_json": json.dumps({"arm": arm}) if trained else "{}",
    }  # fmt: skip


def _picture():
    from PIL import Image

    return Image.new("RGB", (4, 4), (200, 40, 40))


def _write_run(row: dict, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(row), encoding="utf-8")


def _timing(run_id: str, phase: str, step: int | None, seconds: float) -> dict:
    started = f"2026-01-01T00:00:{(step or 0):02d}.000000+00:00"
    return {
        "run_id": run_id, "step": step, "phase": phase, "seconds": seconds, "started_at": started, "code_rev": "abc",
        "machine": "fake",
    }  # fmt: skip


def _train(folder: Path, run: dict, problems: list[Problem], train: list[str], rng: Random) -> None:
    rl, run_id, last = run["method"] != "sft", run["run_id"], STEPS[run["sample"]]
    probed = [p for p in problems if p.split == "probe"]
    rows: dict[str, list[dict]] = {
        name: [] for name in ("steps", "rewards", "probes", "probe_items", "completions", "timings")
    }
    rows["timings"].append(_timing(run_id, "train", None, 2.0 * last))
    for step in range(last + 1):
        level = LEVEL["base"] + (LEVEL[run["method"]] - LEVEL["base"]) * step / last
        if step:
            _step(rows, run_id, step, level, rl, train, rng)
        if step % PROBE_EVERY == 0:
            rows["timings"].append(_timing(run_id, "probe", step, 0.5))
            for suite in OWN:
                for decoding in ("greedy", "sampled"):
                    _probe(rows, run_id, step, suite, decoding, level, rl, probed, rng)
    for name, found in rows.items():
        tables.write(name, found, folder / f"{name}.parquet")


def _step(rows: dict, run_id: str, step: int, level: float, rl: bool, train: list[str], rng: Random) -> None:
    rows["timings"].append(_timing(run_id, "step", step, 1.5))
    scored = []
    for problem_id in train[:2] if rl else ():
        for index in range(GROUP):
            parsed = rng.random() < 0.95
            correct = parsed and rng.random() < level
            reward = 0.9 * correct + 0.1 * parsed
            scored.append((correct, parsed, reward))
            rows["completions"].append(
                {
                    "run_id": run_id, "step": step, "problem_id": problem_id, "sample_index": index,
                    "completion": "<think>x</think><answer>1</answer>", "extracted": "1" if parsed else "",
                    "correct": correct, "parsed": parsed, "truncated": not parsed, "tokens": 20, "reward": reward,
                    "advantage": 0.0, "terms": [("accuracy", float(correct)), ("format", float(parsed))],
                }
            )  # fmt: skip
    for index, (term, weight) in enumerate((("accuracy", 0.9), ("format", 0.1)) if rl else ()):
        mean = sum(s[index] for s in scored) / len(scored)
        rows["rewards"].append(
            {"run_id": run_id, "step": step, "term": term, "weight": weight, "mean": mean, "std": 0.1}
        )
    reward = sum(s[2] for s in scored) / len(scored) if rl else None
    rows["steps"].append(
        {
            "run_id": run_id, "step": step, "epoch": step / 12, "loss": 1 / step, "learning_rate": 1e-4,
            "grad_norm": 1.0, "reward": reward, "reward_std": 0.1 if rl else None, "entropy": 0.5,
            "kl": 0.0 if rl else None, "completion_length": 20.0 if rl else None,
            "truncated_fraction": 0.05 if rl else None, "zero_advantage_fraction": 0.1 if rl else None, "tokens": 160,
        }
    )  # fmt: skip


def _probe(rows: dict, run_id, step, suite, decoding, level, rl, probed: list[Problem], rng: Random) -> None:
    judged = [(p, rng.random() < level - 0.05 * (decoding == "sampled")) for p in probed]
    correct, n = sum(right for _, right in judged), len(judged)
    key = {"run_id": run_id, "step": step, "suite": suite, "condition": "normal", "decoding": decoding}
    rows["probes"].append(
        {
            **key, "n": n, "correct": correct, "accuracy": correct / n, "parsed_fraction": 1.0, "mean_length": 20.0,
            "reward": 0.9 * correct / n + 0.1 if rl else None,
        }
    )  # fmt: skip
    rows["probe_items"] += [
        {**key, "problem_id": p.problem_id, "correct": right, "parsed": True} for p, right in judged
    ]


def _evaluate(folder: Path, run: dict, problems: list[Problem], rng: Random) -> None:
    rows = []
    for suite in OWN.values():
        for condition in ("normal", *BLIND) if run["method"] == "base" else ("normal",):
            level = LEVEL[run["method"]] - 0.1 * (suite.name != "in_domain") if condition == "normal" else 0.1
            for p in (p for p in problems if p.split == suite.split):
                parsed = rng.random() < 0.95
                correct = parsed and rng.random() < level
                rows.append(
                    {
                        "run_id": run["run_id"], "suite": suite.name, "condition": condition,
                        "problem_id": p.problem_id, "cluster_id": p.state_id, "decoding": "greedy", "sample_index": 0,
                        "completion": f"<think>x</think><answer>{p.answer if correct else 'no'}</answer>",
                        "extracted": (p.answer if correct else "no") if parsed else "", "correct": correct,
                        "parsed": parsed, "lenient_correct": correct or rng.random() < 0.02, "truncated": not parsed,
                        "tokens": 20,
                    }
                )  # fmt: skip
    sampled = [row for row in rows if row["suite"] == "in_domain" and row["condition"] == "normal"]
    rows += [{**row, "decoding": "sampled", "sample_index": i} for row in sampled for i in range(SAMPLES_EACH)]
    traces = [
        {
            **{k: row[k] for k in ("run_id", "suite", "problem_id", "decoding", "sample_index")},
            "step_index": place, "kind": kind, "text": "x", "correct": rng.random() < 0.8,
        }
        for row in sampled for place, kind in enumerate(("perceive", "compute", "answer"))
    ]  # fmt: skip
    tables.write("evals", rows, folder / "evals.parquet")
    tables.write("traces", traces, folder / "traces.parquet")
    tables.write("timings", [_timing(run["run_id"], "evaluate", None, 3.0)], folder / "timings.parquet")
