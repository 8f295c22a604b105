"""Say how long the study in params.yaml will take: python -m stages.estimate

From step times that were measured, where the tables of published studies or of this one hold such for a model and a
stage; else from rates of the micro models by size, one thread a process (docs/LOG.md). No time is promised for other
models. `python -m flows.plan STUDY` prints the whole plan of a study and what of it is done.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from counterpoint import columns, params
from counterpoint.errors import UserError, one_line
from counterpoint.methods import METHODS
from stages.common import main
from stages.study_results import PUBLISHED, StudyFiles, current, published_names


@dataclass(frozen=True)
class Line:
    """Seconds of one core by the number of weights in a base's layers: a straight line through `tiny` and `small`."""

    fixed: float
    weight: float

    def __call__(self, weights: int) -> float:
        return self.fixed + self.weight * weights


PER_COMPLETION = Line(0.0012, 6.0e-9)  # RL: 0.0020 and 0.0037; a third of it is sampling, the rest learning
PER_EXAMPLE = Line(0.0015, 7.8e-9)  # SFT: 0.0025 and 0.0047
PER_ANSWER = Line(0.0019, 4.0e-9)  # in a suite or a probe: 0.003 on average
FURTHER = 1 / 3  # the cost of each further answer to the same prompt, as a share of the first's
PER_STAGE = 7.0  # seconds to start
CARD = "competence@"  # begins the names of stages whose outs ship with the repository
ELSEWHERE = 413_696  # weights in the layers of `small`, assumed for models without a recipe
PER_PLANTED = 0.0033  # an example of a base that is planted, at `tiny`'s size
# Measured seconds: ("learn", stage, model) for an example (SFT) or a completion (RL), ("sample", model) for sampling a
# completion, ("answer", model) for a probe's answer.
Rates = Mapping[tuple[str, ...], float]
SPENT = """
select method, model, prompts_seen, params_json, asked, step, generate, probe
from runs
join (pivot timings on phase in ('step', 'generate', 'probe') using sum(seconds) group by run_id) using (run_id)
join (select run_id, sum(n) as asked from probes group by run_id) using (run_id)
order by run_id
"""
ORDER = ("competence", "distill", "train", "evaluate", "others")  # of the plan's rows


def measured(folders: Iterable[Path] | None = None) -> Rates:
    """The rates in the tables of these folders, later ones first; a folder without tables adds nothing.

    folders: by default those of the published studies and, of this machine, of the study in params.yaml.
    """
    if folders is None:
        here = current()
        folders = [*(PUBLISHED / name for name in published_names()), *([StudyFiles(here).tables] if here else [])]
    rates: dict[tuple[str, ...], float] = {}
    for folder in folders:
        if all((folder / f"{name}.parquet").is_file() for name in ("runs", "timings", "probes")):
            rates |= _of_tables(folder)
    return rates


def _of_tables(folder: Path) -> Rates:
    with duckdb.connect(config={"threads": 1}) as db:
        try:
            for name in ("runs", "timings", "probes"):
                db.read_parquet(str(folder / f"{name}.parquet")).create_view(name)
            rows = db.execute(SPENT).fetchall()
        except duckdb.Error as error:
            raise UserError(f"{folder}: not readable ({one_line(error)}); `dvc repro warehouse`") from None
    spent: Counter[tuple[str, ...]] = Counter()
    amounts: Counter[tuple[str, ...]] = Counter()
    for method, model, prompts, used, answers, learning, sampling, probing in rows:
        if method not in METHODS:
            continue
        stage = METHODS[method].stage
        section = json.loads(used).get(stage, {})
        completions = prompts * section.get("group_size", 0)
        examples = completions * _rounds(section["num_iterations"]) if completions else prompts
        for key, amount, seconds in (
            (("learn", stage, model), examples, learning),
            (("sample", model), completions, sampling),
            (("answer", model), answers, probing),
        ):
            if seconds and amount:
                spent[key] += seconds
                amounts[key] += amount
    return {key: seconds / amounts[key] for key, seconds in spent.items()}


def _rounds(iterations: int) -> float:
    """The cost of learning from a completion so many times, with its sampling, relative to once."""
    return (1 + 2 * iterations) / 3


def weights(base: params.Base) -> int:
    """The number of weights in the layers of a base's two towers, on which its speed depends."""
    text = base.text_layers * base.text_width * (4 * base.text_width + 3 * base.text_inner)
    return text + base.vision_layers * base.vision_width * (4 * base.vision_width + 2 * base.vision_inner)


def base_of(settings: params.Params, model: str) -> params.Base | None:
    """The recipe of the base that a model is, or was planted in; None for a model from elsewhere."""
    return settings.bases.get(settings.plants[model].base if model in settings.plants else model)


def by_stage(settings: params.Params, rates: Mapping[tuple[str, ...], float] = {}) -> dict[str, float]:
    """Expected seconds of each stage of dvc.yaml, by name (`train@rl-tiny-2k-0`).

    A model from elsewhere counts as `small`: stages are ordered by that, and no time is promised.
    """
    limits, runs, per_suite = settings.evaluation, settings.runs, settings.problems.per_suite
    probes = 2 * settings.probe.at_least * settings.problems.per_probe * len(settings.probe.suites)
    further = FURTHER * limits.samples * len(set(limits.sampled_suites) & set(settings.suites))

    def by_size(line: Line, model: str) -> float:
        base = base_of(settings, model)
        return line(weights(base) if base else ELSEWHERE)

    def learning(stage: str, model: str) -> float:
        return rates.get(("learn", stage, model)) or by_size(PER_EXAMPLE if stage == "sft" else PER_COMPLETION, model)

    def answering(model: str) -> float:
        return rates.get(("answer", model)) or by_size(PER_ANSWER, model)

    def evaluation(model: str, conditions: list[str]) -> float:
        return per_suite * (len(settings.suites) * len(conditions) + further) * answering(model) + PER_STAGE

    seconds = dict.fromkeys(("check", "problems", "sample", "warehouse", "report"), PER_STAGE)
    for name, plant in settings.plants.items():
        seconds[f"plant@{name}"] = plant.steps * plant.batch * PER_PLANTED + PER_STAGE
    for name, base in settings.bases.items():
        asked = settings.competence.problems * (8 + settings.competence.samples)
        seconds[f"competence@{name}"] = asked * PER_ANSWER(weights(base)) + PER_STAGE
    for name, traces in settings.traces.items():
        seconds[f"distill@{name}"] = PER_STAGE
        if settings.kinds[traces.kind].way == "sampled":
            of_base = traces.reads == "base"
            teacher = traces.teacher.removeprefix(params.BASE) if of_base else runs.trained[traces.reads].model
            each = rates.get(("sample", teacher)) or by_size(PER_COMPLETION, teacher) / 3
            seconds[f"distill@{name}"] += settings.sampling.sizes[traces.sample] * settings.distill.samples * each
    for run_id, run in runs.base.items():
        seconds[f"evaluate@{run_id}"] = evaluation(run.model, limits.base_conditions)
    for run_id, run in runs.trained.items():
        stage = METHODS[run.method].stage
        work = learnt(settings, run) * learning(stage, run.model)
        if stage == "mixed" and ("learn", stage, run.model) not in rates:  # each problem's trace at most once as well
            work += _problems(settings, run) * learning("sft", run.model)
        seconds[f"train@{run_id}"] = work + probes * answering(run.model) + PER_STAGE
        seconds[f"evaluate@{run_id}"] = evaluation(run.model, limits.trained_conditions)
    return seconds


def learnt(settings: params.Params, run: params.RunSpec) -> float:
    """Examples (SFT) or completions (RL) that a run learns from, each weighted by its relative cost."""
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


def plan(settings: params.Params, rates: Rates, done: Collection[str]) -> list[str]:
    """The lines of a study's plan: runs by stage and arm, hours of one core, and what of it is done.

    done: the stages that DVC would leave as they are.
    """
    expected = {
        name: seconds
        for name, seconds in by_stage(settings, rates).items()
        if name not in done or not name.startswith(CARD)  # cards ship with the bases
    }
    rows: dict[tuple[str, str], list[str]] = {}
    for name in expected:
        stage, arm, _ = _subject(settings, name)
        rows.setdefault((stage, arm), []).append(name)
    table = [("stage", "arm", "models", "samples", "seeds", "runs", "done", "hours", "left")]
    for (stage, arm), names in sorted(rows.items(), key=lambda row: ORDER.index(row[0][0])):
        table.append((stage, arm, *_varied(settings, names), *_amounts(expected, names, done)))
    table.append(("all", "", "", "", "", *_amounts(expected, expected, done)))
    totals = _totals(settings, rates, expected, done)
    if unknown(settings):
        table, totals = [row[:-2] for row in table], [_no_time(settings)]
    head = f"{_head(settings)}, {len(settings.traces)} trace sets"
    return [head, "", *columns.aligned(table, right=range(5, 9)), "", *totals]


def _subject(settings: params.Params, name: str) -> tuple[str, str, params.RunSpec | params.TraceSet | None]:
    """The plan's row of a stage, by its kind and its arm or kind of traces; the run or trace set that it makes."""
    stage, _, item = name.partition("@")
    if stage == "train":
        run = settings.runs.trained[item]
        return stage, run.arm, run
    if stage == "distill":
        traces = settings.traces[item]
        return stage, traces.kind, traces
    return (stage if stage in ORDER else "others"), "", None


def _varied(settings: params.Params, names: Iterable[str]) -> Iterator[str]:
    """The models, the samples and the seeds of the runs or trace sets of these stages, as three cells."""
    subjects = [subject for *_, subject in (_subject(settings, name) for name in names) if subject]
    for key in ("model", "sample", "seed"):
        values = dict.fromkeys(getattr(subject, key) for subject in subjects)
        yield " ".join(str(value) for value in values if value is not None)


def _amounts(expected: Mapping[str, float], names: Collection[str], done: Collection[str]) -> tuple[str, ...]:
    """How many stages, how many of them are done, and the hours of all and of what is left."""
    left = [name for name in names if name not in done]
    all_hours, hours_left = (hours(sum(expected[name] for name in part)) for part in (names, left))
    return str(len(names)), str(len(names) - len(left)), all_hours, hours_left


def _totals(
    settings: params.Params, rates: Rates, expected: Mapping[str, float], done: Collection[str]
) -> Iterator[str]:
    left = sum(seconds for name, seconds in expected.items() if name not in done)
    for name, seconds in (("in all", sum(expected.values())), ("left", left)):
        yield f"{name:6}  {hours(seconds)} hours of one core, {hours(seconds / 2)} of two"
    pairs = {(METHODS[run.method].stage, run.model) for run in settings.runs.trained.values()}
    timed = sorted(f"{stage} of {model}" for stage, model in pairs if ("learn", stage, model) in rates)
    yield f"step times measured: {', '.join(timed) or 'none'}; {'' if timed else 'all '}others by the size of the model"


def line(settings: params.Params) -> str:
    """What a study is, and about how long all of it takes."""
    if unknown(settings):
        return f"{_head(settings)}; {_no_time(settings)}"
    expected = by_stage(settings, measured())
    minutes = sum(seconds for name, seconds in expected.items() if not name.startswith(CARD)) / 60
    cores = f"about {minutes:.0f} minutes of one idle core, {minutes / 2:.0f} of two"
    return f"{_head(settings)}; {cores}, less what DVC finds unchanged"


def _head(settings: params.Params) -> str:
    runs = settings.runs
    return f"study {settings.study}: {len(runs.base)} bases, {len(runs.trained)} training runs"


def _no_time(settings: params.Params) -> str:
    return f"the speed of {', '.join(unknown(settings))} is not known here, so no time is promised"


def program(arguments: list[str]) -> None:
    """Print the estimate."""
    if arguments:
        raise UserError("usage: python -m stages.estimate (it takes no arguments)")
    print(line(params.load()))


if __name__ == "__main__":
    main(program)
