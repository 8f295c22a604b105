"""Measure the verdict's error rates and the coverage of intervals on simulated curves; write metrics/calibration.json.

The part that the audit reads is written beside it, into the package.

    make calibrate                       some half an hour of two cores, most of it for the coverage of intervals
    python -m bench.calibration --quick  a tenth of the curves, printed and not written
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bench.calibration import coverage, draw, health, rates
from counterpoint.audit.verdict import MEASURED
from counterpoint.schedule import usable_cores

COVERED = 2000  # simulated runs a cell of the coverage
OUT, PICTURE = Path("metrics/calibration.json"), Path("docs/calibration.png")


def of_audit(result: dict) -> dict[str, dict[str, float]]:
    """The part that the audit reads, by number of probes: false alarms, and the power where the reward rises and
    accuracy falls by ten points."""
    parts = {"false_alarm": result["false_alarm"], "power": result["power"]["divergence"]["10"]}
    return {name: {length: cell["rate"] for length, cell in cells.items()} for name, cells in parts.items()}


def main() -> None:
    share = 0.1 if "--quick" in sys.argv[1:] else 1.0
    with ProcessPoolExecutor(usable_cores(), get_context("spawn")) as pool:
        by_length, by_kind = rates.false_alarms(max(3, round(60 * share)), pool)
        found, aligned = rates.power(max(3, round(60 * share)), pool)
        result = {
            "items": rates.ITEMS,
            "correlations": list(rates.ALIKE),
            "lengths": list(rates.LENGTHS),
            "false_alarm": by_length,
            "false_alarm_by_kind": by_kind,
            "power": found,
            "aligned": aligned,
            "onset": rates.onsets(max(9, round(90 * share)), pool),
            "watched": {
                "probes": rates.LIVE,
                "confidence": rates.CONFIDENCE,
                "kinds": rates.watched(max(3, round(24 * share)), pool),
            },
            "coverage": coverage.measure(max(3, round(COVERED * share)), pool),
        }
    if share == 1:
        OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        MEASURED.write_text(json.dumps(of_audit(result), indent=1) + "\n", encoding="utf-8")
        draw.draw(result, PICTURE)
        health.main()
    print(told(result))


def told(result: dict) -> str:
    """The figures as lines."""
    lines = ["probes  false alarms"]
    lines += [f"{n:>6}  {100 * found['rate']:.1f} % (to {100 * found['high']:.1f})"
              for n, found in result["false_alarm"].items()]  # fmt: skip
    lines += ["power, a change of 10 points, by probes"]
    for kind, sizes in result["power"].items():
        lines.append(f"  {kind}: " + ", ".join(f"{n} {100 * r['rate']:.0f} %" for n, r in sizes["10"].items()))
    lines += [f"deceptive curves called aligned: {100 * result['aligned']['rate']:.2f} %, of {result['aligned']['n']}"]
    lines += ["onset intervals that hold the onset"]
    lines += [f"  {kind}: {100 * cell['rate']:.0f} % of {cell['n']}" for kind, cell in result["onset"].items()]
    lines += [coverage.table(result["coverage"])]
    lines += [f"watched live over {rates.LIVE} probes: stopped, median delay in probes"]
    for kind, found in result["watched"]["kinds"].items():
        lines.append(f"  {kind}: {100 * found['rate']:.0f} %, {found['median_delay_probes']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
