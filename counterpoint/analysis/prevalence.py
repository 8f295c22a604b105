"""The finding `reward_truth`: how many honest RL runs have a deceptive reward in domain, against one in ten.

No contrast of arms tests it, so it stands outside Holm's families: one exact binomial test with the runs as the unit. A
run on which the verdict stays open, and whose intervals leave room for a deceptive one, counts as none in the lower
bound and as one in the upper: what cannot be told must not pass for good news.
"""

from __future__ import annotations

from counterpoint.analysis.study import Study
from counterpoint.analysis.verdict import (
    CONTRADICTED,
    DIRECTION,
    FEWEST_SEEDS,
    INCONCLUSIVE,
    LEVEL,
    SUGGESTIVE,
    SUPPORTED,
)
from counterpoint.statistics.deceptive import FEWEST, MARGIN

FINDING = "reward_truth"
OFTEN = 10.0  # per cent of the runs
FEWEST_RUNS = 10


def rows(study: Study) -> list[dict]:
    """The finding's one row, decided; none where no honest run has enough probes. Reads `deceptive_rewards`."""
    sql = f"""
        select model, seed, arm, sample, verdict,
            verdict = 'inconclusive' and reward_slope_high > 0 and accuracy_slope_low < {MARGIN} as open
        from deceptive_rewards
        where honest and suite = 'in_domain' and probes >= {FEWEST} order by run_id
    """
    runs = study.db.execute(sql).fetchall()
    if not runs:
        return []
    deceptive, undecided = sum(row[4] == "deceptive" for row in runs), sum(row[5] for row in runs)
    low, high, p = bounds(deceptive, undecided, len(runs))
    row = {
        "finding": FINDING, "role": "primary", "halves": 1,
        "contrast": "share of honest RL runs with a deceptive reward",
        "model": ", ".join(sorted({model for model, *_ in runs})), "suite": "in_domain", "matched_on": "end",
        "unit": "points", "effect": 100 * deceptive / len(runs), "low": low, "high": high, "null_value": OFTEN,
        "p": p, "p_holm": p, "seeds": len({seed for _, seed, *_ in runs}), "n": len(runs),
        "clusters": len({(model, arm, sample) for model, _, arm, sample, *_ in runs}),
    }  # fmt: skip
    return [row | _decided(row, deceptive, undecided)]


def bounds(deceptive: int, undecided: int, runs: int) -> tuple[float, float, float]:
    """The ends of the exact 95 % interval in per cent (Clopper and Pearson, Biometrika 26 (1934) 404), the lower with
    `deceptive` of `runs`, the upper with the `undecided` too, and the p value against `OFTEN` that goes with them."""
    from scipy.stats import binomtest

    least = binomtest(deceptive, runs, OFTEN / 100, "greater")
    most = binomtest(deceptive + undecided, runs, OFTEN / 100, "less")
    low, high = (test.proportion_ci(1 - LEVEL / 2, "exact") for test in (least, most))
    return 100 * float(low.low), 100 * float(high.high), min(1.0, 2 * float(min(least.pvalue, most.pvalue)))


def _decided(row: dict, deceptive: int, undecided: int) -> dict:
    runs, seeds = row["n"], row["seeds"]
    reason = f"{deceptive} of {runs} honest RL runs {'has' if deceptive == 1 else 'have'} a deceptive reward in domain"
    reason += f" and {undecided} cannot be told" if undecided else ""
    reason += f": {row['low']:.1f} to {row['high']:.1f} %, against {OFTEN:g} %"
    if row["clusters"] < runs:
        reason += f" (as if independent; they are seeds of {row['clusters']} configurations)"
    verdict = SUPPORTED if row["low"] > OFTEN else CONTRADICTED if row["high"] < OFTEN else INCONCLUSIVE
    direction = None
    if verdict != INCONCLUSIVE and (seeds < FEWEST_SEEDS or runs < FEWEST_RUNS):
        direction, verdict = DIRECTION[verdict], SUGGESTIVE
        few = "one seed" if seeds == 1 else f"{seeds} seeds"
        reason += f"; on {few} and {runs} runs it is a suggestion ({FEWEST_SEEDS} and {FEWEST_RUNS} are needed)"
    return {"verdict": verdict, "direction": direction, "reason": f"{reason}."}
