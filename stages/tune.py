"""Search the values of arms, as many trials for each, by Optuna on held-out probes (docs/tuning.md):

    python -m stages.tune [--arms sft,rl,…] [--trials 8] [--model tiny] [--sample 2k] [--jobs 2]

What is searched stands under `tune` in params.yaml. A trial is one run of the stage that trains the arm, in a folder of
its own under work/tune, and the first has the study's own values. Killed, the same command goes on with the same
trials. Writes metrics/tuning/tuning.parquet (a row a trial) and tuning.json (an arm's best). Not a DVC stage.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from counterpoint import files, params, schedule
from counterpoint.errors import UserError, nearest
from counterpoint.files import read_yaml
from counterpoint.params import compose
from counterpoint.problem import digest
from counterpoint.tuning import recipe, space, table
from stages import estimate
from stages.common import main, work_folder
from stages.trials import Programs, Search, make_world, rows, search_arm

TUNING = Path("metrics/tuning")
SECTIONS = ("sft", "rl")  # of params.yaml, and the arms that stand for them
WORLD = "problems"  # the task that draws the problems and samples of all trials; no arm may be named so


def parsed(arguments: list[str], settings: params.Params) -> argparse.Namespace:
    """The command line, what it leaves out as `tune` in params.yaml has it. Raises `UserError`."""
    tune, arms = settings.tune, settings.arms
    parser = argparse.ArgumentParser(prog="python -m stages.tune", description="Search the values of arms.")
    parser.add_argument("--arms", default=",".join(tune.arms), help="separated by commas (default: tune.arms)")
    parser.add_argument("--trials", default=str(tune.trials), help=f"of each arm (default {tune.trials})")
    parser.add_argument("--model", default=tune.model, help=f"default {tune.model}")
    parser.add_argument("--sample", default=tune.sample, help=f"default {tune.sample}")
    parser.add_argument("--jobs", help="trials at a time, of different arms (default: usable cores over `threads`)")
    options = parser.parse_args(arguments)
    options.arms = [name for name in options.arms.split(",") if name]
    options.jobs = schedule.jobs_from(options.jobs, settings.threads)
    if not re.fullmatch(r"0*[1-9][0-9]{0,3}", options.trials):
        raise UserError(f"--trials: {options.trials!r} is not a whole number from 1 up")
    options.trials = int(options.trials)
    if not options.arms:
        raise UserError(f"--arms names none; known are {', '.join(arms)}")
    for name in (*options.arms, *tune.arms):
        if name not in arms:
            raise UserError(f"--arms or tune.arms: no arm {name!r}{nearest(name, arms)}")
    for key, chosen, known in (
        ("model", options.model, settings.models),
        ("sample", options.sample, settings.sampling.sizes),
    ):
        if chosen not in known:
            raise UserError(f"--{key} or tune.{key}: no {key} {chosen!r}{nearest(chosen, known)}")
    if any(run.seed == tune.seed for run in settings.runs.trained.values()):
        raise UserError(
            f"params.yaml: tune.seed {tune.seed} is that of a run of this study; give tuning one of its own"
        )
    return options


def searches(settings: params.Params, options: argparse.Namespace) -> dict[str, Search]:
    """The search of each arm; an arm comes before those that start from its best.

    Raises `UserError` for what cannot be searched: every end of every range is checked before anything is trained.
    """
    world = recipe.world(read_yaml(Path("params.yaml")), settings.tune.probes)
    starts = [name for name in options.arms if name in {settings.arms[arm].start for arm in options.arms}]
    planned = {}
    for arm in dict.fromkeys([*starts, *options.arms]):
        data, start = compose.merge(world, {}), settings.arms[arm].start
        steps = recipe.with_run(
            data, settings, arm, options.model, options.sample, settings.tune.seed, {start} & set(options.arms)
        )
        drawn = space.ranges(settings, arm)
        for corner in space.corners(drawn):
            params.parse(space.changed(data, arm, corner), "params.yaml: tune")
        planned[arm] = Search(arm, data, steps, drawn, options.trials, start if start in options.arms else None)
    return planned


def seconds(search: Search) -> float:
    """Expected time of one core for an arm's trials and what they need."""
    longer = {"epochs": space.middle(search.space["epochs"])} if "epochs" in search.space else {}
    times = estimate.by_stage(params.parse(space.changed(search.data, search.arm, longer)))
    *needed, each_trial = (times.get("@".join(step), estimate.PER_STAGE) for step in search.steps)
    return sum(needed) + search.trials * each_trial


def search_all(searches: Mapping[str, Search], jobs: int) -> None:
    """Draw the problems, then search the arms, up to `jobs` at a time.

    An arm that starts from another's best waits for that one. Whatever error ends this, nothing of it lives on.
    """
    data = next(iter(searches.values())).data
    shared = {key: data[key] for key in ("source", "problems", "sampling", "suites")}
    world = work_folder() / "tune" / f"{WORLD}-{digest(shared)}"
    programs = Programs()
    needs: dict[str, list[str]] = {WORLD: []}
    for arm, search in searches.items():
        needs[arm] = [WORLD, search.start] if search.start else [WORLD]

    def run_one(name: str) -> str:
        if name == WORLD:
            make_world(programs, world, data)
        else:
            search = searches[name]
            search_arm(programs, search, world, searches.get(search.start))
        return "ran"

    with ThreadPoolExecutor(jobs) as pool:
        progress = schedule.Progress(needs)
        schedule.run(progress, lambda name: pool.submit(run_one, name), jobs, programs.stop)


def report(arms: Sequence[Mapping[str, Any]], settings: params.Params, level: float) -> str:
    """The table of the arms, what it does and does not say, and what to write into a study to use it."""
    sizes = sorted({str(arm["best"]["n"]) for arm in arms if arm["best"]})
    lines = [
        *table.lines(arms),
        "",
        f"greedy accuracy on {' or '.join(sizes) or 'no'} in-domain probe problems, with 95 % Wilson intervals",
        f"within noise: McNemar's exact p on the same problems is at least {level}; other seeds would differ by more",
        "the best of several was chosen on these very problems, so its accuracy flatters; judge it on the suites",
    ]
    return "\n".join([*lines, "", *advice(arms, settings, level)])


def advice(arms: Sequence[Mapping[str, Any]], settings: params.Params, level: float) -> list[str]:
    """What to write into a study: the values of an arm's best trial where it beats the study's own values with p below
    `level`, else that those stay.

    An arm that stands for a section (`sft` and `rl`, changing nothing in it) gives the section its values; the other
    arms that were searched then have theirs written down, so that the section's do not reach them.
    """
    stays = {arm["arm"]: why_values_stay(arm, level) for arm in arms}
    won = {arm["arm"]: arm["best"]["values"] for arm in arms if not stays[arm["arm"]]}
    general = {name: won[name] for name in SECTIONS if name in won and not settings.arms[name].settings}
    lines = [f"{name}: the study's values stay ({why})" for name, why in stays.items() if why]
    for name in stays:
        if name in general:
            lines += [f"{name}.{key}: {json.dumps(value)}" for key, value in general[name].items()]
            continue
        reached = general.get(space.section(settings, name), {})
        values = {key: space.value(settings, name, key, key) for key in reached} | won.get(name, {})
        options = {key.removeprefix(space.OPTIONS): values[key] for key in values if key.startswith(space.OPTIONS)}
        plain = {key: value for key, value in values.items() if not key.startswith(space.OPTIONS)}
        for part, chosen in (("settings", plain), ("options", options)):
            if chosen:
                lines.append(f"arms.{name}.{part}: {json.dumps(chosen)}")
    for name, values in general.items():
        varied = [arm for arm in settings.arms if arm not in stays and space.section(settings, arm) == name]
        others = [arm for arm in varied if not values.keys() <= settings.arms[arm].settings.keys()]
        if others:
            lines.append(
                f"the section {name} reaches the arms that vary it too: {', '.join(others)}; one that varies another "
                "arm needs that arm's lines"
            )
    return lines


def why_values_stay(arm: Mapping[str, Any], level: float) -> str:
    """Why an arm keeps the study's values; empty where it does not."""
    best, now, p = arm["best"], arm["now"], arm["p_best_against_now"]
    if best is None:
        return "no trial ended well"
    if now is None:
        return "the trial with them did not end well, so no other can be held against it"
    if best["trial"] == now["trial"]:
        return "no trial was more accurate"
    return f"p {p:.3f} against them, which is not below {level}" if p >= level else ""


def program(arguments: list[str]) -> None:
    """Search, write the results and print them."""
    settings = params.load()
    options = parsed(arguments, settings)
    planned = searches(settings, options)
    minutes = sum(map(seconds, planned.values())) / 60
    print(
        f"tuning {', '.join(planned)}: {options.trials} trials each on {options.model} {options.sample}; about "
        f"{minutes:.0f} minutes of one idle core, at least {minutes / options.jobs:.0f} with {options.jobs} at a time, "
        "less what is done",
        flush=True,
    )
    search_all(planned, options.jobs)
    merged = table.publish([row for search in planned.values() for row in rows(search)], TUNING / "tuning.parquet")
    arms = table.summary(merged)
    files.write_json(TUNING / "tuning.json", arms)
    here = {arm["arm"]: arm for arm in arms if (arm["model"], arm["sample"]) == (options.model, options.sample)}
    print(report([here[arm] for arm in planned], settings, table.LEVEL))
    print(f"every trial: {TUNING}/tuning.parquet; the best: {TUNING}/tuning.json")


if __name__ == "__main__":
    main(program)
