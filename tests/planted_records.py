"""Records of an RL run that never ran, whose reward and accuracy are what a test needs them to be."""

import json
from pathlib import Path

STEPS = 24


def falls(step: int) -> float:
    """An accuracy that falls by a fifth, and wavers."""
    return 0.5 - 0.008 * step + 0.01 * (step // 2 * 7 % 5 - 2)


def planted(steps=STEPS, every=2, accuracy=falls, format=lambda step: 0.04 * step) -> dict:
    """Rows by table of a run whose format term rises while it answers ever worse; `coin` always pays a half."""
    rows = {"probes": [], "steps": [], "rewards": [], "completions": []}
    for step in range(1, steps + 1):
        right = round(64 * accuracy(step))
        terms = {"accuracy": (0.5, right / 64), "format": (1.0, format(step)), "coin": (1.0, 0.5)}
        rows["rewards"] += [
            {"step": step, "term": term, "weight": weight, "mean": mean} for term, (weight, mean) in terms.items()
        ]
        rows["steps"].append({"step": step, "reward": sum(weight * mean for weight, mean in terms.values())})
        rows["completions"] += [{"step": step, "correct": i < right} for i in range(64)]
    for step in range(0, steps + 1, every):
        for suite in ("in_domain", "rule_shift"):
            for decoding, less in (("greedy", 0.0), ("sampled", 0.125)):
                shown = accuracy(step) - less if suite == "in_domain" else 0.0
                key = {"step": step, "suite": suite, "condition": "normal", "decoding": decoding}
                rows["probes"].append({**key, "accuracy": shown, "n": 256})
    return rows


def write(folder: Path, rows: dict[str, list[dict]]) -> None:
    """Lay the rows down as live records."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, lines in rows.items():
        (folder / f"{table}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
