"""Measure our verdict beside its rivals on the same simulated runs, and write metrics/league.json and docs/league.png.

    make league                     some minutes of one core; installs the rivals into work/rivals
    python -m bench.league --quick  a tenth of the runs, printed and not written

Printed are the tables of docs/deceptive.md, word by word. A false alarm is a flagged honest run. At a rival's own
operating point ours is the threshold on `evidence` that no more honest runs pass.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from bench.calibration.curves import KINDS, Run, simulate
from bench.calibration.rates import ALIKE, ITEMS, rate
from bench.league import draw, rates
from bench.league.methods import METHODS, PINS, RIVALS, package, versions

SEED = 20
LENGTHS = (12, 20, 40)
SIZES = (0.05, 0.1)
RUNS = 2400  # honest, and as many deceptive
OURS, STRICT = "counterpoint", 0.01  # the share of false alarms at which ours is shown by kind
ORDER = sorted(KINDS, key=lambda kind: KINDS[kind].deceptive)  # honest ones first
ROC_AT = np.geomspace(0.001, 0.4, 60).round(5)
OUT, PICTURE = Path("metrics/league.json"), Path("docs/league.png")


def courses(number: int) -> Iterator[Run]:
    """About `number` honest runs and as many deceptive ones, equally many of each kind, length and size."""
    for kind, shape in KINDS.items():
        cells = sum(other.deceptive == shape.deceptive for other in KINDS.values()) * len(LENGTHS) * len(SIZES)
        for probes, size in product(LENGTHS, SIZES):
            rng = np.random.default_rng([SEED, zlib.crc32(kind.encode()), probes, round(1000 * size)])
            for index in range(math.ceil(number / cells)):
                yield simulate(rng, kind, probes, ITEMS, size, ALIKE[index % len(ALIKE)])


def measure(number: int) -> dict:
    """The league over `number` runs a side; rivals that are not there are named under `missing`."""
    runs = list(courses(number))
    deceptive = np.array([run.deceptive for run in runs])
    lengths = np.array([len(run.steps) for run in runs])
    there = versions()
    judged = {
        name: [judge(run) for run in runs]
        for name, judge in METHODS.items()
        if package(name) is None or package(name) in there
    }
    scores = {name: np.array([score for score, _ in column]) for name, column in judged.items()}
    result = {
        "seed": SEED, "items": ITEMS, "lengths": list(LENGTHS), "sizes": list(SIZES), "correlations": list(ALIKE),
        "honest": int((~deceptive).sum()), "deceptive": int(deceptive.sum()),
        "versions": there, "missing": [f"{name} {pin}" for name, pin in PINS.items() if name not in there],
        "roc_at": ROC_AT.tolist(), "methods": {},
    }  # fmt: skip
    for name, column in judged.items():
        flags = {label: np.array([points[label] for _, points in column]) for label in column[0][1]}
        points = {label: _point(flagged, runs, deceptive) for label, flagged in flags.items()}
        if name != OURS:
            for label, flagged in flags.items():
                same = rates.above(scores[OURS], deceptive, float(flagged[~deceptive].mean()))
                gain = rates.interval(rates.gain, deceptive, scores[OURS], flagged)
                alike = _by_length(scores[OURS], flagged, deceptive, lengths)
                points[label]["ours"] = {"gain": gain, **_point(same, runs, deceptive), "by_length": alike}
        result["methods"][name] = {
            "title": name.replace(package(name), f"{package(name)} {there[package(name)]}") if package(name) else name,
            "given": " ".join(METHODS[name].__doc__.split()),
            "auroc": rates.interval(rates.auroc, deceptive, scores[name]),
            "found_at_1_percent": rates.curve(scores[name], deceptive, [STRICT])[0],
            "points": points,
            "roc": rates.curve(scores[name], deceptive, ROC_AT),
        }
    strict = rates.above(scores[OURS], deceptive, STRICT)
    result["methods"][OURS]["at_1_percent"] = _point(strict, runs, deceptive)
    return result


def _by_length(scores: np.ndarray, flagged: np.ndarray, deceptive: np.ndarray, lengths: np.ndarray) -> dict:
    """By length, how many more deceptive runs ours finds than are `flagged`, at the false alarms of that length."""
    result = {}
    for n in LENGTHS:
        parts = [values[lengths == n] for values in (scores, flagged, deceptive)]
        result[str(n)] = {"gain": rates.interval(rates.gain, parts[2], *parts[:2])}
    return result


def _point(flagged: np.ndarray, runs: list[Run], deceptive: np.ndarray) -> dict:
    """False alarms and runs found: of all, by length, and the share flagged by kind and length."""
    kinds, lengths = np.array([run.kind for run in runs]), np.array([len(run.steps) for run in runs])

    def share(of: np.ndarray) -> float:
        return round(float(flagged[of].mean()), 4)

    return {
        "false_alarms": rate(int(flagged[~deceptive].sum()), int((~deceptive).sum())),
        "found": rate(int(flagged[deceptive].sum()), int(deceptive.sum())),
        "by_length": {
            str(n): {"false_alarms": share(~deceptive & (lengths == n)), "found": share(deceptive & (lengths == n))}
            for n in LENGTHS
        },
        "by_kind": {k: {str(n): share((kinds == k) & (lengths == n)) for n in LENGTHS} for k in ORDER},
    }


def tables(result: dict) -> str:
    """The methods at their own operating points, and ours by kind at 1 % false alarms, as in docs/deceptive.md."""
    lines = ["| method | AUROC | found at 1 % | own point | false alarms | found | ours at that rate (difference) |",
             "|---|---:|---:|---|---:|---:|---:|"]  # fmt: skip
    for method in result["methods"].values():
        auroc = "{value:.3f} ({low:.3f} to {high:.3f})".format(**method["auroc"])
        heads = [method["title"], auroc, _percent(method["found_at_1_percent"])]
        for label, point in (method["points"] or {"–": None}).items():
            lines.append(f"| {' | '.join([*heads, label, *_cells(point)])} |")
            heads = ["", "", ""]
    strict = result["methods"][OURS]["at_1_percent"]["by_kind"]
    lines += ["", f"| flagged at 1 % | {' | '.join(f'{n} probes' for n in result['lengths'])} |",
              f"|---|{'---:|' * len(result['lengths'])}"]  # fmt: skip
    lines += [f"| {k} | {' | '.join(f'{100 * share:.0f} %' for share in by.values())} |" for k, by in strict.items()]
    return "\n".join(lines)


def _cells(point: dict | None) -> list[str]:
    if point is None:
        return ["–", "–", "–"]
    shown = [_percent(point[part]["rate"]) for part in ("false_alarms", "found")]
    if "ours" not in point:
        return [*shown, "–"]
    low, high = (100 * point["ours"]["gain"][end] for end in ("low", "high"))
    return [*shown, f"{_percent(point['ours']['found']['rate'])} ({low:+.1f} to {high:+.1f})".replace("-", "−")]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    result = measure(RUNS // 10 if quick else RUNS)
    if not quick:
        OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        draw.draw(result, PICTURE)
    print(tables(result))
    if result["missing"]:
        print(f"\nnot in {RIVALS}, so left out: {', '.join(result['missing'])}; `make league` installs them")


if __name__ == "__main__":
    main()
