"""Modalities, reliability and the two judges, in report.md."""

from __future__ import annotations

from counterpoint.report.markdown import NOTHING, folded, listed, over_seeds, percent, signed, table
from counterpoint.report.read import suite_place
from counterpoint.report.results import Group, Results

DISAGREED = 0.02  # share of answers above which two judges that disagree are worth a look
MOST = 8  # such places that are named one by one
RELIED = (
    ("worst seed", "worst_seed"), ("avg@k", "avg_at_k"), ("pass@k", "pass_at_k"), ("pass^k", "pass_hat_k"),
    ("same answer", "same_answer"), ("agreement", "agreement"), ("perceive", "perceive_correct"),
    ("compute", "compute_correct"), ("follows", "answer_follows"),
)  # fmt: skip


def modalities(results: Results) -> list[str]:
    """What of an arm's gain on the picture is there in other modalities too."""
    rows = results.marts["cross_modal"]
    views = sorted({row["suite"] for row in rows}, key=suite_place)
    if not views:
        return ["## Modalities", "No suite of this study shows its problems in another modality."]
    blocks = [
        "## Modalities",
        "The same problems as pictures (`in_domain`) and in other modalities: in words alone (`text_twin`), both at "
        "once (`text_and_image`), the question drawn into the picture (`vision_only`). Gains in points over the base "
        "in the same modality, item by item, mean over the seeds; for a base its accuracy, per cent.",
    ]
    by_run = {(row["run_id"], row["suite"]): row for row in rows}
    for model in results.models:
        lines = [line for group in results.groups if group.model == model and (line := _gains(group, by_run, views))]
        if lines:
            header = ["arm", "picture", *(_marked(results, model, view) for view in views)]
            blocks += [f"### {model}: modalities", table(header, lines)]
    return blocks


def _marked(results: Results, model: str, suite: str) -> str:
    return f"{suite} †" if results.measurable(model, suite) is False else suite


def _gains(group: Group, by_run: dict[tuple[str, str], dict], views: list[str]) -> list[str]:
    kept = {view: [row for run in group.runs if (row := by_run.get((run.run_id, view)))] for view in views}
    if not any(kept.values()):
        return []
    seen = max(kept.values(), key=len)
    if group.method == "base":
        return ["base", percent(seen[0]["picture_accuracy"]), *(_share(kept[view]) for view in views)]
    return [
        group.name,
        over_seeds([row["picture_gain"] for row in seen], _points, " to "),
        *(over_seeds([row["gain"] for row in kept[view]], _points, " to ") for view in views),
    ]


def _share(rows: list[dict]) -> str:
    return over_seeds([row["accuracy"] for row in rows])


def _points(value: float) -> str:
    return signed(100 * value)


def reliability(results: Results) -> list[str]:
    """What an arm can be relied on for: a table for each suite that was sampled, and agreement view by view."""
    rows = {(row["model"], row["arm"], row["sample"], row["suite"]): row for row in results.marts["reliability"]}
    sampled = [suite for suite in results.suites if any(key[3] == suite and _drawn(rows[key]) for key in rows)]
    blocks = ["## Reliability"]
    for suite in sampled or results.core[:1]:
        lines, ks = [], set()
        for group in results.groups:
            run = group.runs[0]
            row = rows.get((run.model, run.arm, run.sample, suite))
            if not row:
                continue
            ks.add((row["k"], row["samples"]))
            above = NOTHING if group.method == "base" else f"{row['seeds_above_base']} of {row['seeds']}"
            lines.append([group.title, above, *(percent(row[column]) for _, column in RELIED)])
        told = listed([f"k = {k} of {n} samples" for k, n in sorted(ks) if k]) if sampled else ""
        header = ["arm", "seeds above base", *(name for name, _ in RELIED)]
        blocks += [f"### {suite}" + (f" ({told})" if told else ""), table(header, lines)]
    blocks.insert(
        1,
        "Means over seeds, per cent. `worst seed`: the least greedy accuracy. Of k sampled answers to a problem: "
        "`avg@k` are right (this is pass@1), `pass@k` at least one is, `pass^k` all are. `same answer`, `agreement`: "
        "one state shown in other words or another rendering gets the same answer, or is right in both or wrong in "
        "both; for `in_domain` over all views at once. `perceive`, `compute`: steps of the reasoning that are true; "
        "`follows`: answers that follow from the reasoning before them.",
    )
    return [*blocks, *_views(results)]


def _drawn(row: dict) -> bool:
    return row["avg_at_k"] is not None


def _views(results: Results) -> list[str]:
    found = {(row["run_id"], row["suite"]): row["same_answer"] for row in results.marts["agreement"]}
    views = sorted({suite for (_, suite), same in found.items() if same is not None}, key=suite_place)
    if not views:
        return []
    rows = [
        [group.title, *(over_seeds([found.get((run.run_id, view)) for run in group.runs]) for view in views)]
        for group in results.groups
    ]
    body = table(["arm", *views], rows)
    return [folded("How often the answer to a state is that of <code>in_domain</code>, view by view", body)]


def judges(results: Results) -> list[str]:
    """The strict judge beside the lenient one, arm by arm, and where they disagree more than seldom."""
    by_run: dict[str, list[dict]] = {}
    for row in results.marts["judges"]:
        by_run.setdefault(row["run_id"], []).append(row)
    lines = []
    for group in results.groups:
        rows = [row for run in group.runs for row in by_run.get(run.run_id, ())]
        total = sum(row["n"] for row in rows)
        if not total:
            continue
        shares = [
            sum(row[name] * row["n"] for row in rows) / total
            for name in ("strict_accuracy", "lenient_accuracy", "disagreement")
        ]
        worst = max(rows, key=lambda row: (row["disagreement"], row["suite"], row["decoding"]))
        flag = " **!**" if shares[2] > DISAGREED else ""
        place = f"{percent(worst['disagreement'])} ({worst['suite']}, {worst['decoding']})"
        lines.append([group.title, f"{total:,}", *map(percent, shares[:2]), percent(shares[2]) + flag, place])
    header = ["arm", "answers", "strict", "lenient", "disagree", "most, in one run"]
    told = (
        "The strict judge decides every number here; the lenient one reads the same answers independently. Per cent of "
        f"all answers, greedy and sampled, over suites and seeds. A share above {100 * DISAGREED:g} % is flagged."
    )
    return ["## Judges", told, table(header, lines), flagged(results)]


def flagged(results: Results) -> str:
    """Where two judges disagree on more than `DISAGREED` of a run's answers to a suite, most first."""
    rows = [row for row in results.marts["judges"] if row["disagreement"] > DISAGREED]
    limit = f"{100 * DISAGREED:g} %"
    if not rows:
        return f"In no run do they disagree on more than {limit} of a suite's answers."
    rows.sort(key=lambda row: (-row["disagreement"], row["run_id"], row["suite"], row["decoding"]))
    named = [f"`{r['run_id']}` {r['suite']} {r['decoding']} ({percent(r['disagreement'])} %)" for r in rows[:MOST]]
    rest = f", and {len(rows) - MOST} more" if len(rows) > MOST else ""
    return f"**Above {limit}**: {', '.join(named)}{rest}. Read such answers: `make query Q=judges_disagree`."
