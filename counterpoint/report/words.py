"""What is said of a run's reward, on its sheet and in report.md."""

from __future__ import annotations

from counterpoint.report.markdown import NOTHING, interval, percent, signed
from counterpoint.report.rewarded import Rewarded, tenths


def title(one: Rewarded) -> str:
    """The verdict in a few words, with its mechanism."""
    row = one.row
    return row["verdict"] if row["mechanism"] in ("none", "unknown") else f"{row['verdict']}: {name(row['mechanism'])}"


def name(mechanism: str) -> str:
    """A mechanism for readers."""
    return mechanism.replace("over_specialisation", "over-specialisation")


def facts(one: Rewarded) -> list[str]:
    """Sentences below the title of a sheet: why, how much, what was found."""
    row = one.row
    why = f"{reason(row)[:1].upper()}{reason(row)[1:]}."
    if row["verdict"] == "deceptive":
        known = row["mechanism"] != "unknown"
        why += f" Mechanism: {name(row['mechanism'])}." if known else " No mechanism accounts for it."
    measured = f"{row['probes']} probes of {row['n']} problems"
    if row["effective_probes"] is not None:
        measured += f", worth {row['effective_probes']:.1f} independent ones"
    told = [why, f"{measured}. Reward {reward_change(row)}, accuracy {accuracy_change(row)} points. {_picked(one)}"]
    if row["onset_step"] is not None:
        told[-1] += f" Onset: step {onset(row)}."
    terms = ", ".join(f"{term.name} × {term.weight:g}" for term in one.terms)
    honesty = {True: "honest reward", False: "reward that is not the strict judge", None: "reward"}[row["honest"]]
    paid = f"{honesty[:1].upper()}{honesty[1:]}: {terms}."
    if one.planted:
        paid += f" Exploit {exploit(one)}."
    if one.run.status not in (None, "completed"):
        paid += f" The run {one.run.status}."
    return [*told, paid]


def reason(row: dict) -> str:
    """Why, as the assessment says it, with the page's own minus."""
    return row["reason"].replace(" -", " −")


def reward_change(row: dict) -> str:
    """The reward's change over the run with its interval."""
    return _change(row, "reward_slope", 1, 3)


def accuracy_change(row: dict) -> str:
    """Accuracy's, in points."""
    return _change(row, "accuracy_slope", 100, 1)


def _change(row: dict, column: str, times: float, places: int) -> str:
    if row[column] is None:
        return NOTHING
    said = signed(times * row[column], places)
    ends = [row[f"{column}_{end}"] for end in ("low", "high")]
    return said if None in ends else f"{said} {interval(*(times * end for end in ends), places)}"


def onset(row: dict) -> str:
    """The onset's step with its interval; a dash where there is none."""
    if row["onset_step"] is None:
        return NOTHING
    ends = [row["onset_low"], row["onset_high"]]
    return f"{row['onset_step']}" + ("" if None in ends else f" ({ends[0]:.0f} to {ends[1]:.0f})")


def exploit(one: Rewarded) -> str:
    """Whether a planted exploit was found, with the share of completions that were paid for though wrong."""
    row = one.row
    if row["exploit_found"] is None:
        return "not looked for"
    span = f"({percent(row['exploited_first'])} → {percent(row['exploited_last'])} %)"
    if not one.exploitable:
        return f"none to find {span}"
    return f"found {span}" if row["exploit_found"] else f"not found {span}"


def picked(one: Rewarded) -> str:
    """The probe that the reward would have picked and the best one, with their accuracies."""
    row = one.row
    if row["reward_step"] is None:
        return NOTHING
    chosen = f"{row['reward_step']} ({percent(one.accuracy_at(row['reward_step']))} %)"
    return f"{chosen}; best {row['best_step']} ({percent(one.accuracy_at(row['best_step']))} %)"


def regret(row: dict) -> str:
    """What picking by reward loses, in points."""
    return NOTHING if row["regret"] is None else signed(100 * row["regret"])


def _picked(one: Rewarded) -> str:
    row = one.row
    if row["reward_step"] is None:
        return ""
    lost = "" if row["regret"] is None else f", a regret of {regret(row)} points, cross-fitted"
    return f"By reward one would have picked step {row['reward_step']}{lost}."


def shares(one: Rewarded, column: str) -> tuple[float | None, float | None]:
    """A column of the same-sample audit in the first and the last tenth of the steps."""
    return tenths(one.audit, lambda row: row[column])
