"""Verdicts: Holm's correction over the primary and over the secondary tests, and what may be said of each finding.

The rules are those of docs/PREREGISTRATION.md. The halves of a joint claim on one model and suite enter Holm's family
as one test, with the larger of their p values. One failing half contradicts the claim: its own p, doubled (Bonferroni),
then stands in the place of the larger one.
"""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.statistics import holm

LEVEL = 0.05
FEWEST_SEEDS = 3
SUPPORTED, CONTRADICTED, INCONCLUSIVE, SUGGESTIVE = "supported", "contradicted", "inconclusive", "suggestive"
DIRECTION = {SUPPORTED: "for", CONTRADICTED: "against"}
Entry = list[dict]  # the rows that are decided together: one, or the halves of a joint claim


def entries(rows: Sequence[dict]) -> list[Entry]:
    """The rows by what is decided together."""
    by_key: dict[tuple, Entry] = {}
    for row in rows:
        half = () if row["halves"] > 1 else (row["contrast"],)
        by_key.setdefault((row["finding"], row["model"], row["suite"], row["matched_on"], *half), []).append(row)
    return list(by_key.values())


def decide(rows: Sequence[dict]) -> None:
    """Add `p_holm`, `verdict`, `direction` and `reason` to rows that have an estimate, in place."""
    for role in ("primary", "secondary"):
        family = entries([row for row in rows if row["role"] == role])
        together = _adjusted(family, [max(row["p"] for row in entry) for entry in family])
        lost = [_beaten(entry) for entry in family]
        alone = together
        if any(row and len(entry) > 1 for row, entry in zip(lost, family, strict=True)):
            halves = [
                min(1.0, len(entry) * row["p"]) if row else max(row["p"] for row in entry)
                for row, entry in zip(lost, family, strict=True)
            ]
            alone = _adjusted(family, halves)
        for entry, adjusted, half, beaten in zip(family, together, alone, lost, strict=True):
            _settle(entry, adjusted, half if len(entry) > 1 else adjusted, beaten)


def _beaten(entry: Entry) -> dict | None:
    """The row that lies below its null, with the least p where there are several."""
    return min((row for row in entry if _distance(row) < 0), key=lambda row: row["p"], default=None)


def _adjusted(family: Sequence[Entry], p_values: list[float]) -> list[float]:
    """Holm's p values. A clock must not move the other tests: to them, one matched on seconds counts as if p were 1."""
    timed = [entry[0]["matched_on"] == "seconds" for entry in family]
    if not any(timed):
        return holm(p_values).tolist()
    steady = holm([1.0 if clock else p for clock, p in zip(timed, p_values, strict=True)])
    both = zip(timed, holm(p_values).tolist(), steady.tolist(), strict=True)
    return [moved if clock else fixed for clock, moved, fixed in both]


def _distance(row: dict) -> float:
    """How far the effect lies above the null, in the unit that was tested."""
    return (row["effect"] if row["effect_logits"] is None else row["effect_logits"]) - row["null_value"]


def _settle(entry: Entry, adjusted: float, half: float, beaten: dict | None) -> None:
    """`adjusted`: Holm's p of the entry; `half`: that of its row `beaten`, if one lies below its null."""
    if beaten is None and adjusted < LEVEL:
        verdict = SUPPORTED
    elif beaten is not None and half < LEVEL:
        verdict = CONTRADICTED
    else:
        verdict = INCONCLUSIVE
    for row in entry:
        row["p_holm"] = half if verdict == CONTRADICTED and row is beaten else adjusted
    decisive = beaten if verdict == CONTRADICTED else max(entry, key=lambda row: row["p"])
    allowed, direction, reason = _allowed(entry, verdict, decisive)
    for row in entry:
        row.update(verdict=allowed, direction=direction, reason=reason)


def _allowed(entry: Entry, verdict: str, decisive: dict) -> tuple[str, str | None, str]:
    """The verdict that may be given, which way a suggestion points, and one sentence why."""
    row = entry[0]
    obstacle = next((row["obstacle"] for row in entry if row["obstacle"]), "")
    if not obstacle and len(entry) < row["halves"] and verdict != CONTRADICTED:
        obstacle = f"Only {row['contrast']} could be compared, and the claim has {row['halves']} halves"
    if obstacle:
        return INCONCLUSIVE, None, f"{obstacle}."
    if verdict == INCONCLUSIVE:
        if all(row["same"] for row in entry):
            return INCONCLUSIVE, None, "Both gave right and wrong answers to the same problems."
        return INCONCLUSIVE, None, f"Holm's p of {shown(decisive['p_holm'])} is not below {LEVEL}."
    side = "above" if verdict == SUPPORTED else "below"
    unit, null = decisive["unit"], f"{decisive['null_value']:g}".replace("-", "−")
    if len(entry) > 1:
        effect = "both effects lie" if verdict == SUPPORTED else f"the effect of {decisive['contrast']} lies"
    else:
        effect = "the effect lies"
    reason = f"{effect} {side} {null} {unit} with Holm's p {shown(decisive['p_holm'])}"
    seeds = min(row["seeds"] for row in entry)
    if seeds < FEWEST_SEEDS:
        count = "one seed" if seeds == 1 else f"{seeds} seeds"
        return SUGGESTIVE, DIRECTION[verdict], f"Points {DIRECTION[verdict]} the claim, on {count} only: {reason}."
    return verdict, None, f"{reason[0].upper()}{reason[1:]}."


def shown(p: float) -> str:
    """A p value for readers."""
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.2f}"


def overall(rows: Sequence[dict]) -> tuple[str, str | None, str]:
    """Verdict, direction and reason of a finding from its decided rows: what all primary tests agree on.

    Models that differ make it `inconclusive`.
    """
    deciding = entries([row for row in rows if row["role"] == "primary" and row["matched_on"] == "end"])
    if not deciding:
        return INCONCLUSIVE, None, "No primary contrast of this finding could be made in this study."
    verdicts = [(entry[0]["model"], entry[0]["verdict"], entry[0]["direction"]) for entry in deciding]
    kinds = {(verdict, direction) for _, verdict, direction in verdicts}
    if len(verdicts) == 1:
        return *next(iter(kinds)), deciding[0][0]["reason"]
    reason = "; ".join(f"{model}: {verdict}{f' {way}' if way else ''}" for model, verdict, way in verdicts) + "."
    if len(kinds) == 1:
        return *next(iter(kinds)), f"Every model says the same: {reason}"
    return INCONCLUSIVE, None, f"The models differ: {reason}"
