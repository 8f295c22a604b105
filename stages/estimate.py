"""Say how long the study in params.yaml will take: python -m stages.estimate

From step times that were measured, where the tables of published studies or of this one hold such for a model and a
stage; else from rates of the micro models by size, one thread a process (docs/LOG.md). No time is promised for other
models. `python -m flows.plan STUDY` prints the whole plan of a study and what of it is done.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.methods import METHODS
from stages.common import main
from stages.places import PUBLISHED, current, place, published_names


@dataclass(frozen=True)
class Line:
    """Seconds of one core for a base with so many weights in its layers: a straight line through `tiny` and `small`."""

    fixed: float
    weight: float

    def __call__(self, weights: int) -> float:
        return self.fixed + self.weight * weights


PER_COMPLETION = Line(0.0012, 6.0e-9)  # 0.0020 and 0.0037: RL, a third of it generates, the rest learns
PER_EXAMPLE = Line(0.0015, 7.8e-9)  # 0.0025 and 0.0047: SFT
PER_ANSWER = Line(0.0019, 4.0e-9)  # 0.003 on average: a suite, a probe
FURTHER = 1 / 3  # of the cost of an answer: each beyond the first to the same prompt
PER_STAGE = 7.0
CARD = "competence@"  # begins the names of stages whose outs ship
ELSEWHERE = 413_696  # weights in the layers of `small`, for models that no recipe tells of
PER_PLANTED = 0.0033  # an example of a base that is trained from scratch or planted, at `tiny`'s size


@dataclass(frozen=True)
class Known:
    """Seconds that were measured: of learning from one example (SFT) or completion by stage and model, of sampling a
    completion and of a probe's answer by model."""

    learnt: Mapping[tuple[str, str], float]
    sampled: Mapping[str, float]
    answered: Mapping[str, float]


NOTHING = Known({}, {}, {})


def measured(folders: Iterable[Path] | None = None) -> Known:
    """The rates in the tables of these folders, later ones first; a folder without tables adds nothing.

    folders: by default those of the published studies and, of this machine, of the study in params.yaml.
    """
    if folders is None:
        here = current()
        folders = [*(PUBLISHED / name for name in published_names()), *([place(here).tables] if here else [])]
    found = NOTHING
    for folder in folders:
        if all((folder / f"{name}.parquet").is_file() for name in ("runs", "timings", "probes")):
            one = _of_tables(folder)
            merged = ({**old, **new} for old, new in zip(vars(found).values(), vars(one).values(), strict=True))
            found = Known(*merged)
    return found


def _of_tables(folder: Path) -> Known:
    import duckdb

    work: dict[str, dict] = {name: defaultdict(lambda: [0.0, 0.0]) for name in ("learnt", "sampled", "answered")}
    with duckdb.connect(config={"threads": 1}) as db:
        try:
            for name in ("runs", "timings", "probes"):
                db.read_parquet(str(folder / f"{name}.parquet")).create_view(name)
            rows = db.execute(
                """
                select method, model, prompts_seen, params_json, step, generate, probe, asked
                from runs
                join (pivot timings on phase in ('step', 'generate', 'probe') using sum(seconds) group by run_id)
                    using (run_id)
                join (select run_id, sum(n) as asked from probes group by run_id) using (run_id)
                order by run_id
                """
            ).fetchall()
        except duckdb.Error as error:
            raise UserError(f"{folder}: not readable ({' '.join(str(error).split())}); `dvc repro warehouse`") from None
    for method, model, prompts, used, *seconds, asked in rows:
        if method not in METHODS:
            continue
        stage = METHODS[method].stage
        section = json.loads(used).get(stage, {})
        completions = prompts * section.get("group_size", 0)
        units = completions * _rounds(section["num_iterations"]) if completions else prompts
        key, amounts = {"learnt": (stage, model)}, {"learnt": units, "sampled": completions, "answered": asked}
        for (name, amount), spent in zip(amounts.items(), seconds, strict=True):
            if spent and amount:
                total = work[name][key.get(name, model)]
                total[0] += spent
                total[1] += amount
    return Known(*({key: spent / amount for key, (spent, amount) in each.items()} for each in work.values()))


def _rounds(iterations: int) -> float:
    """The cost of completions that are learnt from so many times, against once."""
    return (1 + 2 * iterations) / 3


def weights(base: params.Base) -> int:
    """The weights in the layers of a base's two towers, which its speed follows."""
    text = base.text_layers * base.text_width * (4 * base.text_width + 3 * base.text_inner)
    return text + base.vision_layers * base.vision_width * (4 * base.vision_width + 2 * base.vision_inner)


def base_of(settings: params.Params, model: str) -> params.Base | None:
    """The recipe of the base that a model is, or was planted in; None for a model from elsewhere."""
    return settings.bases.get(settings.plants[model].base if model in settings.plants else model)


def by_stage(settings: params.Params, known: Known = NOTHING) -> dict[str, float]:
    """Expected seconds of each stage of dvc.yaml, by name (`train@rl-tiny-2k-0`).

    A model from elsewhere counts as `small`: stages are ordered by that, and no time is promised.
    """
    limits, runs, per_suite = settings.evaluation, settings.runs, settings.problems.per_suite
    probes = 2 * settings.probe.at_least * settings.problems.per_probe * len(settings.probe.suites)
    further = FURTHER * limits.samples * len(set(limits.sampled_suites) & set(settings.suites))

    def rate(line: Line, model: str) -> float:
        base = base_of(settings, model)
        return line(weights(base) if base else ELSEWHERE)

    def learning(stage: str, model: str) -> float:
        return known.learnt.get((stage, model)) or rate(PER_EXAMPLE if stage == "sft" else PER_COMPLETION, model)

    def answering(model: str) -> float:
        return known.answered.get(model) or rate(PER_ANSWER, model)

    def evaluation(model: str, conditions: list[str]) -> float:
        return per_suite * (len(settings.suites) * len(conditions) + further) * answering(model) + PER_STAGE

    found = dict.fromkeys(("check", "problems", "sample", "warehouse", "report"), PER_STAGE)
    for name, plant in settings.plants.items():
        found[f"plant@{name}"] = plant.steps * plant.batch * PER_PLANTED + PER_STAGE
    for name, base in settings.bases.items():
        asked = settings.competence.problems * (8 + settings.competence.samples)
        found[f"competence@{name}"] = asked * PER_ANSWER(weights(base)) + PER_STAGE
    for name, wanted in settings.traces.items():
        found[f"distill@{name}"] = PER_STAGE
        if settings.kinds[wanted.kind].way == "sampled":
            of_base = wanted.reads == "base"
            teacher = wanted.teacher.removeprefix(params.BASE) if of_base else runs.trained[wanted.reads].model
            each = known.sampled.get(teacher) or rate(PER_COMPLETION, teacher) / 3
            found[f"distill@{name}"] += settings.sampling.sizes[wanted.sample] * settings.distill.samples * each
    for run_id, run in runs.base.items():
        found[f"evaluate@{run_id}"] = evaluation(run.model, limits.base_conditions)
    for run_id, run in runs.trained.items():
        stage = _kind(run)
        work = learnt(settings, run) * learning(stage, run.model)
        if stage == "mixed" and (stage, run.model) not in known.learnt:  # each problem's trace at most once as well
            work += _problems(settings, run) * learning("sft", run.model)
        found[f"train@{run_id}"] = work + probes * answering(run.model) + PER_STAGE
        found[f"evaluate@{run_id}"] = evaluation(run.model, limits.trained_conditions)
    return found


def _kind(run: params.RunSpec) -> str:
    """What goes into a run's training, one of `params.STAGES`: its speed is measured by that."""
    return METHODS[run.method].stage


def learnt(settings: params.Params, run: params.RunSpec) -> float:
    """Examples (SFT) or completions that a run learns from; one that is learnt from again counts as what it costs."""
    section = params.settings(settings, run.arm)
    if isinstance(section, params.Rl):
        return _problems(settings, run) * section.group_size * _rounds(section.num_iterations)
    return _problems(settings, run) * (section.stop_at or 1)


def _problems(settings: params.Params, run: params.RunSpec) -> float:
    """Prompts that a run sees on the whole schedule of its arm."""
    low, high = settings.arms[run.arm].part or (0.0, 1.0)
    return settings.sampling.sizes[run.sample] * (high - low) * params.settings(settings, run.arm).epochs


def unknown(settings: params.Params) -> list[str]:
    """Models of the study whose speed is not known: those that are neither bases nor planted ones."""
    runs = (*settings.runs.base.values(), *settings.runs.trained.values())
    return sorted({run.model for run in runs if base_of(settings, run.model) is None})


def hours(seconds: float) -> str:
    """Hours with two places, as the plan prints them."""
    return f"{seconds / 3600:.2f}"


def plan(settings: params.Params, known: Known, done: Collection[str]) -> list[str]:
    """The lines of a study's plan: runs by stage and arm, hours of one core, and what of it is done.

    done: the stages that DVC would leave as they are.
    """
    expected = {
        name: seconds
        for name, seconds in by_stage(settings, known).items()
        if name not in done or not name.startswith(CARD)  # cards ship with the bases
    }
    groups: dict[tuple[str, str], list[str]] = {}
    for name in expected:
        groups.setdefault(_group(settings, name), []).append(name)
    order = ("competence", "distill", "train", "evaluate", "others")
    lines = [("stage", "arm", "models", "samples", "seeds", "runs", "done", "hours", "left")]
    for (stage, arm), names in sorted(groups.items(), key=lambda item: order.index(item[0][0])):
        lines.append((stage, arm, *_over(settings, names), *_amounts(expected, names, done)))
    lines.append(("all", "", "", "", "", *_amounts(expected, expected, done)))
    if unknown(settings):
        lines = [line[:-2] for line in lines]  # no hours are promised
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    ranged = [str.ljust] * 5 + [str.rjust] * 4
    texts = ["  ".join(to(cell, w) for to, cell, w in zip(ranged, line, widths, strict=False)) for line in lines]
    head = f"study {settings.study}: {len(settings.runs.base)} bases, {len(settings.runs.trained)} training runs, "
    return [f"{head}{len(settings.traces)} trace sets", "", *texts, "", *_totals(settings, known, expected, done)]


def _group(settings: params.Params, name: str) -> tuple[str, str]:
    stage, _, item = name.partition("@")
    if stage == "train":
        return stage, settings.runs.trained[item].arm
    if stage == "distill":
        return stage, settings.traces[item].kind
    return (stage if stage in ("competence", "evaluate") else "others"), ""


def _over(settings: params.Params, names: Iterable[str]) -> list[str]:
    """The models, samples and seeds that runs or trace sets are of."""
    items = [(stage, item) for stage, _, item in (name.partition("@") for name in names)]
    about = [settings.runs.trained[item] for stage, item in items if stage == "train"]
    about += [settings.traces[item] for stage, item in items if stage == "distill"]
    found = [dict.fromkeys(getattr(one, key) for one in about) for key in ("model", "sample", "seed")]
    return [" ".join(str(value) for value in values if value is not None) for values in found]


def _amounts(expected: Mapping[str, float], names: Collection[str], done: Collection[str]) -> tuple[str, ...]:
    left = [name for name in names if name not in done]
    spent = [sum(expected[name] for name in group) for group in (names, left)]
    return str(len(names)), str(len(names) - len(left)), *map(hours, spent)


def _totals(settings: params.Params, known: Known, expected: Mapping[str, float], done: Collection[str]) -> Iterable:
    if unknown(settings):
        yield f"the speed of {', '.join(unknown(settings))} is not known here, so no time is promised"
        return
    left = sum(seconds for name, seconds in expected.items() if name not in done)
    for name, seconds in (("in all", sum(expected.values())), ("left", left)):
        yield f"{name:6}  {hours(seconds)} hours of one core, {hours(seconds / 2)} of two"
    pairs = {(_kind(run), run.model) for run in settings.runs.trained.values()}
    timed = sorted(f"{stage} of {model}" for stage, model in pairs & known.learnt.keys())
    yield f"step times measured: {', '.join(timed) or 'none'}; {'' if timed else 'all '}others by the size of the model"


def line(settings: params.Params) -> str:
    """What a study is, and about how long all of it takes."""
    runs, others = settings.runs, unknown(settings)
    head = f"study {settings.study}: {len(runs.base)} bases, {len(runs.trained)} training runs; "
    if others:
        return f"{head}the speed of {', '.join(others)} is not known here, so no time is promised"
    expected = by_stage(settings, measured())
    minutes = sum(seconds for name, seconds in expected.items() if not name.startswith(CARD)) / 60
    return (
        f"{head}about {minutes:.0f} minutes of one idle core, {minutes / 2:.0f} of two, less what DVC finds unchanged"
    )


def program(arguments: list[str]) -> None:
    """Print the estimate."""
    if arguments:
        raise UserError("usage: python -m stages.estimate (it takes no arguments)")
    print(line(params.load()))


if __name__ == "__main__":
    main(program)
