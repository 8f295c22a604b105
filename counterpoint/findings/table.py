"""The mart `findings`: one row for each comparison that the study's runs allow, with its verdict and its finding's."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from counterpoint.findings import matched, prevalence, verdict
from counterpoint.findings.claims import CLAIMS, Claim
from counterpoint.findings.effects import comparisons, describe, evaluated
from counterpoint.findings.study import MEASURES, Study, read
from counterpoint.params import ENDS, Claims

_S, _I, _F = pa.string(), pa.int64(), pa.float64()
SCHEMA = pa.schema(
    {
        "finding": _S, "claim": _S, "role": _S, "contrast": _S, "model": _S, "weaker": _S, "stronger": _S, "suite": _S,
        "matched_on": _S, "first": _S, "second": _S, "unit": _S, "effect": _F, "effect_logits": _F, "low": _F,
        "high": _F, "null_value": _F, "p": _F, "p_holm": _F, "detectable": _F, "seeds": _I, "n": _I, "clusters": _I,
        "first_prompts": _F, "second_prompts": _F, "first_updates": _F, "second_updates": _F, "first_tokens": _F,
        "second_tokens": _F, "first_seconds": _F, "second_seconds": _F, "verdict": _S, "direction": _S, "reason": _S,
        "finding_verdict": _S, "finding_direction": _S, "finding_reason": _S,
    }
)  # fmt: skip
KEY = ("finding", "contrast", "model", "suite", "matched_on")
NONE = "none"  # a key that does not apply: the row of a finding that nothing could test
END = "end"  # matched on nothing: the runs as they ended


def compute(db: duckdb.DuckDBPyConnection, claims: Claims = ENDS) -> pa.Table:
    """The findings of the study in `db`, which holds the tables runs, samples, evals, problems, probe_items, steps,
    timings, accuracy and deceptive_rewards of docs/tables.md. Rows have SCHEMA and are sorted by KEY.

    Equal tables give equal rows, but for those matched on seconds and the columns `*_seconds`.
    """
    probed = sorted({contrast.suite for claim in CLAIMS for contrast in claim.contrasts if contrast.primary})
    study = read(db, probed, claims)
    rows = [row for claim in CLAIMS for row in _rows(study, claim)]
    verdict.decide(rows)
    rows += prevalence.rows(db)
    found = []
    for claim in CLAIMS:
        own = [row for row in rows if row["finding"] == claim.finding]
        given, direction, reason = verdict.overall(own) if own else (verdict.INCONCLUSIVE, None, _untested(claim))
        for row in own or [_placeholder(claim, reason)]:
            told = {"finding_verdict": given, "finding_direction": direction, "finding_reason": reason}
            found.append({**row, **told, "claim": claim.text})
    found.sort(key=lambda row: tuple(row[name] for name in KEY))
    return pa.Table.from_pylist([{name: row.get(name) for name in SCHEMA.names} for row in found], SCHEMA)


def _rows(study: Study, claim: Claim) -> list[dict]:
    """The undecided rows of a claim."""
    found = []
    for comparison in comparisons(study, claim):
        named = describe(comparison) | {
            "obstacle": comparison.obstacle, "halves": _halves(claim) if claim.joint else 1,
        }  # fmt: skip
        role = "primary" if comparison.contrast.primary else "secondary"
        if effect := evaluated(study, comparison):
            points = [[matched.end(run) for run in runs] for _, runs in comparison.arms]
            found.append({**named, "role": role, "matched_on": END, **effect, **matched.costs(study, points)})
        for measure in MEASURES if comparison.contrast.primary else ():
            compared, points = matched.at_equal(study, comparison, measure) or (comparison, None)
            if points and (effect := matched.effect(study, compared, points)):
                told = {**named, **describe(compared), "role": "secondary", "matched_on": measure}
                found.append({**told, **effect, **matched.costs(study, points)})
    return found


def _halves(claim: Claim) -> int:
    return len({(contrast.first, contrast.second) for contrast in claim.contrasts})


def _untested(claim: Claim) -> str:
    if claim.untested:
        return f"{claim.untested[0].upper()}{claim.untested[1:]}."
    arms = sorted({side.arm for contrast in claim.contrasts for side in (contrast.first, contrast.second)})
    return f"No model of this study has the runs that it takes (arms {', '.join(arms)}; the samples as the claim says)."


def _placeholder(claim: Claim, reason: str) -> dict:
    return {
        **dict.fromkeys(KEY, NONE), "finding": claim.finding, "matched_on": END, "role": "primary",
        "verdict": verdict.INCONCLUSIVE, "reason": reason,
    }  # fmt: skip


def as_json(table: pa.Table) -> dict:
    """Nested by finding, in the order of the claims: `claim`, `verdict`, `direction`, `reason`, `contrasts` (the rows,
    primary first, without what they say of the finding, without empty cells, and without what a clock decides: columns
    `*_seconds` and rows matched on seconds); numbers rounded to 6 places."""
    found: dict = {}
    for claim in CLAIMS:
        own = [row for row in table.to_pylist() if row["finding"] == claim.finding]
        if not own:
            continue
        steady = [row for row in own if row["matched_on"] != "seconds"]
        shared = {name: own[0][f"finding_{name}"] for name in ("verdict", "direction", "reason")}
        found[claim.finding] = {
            "claim": claim.text,
            **{name: value for name, value in shared.items() if value is not None},
            "contrasts": [
                {name: round(v, 6) if isinstance(v, float) else v for name, v in row.items() if _kept(name, v)}
                for row in sorted(steady, key=lambda row: (row["role"] != "primary", row["matched_on"] != END))
                if row["contrast"] != NONE
            ],
        }
    return found


def _kept(name: str, value: object) -> bool:
    about_the_finding = name.startswith("finding") or name == "claim"
    return value is not None and not about_the_finding and not name.endswith("_seconds")
