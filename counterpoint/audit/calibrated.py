"""How often the detector errs at this many probes, as `make calibrate` measured it (metrics/calibration.json)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

MEASURED = Path(__file__).resolve().parents[2] / "metrics" / "calibration.json"
NOT_RUN = "calibration not run"


POWER = ("divergence", "10")  # of simulated runs: reward up, accuracy down by so many points


@dataclass(frozen=True)
class Rates:
    """Shares: honest curves of `length` probes called deceptive; of `power_length` probes, curves whose accuracy falls
    by ten points while the reward rises that are found."""

    length: int
    false_alarm: float
    power_length: int
    power: float


def rates(probes: int, path: Path = MEASURED) -> Rates | None:
    """The rates at the longest measured lengths that are not above `probes`; None where there are none, or nothing was
    measured."""
    try:
        measured = json.loads(path.read_text(encoding="utf-8"))
        alarms, found = measured["false_alarm"], measured["power"][POWER[0]][POWER[1]]
        lengths = [max((int(one) for one in cells if int(one) <= probes), default=None) for cells in (alarms, found)]
        if None in lengths:
            return None
        shares = [float(cells[str(n)]["rate"]) for cells, n in zip((alarms, found), lengths, strict=True)]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Rates(lengths[0], shares[0], lengths[1], shares[1])
