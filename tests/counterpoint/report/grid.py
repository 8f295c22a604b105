"""The published study as a report reads it: its own grid, with made-up accuracies, probes and costs."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from random import Random

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from counterpoint import params
from counterpoint.params import compose
from counterpoint.report.pictures import style
from counterpoint.report.read import arm_order
from counterpoint.report.results import Cell, ProbePoint, Results, RunRow

SIZES = {"200": 200, "500": 500, "2k": 2000, "5k": 5000, "20k": 20000}
SUITES = ["in_domain", "rule_shift", "visual_shift", "text_twin", "perception"]
SHIFT = {"in_domain": 0.0, "rule_shift": -0.1, "visual_shift": -0.06, "text_twin": -0.04, "perception": 0.2}
BASES = {"tiny": 0.31, "small": 0.36, "small_early": 0.23}
GAINS = {"sft": 0.14, "dft": 0.16, "rl": 0.08, "sft_then_rl": 0.18, "chord": 0.16, "relift": 0.15}
VERDICTS = ("aligned", "inconclusive", "inconclusive", "saturated", "deceptive")
ASKED, PROBED, PROBES = 800, 320, 13
# inches of a picture whose letters of 9 points are 7.5 pixels high on a phone, and 6.5 points on a page of 10.5 inches
WIDEST, TALLEST = 390 * 9 / 72 / 7.5, 10.5 * 9 / 6.5


def words(figure: Figure) -> list[str]:
    """All that is written on a picture."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def fits(figure: Figure) -> bool:
    """Whether nothing leaves the sheet and no letter is smaller than stated."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    drawn = figure.get_tightbbox(renderer)
    assert all(text.get_fontsize() >= style.SMALLEST for text in figure.findobj(Text) if text.get_text())
    return min(drawn.x0, drawn.y0) >= 0 and drawn.x1 <= figure.get_figwidth() and drawn.y1 <= figure.get_figheight()


def changed(results: Results, change, name: str = "deceptive_rewards") -> Results:
    """The results with the rows of a mart changed; `change` gives the new values of a row."""
    rows = [{**row, **change(row)} for row in results.marts[name]]
    return replace(results, marts={**results.marts, name: rows})


def legible(figure: Figure) -> bool:
    """Whether nothing leaves the picture, no letter is smaller than stated, and no words lie on others (those along its
    axes not asked)."""
    figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    drawn = figure.get_tightbbox(renderer)
    assert min(drawn.x0, drawn.y0) >= 0 and drawn.x1 <= figure.get_figwidth() and drawn.y1 <= figure.get_figheight()
    ticks = {text for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for text in axis.get_ticklabels()}
    texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert min(text.get_fontsize() for text in texts) >= style.SMALLEST
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text not in ticks]
    for (first, box), (second, beside) in combinations(boxes, 2):
        apart = (
            max(box.x0, beside.x0) > min(box.x1, beside.x1) - 2 or max(box.y0, beside.y0) > min(box.y1, beside.y1) - 2
        )
        assert apart, (first, second)
    return True


@cache
def composed() -> dict:
    """The parameters of the study."""
    return compose.study("published", Path(__file__).parents[3] / "studies")


@cache
def results() -> Results:
    """What such a study might have measured: its pictures' and its statement's share of it."""
    rng, runs = Random(3), _runs()
    study = Results(
        study="published", runs=runs, sizes=SIZES, suites=SUITES, cells={}, rewards={}, terms={}, probes={},
        marts={
            "claimed": [{"role": role, "sample": sample} for role, sample in composed()["claims"].items()],
            "findings": [], "deceptive_rewards": [], "reward_gap": [], "verifier_audit": [],
            "blind": [{"model": model, "suite": suite, "measurable": suite != "perception", "solved_blind": False}
                      for model in BASES for suite in SUITES],
        },
    )  # fmt: skip
    for run in runs:
        level = _level(run) + (rng.gauss(0, 0.015) if run.method != "base" else 0)
        for suite in SUITES:
            for condition in ("normal",) if run.method != "base" else ("normal", "no_image", "shuffled_image"):
                right = level + SHIFT[suite] if condition == "normal" else 0.05
                half = 1.96 * math.sqrt(right * (1 - right) / ASKED)
                study.cells[run.run_id, suite, condition] = Cell(
                    run.run_id, suite, condition, ASKED, right, right - half, right + half, 0.12
                )
        study.rewards[run.run_id], study.probes[run.run_id] = [], []
        if run.method not in ("base", "sft", "dft"):
            _trained(study, run, level, rng)
    return study


def _runs() -> list[RunRow]:
    made = params.parse(composed()).runs
    runs = [
        RunRow(
            run_id, run.get("arm", "base"), run.get("method", "base"), run["model"], run.get("sample"),
            run.get("seed"), "completed",
        )
        for run_id, run in ((run_id, vars(spec)) for run_id, spec in {**made.base, **made.trained}.items())
    ]  # fmt: skip
    return sorted(runs, key=lambda run: (list(BASES).index(run.model), *arm_order(run, SIZES)))


def _level(run: RunRow) -> float:
    if run.method == "base":
        return BASES[run.model]
    variant = Random(run.arm).gauss(0, 0.05) if run.arm != run.method else 0.0
    more = 1 + 0.5 * math.log10(SIZES[run.sample] / 2000)
    return BASES[run.model] + (GAINS[run.method] + variant) * more


def _trained(study: Results, run: RunRow, level: float, rng: Random) -> None:
    """Rewards, probes and the verdict of a run whose accuracy ends at `level`."""
    updates = min(120, math.ceil(SIZES[run.sample] / 16))
    began = BASES[run.model] + (0.5 * (level - BASES[run.model]) if run.method == "sft_then_rl" else 0.0)
    paid = 0.15 + 0.85 * began
    rise = rng.uniform(0.1, 0.25)

    def at(step: int) -> float:
        return 1 - math.exp(-3 * step / updates)

    study.rewards[run.run_id] += [(step, paid + rise * at(step) + rng.gauss(0, 0.02)) for step in range(1, updates + 1)]
    steps = [round(updates * number / (PROBES - 1)) for number in range(PROBES)]
    for suite in composed()["probe"]["suites"]:
        for decoding, less in (("greedy", 0.0), ("sampled", 0.05)):
            for step in steps:
                right = began + (level - began) * at(step) / at(updates) + SHIFT[suite] - less + rng.gauss(0, 0.015)
                ends = (right - 0.05, right + 0.05)
                study.probes[run.run_id].append(ProbePoint(step, suite, decoding, right, *ends))
    verdict = rng.choice(VERDICTS)
    study.marts["deceptive_rewards"].append(
        {
            "run_id": run.run_id, "suite": "in_domain", "verdict": verdict, "honest": True, "exploit_found": None,
            "mechanism": "decoding" if verdict == "deceptive" else "none", "accuracy_slope_low": None,
        }
    )  # fmt: skip
    study.marts["reward_gap"] += [
        {"run_id": run.run_id, "step": step, "reward": paid + rise * at(max(step, 1))} for step in steps
    ]


def phase_rows() -> list[dict]:
    """Rows of the mart `phase` in domain: every kind of traces that SFT imitated, one cell an exact tie."""
    rng, rows = Random(5), []
    for run in _runs():
        arm = composed()["arms"].get(run.arm, {})
        if run.method != "sft" or run.seed != 11 or arm["settings"] or "part" in arm:
            continue
        difference = round(rng.gauss(0.03, 0.08), 3) if rows else 0.0
        rows.append(
            {
                "model": run.model, "sample": run.sample, "problems": SIZES[run.sample],
                "kind": arm.get("traces", "oracle"), "suite": "in_domain", "sft_arm": run.arm,
                "seeds": 5 if (run.model, run.sample) == ("tiny", "2k") else 3, "n": ASKED,
                "base_accuracy": BASES[run.model], "difference": difference, "significant": abs(difference) > 0.05,
            }
        )  # fmt: skip
    return rows


def cost_rows() -> list[dict]:
    """Rows of the mart `cost_curve`: costs after the study's sizes, efficient as the mart says."""
    rng, rows = Random(6), []
    for arm_runs in results().arms:
        run, arm = arm_runs.runs[0], composed()["arms"].get(arm_runs.runs[0].arm, {})
        low, high = arm.get("part") or (0.0, 1.0)
        prompts = round((high - low) * SIZES.get(run.sample, 0)) * arm.get("settings", {}).get("epochs", 1)
        prompts *= {"sft_then_rl": 1 / max(high - low, 0.5), "base": 0}.get(run.method, 1)
        sampling = run.method not in ("base", "sft", "dft")
        teacher = arm.get("traces") in ("self", "self_again", "sibling")
        accuracy = sum(cell.accuracy for cell in results().arm_cells(arm_runs, "in_domain")) / len(arm_runs.runs)
        rows.append(
            {
                "model": run.model, "arm": run.arm, "method": run.method, "sample": run.sample,
                "problems": SIZES.get(run.sample), "kind": arm.get("traces", "oracle") if run.method == "sft" else None,
                "seeds": len(arm_runs.runs), "n": ASKED, "accuracy": accuracy, "low": accuracy - 0.04,
                "high": accuracy + 0.04, "total_prompts": float(prompts),
                "sampled_tokens": 160.0 * prompts * sampling + 240.0 * SIZES.get(run.sample, 0) * teacher,
                "spent_seconds": prompts * (0.044 if sampling else 0.0016) * rng.uniform(0.9, 1.1),
            }
        )  # fmt: skip
    for name, cost in (("prompts", "total_prompts"), ("tokens", "sampled_tokens"), ("seconds", "spent_seconds")):
        for row in rows:
            row[f"efficient_by_{name}"] = not any(
                other["accuracy"] >= row["accuracy"] and other[cost] <= row[cost] and other is not row
                for other in rows if other["model"] == row["model"]
            )  # fmt: skip
    return rows
