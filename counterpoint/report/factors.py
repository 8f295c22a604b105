"""The factors in pictures and in report.md: competence, sample, kinds of traces, what arms cost, and the split."""

from __future__ import annotations

from pathlib import Path

import duckdb

from counterpoint.report import frontier, phase, split
from counterpoint.report.markdown import NOTHING, folded, interval, listed, number, percent, signed, table
from counterpoint.report.read import rows_of
from counterpoint.report.results import Results

MARTS = ("phase", "cost_curve", "split_curve")  # what the pictures are drawn from
SUITE = "in_domain"


def draw(db: duckdb.DuckDBPyConnection, folder: Path) -> list[Path]:
    """Draw phase.png, frontier_MODEL.png and split.png from the marts in `db`, each where there is something to draw;
    those of another study that lie in `folder` go. Returns what was drawn."""
    for old in [folder / "phase.png", folder / "split.png", *folder.glob("frontier_*.png")]:
        old.unlink(missing_ok=True)
    rows = {name: rows_of(db, f"from {name} order by all") for name in MARTS}
    drawn = [folder / "phase.png"] * phase.draw(rows["phase"], folder / "phase.png")
    drawn += frontier.draw_all(rows["cost_curve"], folder)
    return drawn + [folder / "split.png"] * split.draw(rows["split_curve"], folder / "split.png")


def section(results: Results, pictures: str) -> list[str]:
    """The factors in report.md; nothing where nothing was trained."""
    blocks = [
        *_phase(results, pictures),
        *_unlike(results),
        *_kinds(results),
        *_contrasts(results),
        *_costs(results, pictures),
        *_split(results, pictures),
    ]
    return ["## The factors", TEXT, *blocks] if blocks else []


TEXT = (
    "In-domain accuracy, greedy, in per cent; differences in points. Round brackets hold 95 % intervals over seeds and "
    "problems at once, of one seed over problems alone. Each is read alone: nothing here is corrected for how many "
    "there are, and nothing here was fixed beforehand; what was stands under Findings."
)


def _of(results: Results, mart: str) -> list[dict]:
    """The in-domain rows of a mart, by competence of the base, sample, and kind or share."""
    places = {model: place for place, model in enumerate(results.models)}
    rows = [row for row in results.marts[mart] if row.get("suite", SUITE) == SUITE]
    return sorted(rows, key=lambda row: (places[row["model"]], row["problems"] or 0))


def _model(results: Results, model: str) -> str:
    return f"{model} †" if results.measurable(model, SUITE) is False else model


def _difference(row: dict) -> str:
    if row["difference"] is None:
        return NOTHING
    return f"{signed(100 * row['difference'])} {interval(100 * row['low'], 100 * row['high'])}"


def _phase(results: Results, pictures: str) -> list[str]:
    rows = sorted(_of(results, "phase"), key=lambda row: phase.place(row["kind"]))
    if not rows:
        return []
    ahead = [(row["difference"] > 0) - (row["difference"] < 0) if row["significant"] else 0 for row in rows]
    few = sum(row["seeds"] < phase.FEW for row in rows)
    said = (
        f"Of {len(rows)} cells (a model, a sample, a kind of traces) SFT is ahead in {ahead.count(1)} and RL in "
        f"{ahead.count(-1)}; in {ahead.count(0)} the interval holds 0."
        + (f" {few} of them have fewer than three seeds." if few else "")
        + " Arms differ in their traces alone; the RL runs are the same for all kinds."
    )
    header = ["kind of traces", "model", "sample", "base", "seeds", "SFT", "RL", "SFT − RL", "p"]
    lines = [
        [
            row["kind"], _model(results, row["model"]), row["sample"], percent(row["base_accuracy"]),
            str(row["seeds"]), percent(row["sft"]), percent(row["rl"]), _difference(row), _p(row["p"]),
        ]
        for row in rows
    ]  # fmt: skip
    body = folded(f"{len(rows)} cells in numbers", table(header, lines, words=3))
    picture = f"![When SFT wins, when RL wins]({pictures}/phase.png)"
    return ["### When SFT wins, when RL wins", said, picture, body]


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _kinds(results: Results) -> list[str]:
    """What each kind of traces is worth, a table a model; nothing where there is one kind alone."""
    rows = sorted(_of(results, "trace_kinds"), key=lambda row: (row["problems"] or 0, phase.place(row["kind"])))
    if len({row["kind"] for row in rows}) < 2:
        return []
    told = (
        "Acceptance is the share of a teacher's samples that the strict judge accepts, coverage that of the problems "
        "with a trace; traces that are written, not sampled, are all accepted. Nearness is their mean negative "
        "log-likelihood under the model that training starts from, nats per token: less is nearer. It is over the "
        "problems with a trace, the easier ones where they are sampled, so kinds are compared on different problems; "
        "and seeds share the traces of `self`, `noisy` and `sibling`, so no interval covers the choice of traces. "
        "Wrong: the share of the steps that are false. By family and difficulty: `make query Q=acceptance`."
    )
    blocks = ["### Kinds of traces", told]
    header = [
        "kind", "sample", "acceptance", "coverage", "nats per token", "wrong steps", "seeds", "accuracy", "− oracle",
    ]  # fmt: skip
    for model in results.models:
        lines = [_kind(row) for row in rows if row["model"] == model]
        if lines:
            blocks += [f"#### {_model(results, model)}: kinds of traces", table(header, lines, words=2)]
    return blocks


def _unlike(results: Results) -> list[str]:
    """Which kinds were imitated somewhere without an arm that differs from that on `oracle` in its traces alone."""
    held = {(row["kind"], row["model"], row["sample"]) for row in results.marts["trace_kinds"]}
    taught = [row for row in _of(results, "cost_curve") if row["method"] == "sft" and row["kind"]]
    places: dict[str, list[str]] = {}
    for kind, model, sample in dict.fromkeys((row["kind"], row["model"], row["sample"]) for row in taught):
        if (kind, model, sample) not in held:
            places.setdefault(kind, []).append(f"{model} {sample}")
    if not places:
        return []
    named = "; ".join(f"{kind} ({', '.join(places[kind])})" for kind in sorted(places, key=phase.place))
    return [f"Left out, for SFT on it differs from SFT on `oracle` in more than its traces: {named}."]


def _kind(row: dict) -> list[str]:
    sampled = row["way"] == "sampled"
    nearness = NOTHING if row["trace_nll"] is None else f"{row['trace_nll']:.3f}"
    return [
        row["kind"], row["sample"], percent(row["acceptance"]) if sampled else NOTHING,
        percent(row["coverage"]) if sampled else NOTHING, nearness, percent(row["wrong_steps"]), str(row["seeds"]),
        percent(row["accuracy"]), _difference(row),
    ]  # fmt: skip


def _contrasts(results: Results) -> list[str]:
    """Every way to train beside plain SFT and plain RL, a table a model; nothing where there are only these."""
    rows = _of(results, "arm_contrasts")
    if not rows:
        return []
    counts = [
        f"against `{against}` {sum(one['significant'] and sign * one['difference'] > 0 for one in beside)} {word}"
        for against in ("sft", "rl")
        for beside in [[row for row in rows if row["against"] == against]]
        for sign, word in ((1, "better"), (-1, "worse"))
    ]
    told = (
        "Every other arm against the plain ones on the same sample. Where the interval leaves 0 out: "
        f"{', '.join(counts)}, of {len(rows)} comparisons, uncorrected. Other suites: `make query "
        'Q="from arm_contrasts"`.'
    )
    blocks = ["### Every other way to train, against SFT and RL", told]
    for model in results.models:
        found: dict[tuple, dict[str, dict]] = {}
        for row in rows:
            if row["model"] == model:
                found.setdefault((row["sample"], row["arm"]), {})[row["against"]] = row
        lines = [
            [
                arm, sample, str(max(row["seeds"] for row in beside.values())),
                percent(next(iter(beside.values()))["accuracy"]),
                *(_difference(beside[one]) if one in beside else NOTHING for one in ("sft", "rl")),
            ]
            for (sample, arm), beside in found.items()
        ]  # fmt: skip
        if lines:
            header = ["arm", "sample", "seeds", "accuracy", "− SFT", "− RL"]
            body = table(header, lines, words=2)
            blocks.append(folded(f"{_model(results, model)}: {len(lines)} arms", body))
    return blocks


def _costs(results: Results, pictures: str) -> list[str]:
    rows = _of(results, "cost_curve")
    models = [model for model in results.models if any(r["model"] == model and r["method"] != "base" for r in rows)]
    if not models:
        return []
    told = (
        "An arm is efficient by a cost where no other arm of its model, the base included, is more accurate for at "
        "most 5 % more, nor as accurate for less: by the means over seeds, whatever their intervals. Costs are those "
        "of the run, of what it started from, and of a teacher that was trained for it; tokens are those that it and "
        "its teacher sampled, so that SFT on given traces samples none. By seconds too: `make query Q=cost_curve` (a "
        "clock's, so not here)."
    )
    header = ["model", "cost", "efficient arms, cheapest first: cost, accuracy"]
    costs = {"prompts": ("total_prompts", "efficient_by_prompts"), "tokens": ("sampled_tokens", "efficient_by_tokens")}
    lines = [
        [_model(results, model), name, _efficient([row for row in rows if row["model"] == model], *columns)]
        for model in models
        for name, columns in costs.items()
    ]
    drawn = [f"![Accuracy against cost: {model}]({pictures}/frontier_{model}.png)" for model in models]
    return ["### What accuracy costs", told, table(header, lines, words=3), *drawn]


def _efficient(rows: list[dict], cost: str, efficient: str) -> str:
    found = sorted((row for row in rows if row[efficient]), key=lambda row: row[cost])
    told = [f"{frontier.name_of(row)} ({number(row[cost])}, {percent(row['accuracy'])} %)" for row in found]
    return ", ".join(told)


def _split(results: Results, pictures: str) -> list[str]:
    rows = _of(results, "split_curve")
    if not rows:
        return []
    shares = sorted({row["share"] for row in rows})
    budgets = dict.fromkeys((row["sample"], row["problems"]) for row in rows)
    told = (
        f"The problems of a sample ({listed([f'{name}: {size:,}' for name, size in budgets])}), the first part of them "
        "for SFT and the rest for RL, which starts where SFT ended; what it cost: `make query Q=split_curve`."
    )
    header = ["model", "sample", *(f"{100 * share:g} % SFT" for share in shares)]
    lines = []
    for model, sample in dict.fromkeys((row["model"], row["sample"]) for row in rows):
        cells = {row["share"]: row for row in rows if (row["model"], row["sample"]) == (model, sample)}
        shown = [_reached(cells[share]) if share in cells else NOTHING for share in shares]
        lines.append([_model(results, model), sample, *shown])
    picture = f"![How many of the problems for SFT, how many for RL]({pictures}/split.png)"
    return ["### A budget of problems, split", told, picture, table(header, lines, words=2)]


def _reached(row: dict) -> str:
    return f"{percent(row['accuracy'])} ({percent(row['low'])}–{percent(row['high'])})"
