"""The findings in report.md, as the mart `findings` decided them."""

from __future__ import annotations

from counterpoint.findings import prevalence
from counterpoint.findings.claims import CLAIMS
from counterpoint.report.markdown import NOTHING, folded, interval, signed, table
from counterpoint.report.results import Results

HEADER = ("finding", "contrast", "model", "suite", "effect", "95 % interval", "null", "p", "seeds", "n")
READING = (
    "The effect is the first arm minus the second: points of greedy accuracy, or logits where that is said; n counts "
    "the problems. Its interval is for other seeds and other problems at once (of one seed, for other problems alone); "
    "p is Holm's, over all primary contrasts or all secondary ones. `reward_truth` is a share of n runs, tested alone: "
    "the lower end of its interval counts runs that cannot be told as not deceptive, the upper end as deceptive. "
    "`supported` and `contradicted` need p below 0.05 on that side of the null, at least three seeds and a measurable "
    "suite; with fewer seeds a verdict is at most `suggestive`. Rules: docs/PREREGISTRATION.md."
)


def section(results: Results, pictures: str) -> list[str]:
    """Findings: verdict by verdict, the primary contrasts, the forest plot, the secondary contrasts folded."""
    places = [claim.finding for claim in CLAIMS]
    rows = sorted(results.marts["findings"], key=lambda row: places.index(row["finding"]))
    ended = [row for row in rows if row["effect"] is not None and row["matched_on"] == "end"]
    primary = [row for row in ended if row["role"] == "primary"]
    blocks = ["## Findings", "\n".join(_verdicts(rows))]
    if primary:
        blocks.append(table([*HEADER, "verdict"], [[row["finding"], *_cells(row)] for row in primary], words=4))
        blocks.append(READING)
    blocks.append(f"![Findings with their intervals]({pictures}/findings.png)")
    secondary = [row for row in ended if row["role"] == "secondary"]
    if secondary:
        body = table([*HEADER, "verdict"], [[row["finding"], *_cells(row)] for row in secondary], words=4)
        blocks.append(folded(f"{len(secondary)} secondary contrasts, which decide no finding", body))
    # what is matched on seconds differs from one rerun to the next, and this page does not
    matched = [row for row in rows if row["effect"] is not None and row["matched_on"] not in ("end", "seconds")]
    if matched:
        header = ["finding", "matched on", *HEADER[1:], "verdict"]
        body = table(header, [[row["finding"], row["matched_on"], *_cells(row)] for row in matched], words=5)
        told = (
            "contrasts at equal prompts, updates or tokens, on probe problems (<code>make findings</code> adds seconds)"
        )
        blocks.append(folded(f"{len(matched)} {told}", body))
    return blocks


def _verdicts(rows: list[dict]) -> list[str]:
    """One line a finding, and one for each of its primary tests where there are several."""
    lines = []
    for name in dict.fromkeys(row["finding"] for row in rows):
        own = [row for row in rows if row["finding"] == name]
        lines.append(f"- **{name}**, {own[0]['claim']}: **{said(own[0])}**. {_sentence(own[0]['finding_reason'])}")
        tests = {row["model"]: row for row in own if row["role"] == "primary" and row["matched_on"] == "end"}
        if len(tests) > 1:
            lines += [f"  - {model}: {_sentence(row['reason'])}" for model, row in tests.items()]
    return lines


def _sentence(reason: str) -> str:
    """With a capital, unless a name of the study's comes first."""
    return reason if "_" in reason.partition(" ")[0] else reason[:1].upper() + reason[1:]


def said(row: dict) -> str:
    """The verdict of a row's finding, and which way a suggestion points."""
    way = f" ({row['finding_direction']} it)" if row["finding_direction"] else ""
    return f"{row['finding_verdict']}{way}"


def _cells(row: dict) -> list[str]:
    if row["finding"] == prevalence.FINDING:
        effect, span = f"{row['effect']:.1f} %", f"({row['low']:.1f} to {row['high']:.1f})"
        return _told(row, effect, span, f"{row['null_value']:g} %", f"{row['n']:,} runs")
    logits = row["unit"] == "logits"
    effect = row["effect_logits"] if logits else row["effect"]
    places = 2 if logits else 1
    null = f"{row['null_value']:g}".replace("-", "−")
    said_effect = signed(effect, places) + (" logits" if logits else "")
    return _told(row, said_effect, interval(row["low"], row["high"], places), null, f"{row['n']:,}")


def _told(row: dict, effect: str, span: str, null: str, n: str) -> list[str]:
    p = "< 0.001" if row["p_holm"] < 0.001 else f"{row['p_holm']:.3f}"
    way = f" ({row['direction']})" if row["direction"] else ""
    return [
        row["contrast"], row["model"], row["suite"] or NOTHING, effect, span, null, p, str(row["seeds"]), n,
        f"{row['verdict']}{way}",
    ]  # fmt: skip
