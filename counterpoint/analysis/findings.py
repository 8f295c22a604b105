"""The mart `findings`: one row for each comparison that the study's runs allow, with its verdict and its finding's.

The mart `claimed` says which samples the findings call small and large.
"""

from __future__ import annotations

import pyarrow as pa

from counterpoint.analysis import matched, prevalence, verdict
from counterpoint.analysis.claims import CLAIMS, Claim
from counterpoint.analysis.effects import comparisons, describe, estimate
from counterpoint.analysis.study import MEASURES, Study
from counterpoint.tables import table

_S, _I, _F = pa.string(), pa.int64(), pa.float64()
TABLES = {
    "claimed": table("role", role=_S, sample=_S),
    "findings": table(
        "finding contrast model suite matched_on",
        finding=_S, claim=_S, role=_S, contrast=_S, model=_S, weaker=_S, stronger=_S, suite=_S, matched_on=_S, first=_S,
        second=_S, unit=_S, effect=_F, effect_logits=_F, low=_F, high=_F, null_value=_F, p=_F, p_holm=_F, detectable=_F,
        seeds=_I, n=_I, clusters=_I, first_prompts=_F, second_prompts=_F, first_updates=_F, second_updates=_F,
        first_tokens=_F, second_tokens=_F, first_seconds=_F, second_seconds=_F, verdict=_S, direction=_S, reason=_S,
        finding_verdict=_S, finding_direction=_S, finding_reason=_S,
    ),
}  # fmt: skip
NONE = "none"  # a key that does not apply: the row of a finding that nothing could test
END = "end"  # matched on nothing: the runs as they ended


def claimed(study: Study) -> dict[str, pa.Table]:
    """The mart `claimed`: a row for each of the two samples that there is."""
    rows = [{"role": role, "sample": sample} for role, sample in vars(study.claimed).items() if sample is not None]
    return {"claimed": TABLES["claimed"].of(rows)}


def compute(study: Study) -> dict[str, pa.Table]:
    """The mart `findings`; the connection also needs the marts `blind` and `deceptive_rewards`. Equal tables give equal
    rows, but for those matched on seconds and the columns `*_seconds`."""
    tested = [row for claim in CLAIMS for row in _rows(study, claim)]
    verdict.decide(tested)
    tested += prevalence.rows(study)
    rows = []
    for claim in CLAIMS:
        of_claim = [row for row in tested if row["finding"] == claim.finding]
        if of_claim:
            decision, direction, reason = verdict.overall(of_claim)
        else:
            decision, direction, reason = verdict.INCONCLUSIVE, None, _untested(claim)
            of_claim = [_placeholder(claim, reason)]
        overall = {"finding_verdict": decision, "finding_direction": direction, "finding_reason": reason}
        rows += [{**row, **overall, "claim": claim.text} for row in of_claim]
    return {"findings": TABLES["findings"].of(rows)}


def _rows(study: Study, claim: Claim) -> list[dict]:
    """The undecided rows of a claim: on the suite's own problems after training, and on probes at equal budgets."""
    rows = []
    halves = len({(contrast.first, contrast.second) for contrast in claim.contrasts}) if claim.joint else 1
    for comparison in comparisons(study, claim):
        primary, suite = comparison.contrast.primary, comparison.suite
        ends = [[matched.end(run) for run in runs] for _, runs in comparison.arms]
        answers = [[study.answers[run_id, suite] for run_id, _ in of_arm] for of_arm in ends]
        tested = [("primary" if primary else "secondary", END, comparison, ends, answers)]
        for measure in MEASURES if primary else ():
            if at_equal := matched.at_equal(study, comparison, measure):
                compared, points = at_equal
                answers = [[study.probes[run_id, suite][step] for run_id, step in of_arm] for of_arm in points]
                tested.append(("secondary", measure, compared, points, answers))
        for role, measure, compared, points, answers in tested:
            if effect := estimate(compared, answers):
                row = {"obstacle": comparison.obstacle, "halves": halves, "role": role, "matched_on": measure}
                rows.append(row | describe(compared) | effect | matched.costs(study, points))
    return rows


def _untested(claim: Claim) -> str:
    if claim.untested:
        return f"{claim.untested[0].upper()}{claim.untested[1:]}."
    arms = sorted({side.arm for contrast in claim.contrasts for side in (contrast.first, contrast.second)})
    return f"No model of this study has the runs that it takes (arms {', '.join(arms)}; the samples as the claim says)."


def _placeholder(claim: Claim, reason: str) -> dict:
    return {
        **dict.fromkeys(TABLES["findings"].key, NONE), "finding": claim.finding, "matched_on": END, "role": "primary",
        "verdict": verdict.INCONCLUSIVE, "reason": reason,
    }  # fmt: skip


def as_json(table: pa.Table) -> dict:
    """Nested by finding, in the order of the claims: `claim`, `verdict`, `direction`, `reason`, `contrasts` (the rows,
    primary first, without what they say of the finding, without empty cells, and without what a clock decides: columns
    `*_seconds` and rows matched on seconds); numbers rounded to 6 places."""
    nested: dict = {}
    rows = table.to_pylist()
    for claim in CLAIMS:
        of_claim = [row for row in rows if row["finding"] == claim.finding]
        if not of_claim:
            continue
        overall = {name: of_claim[0][f"finding_{name}"] for name in ("verdict", "direction", "reason")}
        steady = [row for row in of_claim if row["matched_on"] != "seconds" and row["contrast"] != NONE]
        steady.sort(key=lambda row: (row["role"] != "primary", row["matched_on"] != END))
        nested[claim.finding] = {
            "claim": claim.text,
            **{name: value for name, value in overall.items() if value is not None},
            "contrasts": [
                {name: round(v, 6) if isinstance(v, float) else v for name, v in row.items() if _is_shown(name, v)}
                for row in steady
            ],
        }
    return nested


def _is_shown(name: str, value: object) -> bool:
    about_the_finding = name.startswith("finding") or name == "claim"
    return value is not None and not about_the_finding and not name.endswith("_seconds")
