"""Say how long the study in params.yaml will take: python -m stages.estimate

From rates measured with the shipped micro models and one thread a process (docs/LOG.md); no time is promised for
others.
"""

from __future__ import annotations

from counterpoint import params
from stages.common import main

# seconds of one core, by shipped base
PER_COMPLETION = {"tiny": 0.0020, "small": 0.0037, "small_early": 0.0037}  # a third of it generates, the rest learns
PER_EXAMPLE = {"tiny": 0.0025, "small": 0.0047, "small_early": 0.0047}
PER_ANSWER = 0.003
PER_SAMPLE = 0.001  # of an answer beyond the first to the same prompt
PER_STAGE = 5.0
PER_PLANTED = 0.0033  # an example of a planted base


def by_stage(settings: params.Params) -> dict[str, float]:
    """Expected seconds of each stage of dvc.yaml but the shipped bases and their cards, by name (`rl@rl-tiny-2k-0`).

    A model whose rate is not known counts as the slowest that is.
    """
    limits, runs = settings.evaluation, settings.runs
    answers = settings.problems.per_suite * len(settings.suites) * PER_ANSWER
    drawn = limits.samples * len(set(limits.sampled_suites) & set(settings.suites))
    samples = settings.problems.per_suite * drawn * PER_SAMPLE
    probes = 2 * settings.probe.at_least * settings.problems.per_probe * len(settings.probe.suites)
    found = dict.fromkeys(("problems", "sample", "warehouse", "report"), PER_STAGE)
    steps = sum(plant.steps * plant.batch for plant in settings.plants.values())
    found["plant"] = steps * PER_PLANTED + PER_STAGE
    for run_id in runs.base:
        found[f"evaluate_base@{run_id}"] = answers * len(limits.base_conditions) + samples + PER_STAGE
    for stage in params.METHODS:
        for run_id, run in getattr(runs, stage).items():
            section = params.settings(settings, run.arm)
            size = settings.sampling.sizes[run.sample] * section.epochs
            if isinstance(section, params.Rl):
                rounds = (1 + 2 * section.num_iterations) / 3
                work = size * section.group_size * rounds * _rate(PER_COMPLETION, settings, run.model)
            else:
                work = size * _rate(PER_EXAMPLE, settings, run.model)
            found[f"{stage}@{run_id}"] = work + probes * PER_ANSWER + PER_STAGE
            found[f"evaluate_{stage}@{run_id}"] = answers * len(limits.trained_conditions) + samples + PER_STAGE
    return found


def _shape(settings: params.Params, model: str) -> str:
    """The model whose speed this one has: a planted base is as fast as the base it was made of."""
    return settings.plants[model].base if model in settings.plants else model


def _rate(rates: dict[str, float], settings: params.Params, model: str) -> float:
    return rates.get(_shape(settings, model), max(rates.values()))


def program(arguments: list[str]) -> None:
    """Print the estimate."""
    settings = params.load()
    runs = settings.runs
    trained = [run for stage in params.METHODS for run in getattr(runs, stage).values()]
    unknown = sum(_shape(settings, run.model) not in PER_EXAMPLE for run in (*runs.base.values(), *trained))
    print(f"study {settings.study}: {len(runs.base)} bases, {len(trained)} training runs", end="; ")
    if unknown:
        print(f"{unknown} runs are of models whose speed is not known here, so no time is promised")
    else:
        minutes = sum(by_stage(settings).values()) / 60
        print(f"about {minutes:.0f} minutes of one idle core, {minutes / 2:.0f} of two, less what DVC finds unchanged")


if __name__ == "__main__":
    main(program)
