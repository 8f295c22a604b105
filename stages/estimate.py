"""Say how long the study in params.yaml will take: python -m stages.estimate

From rates measured on two cores with the shipped micro models (docs/LOG.md); for other models it only counts the work.
"""

from __future__ import annotations

from counterpoint import params
from stages.common import main

# seconds on two idle cores, by shipped base
PER_COMPLETION = {"tiny": 0.0050, "small": 0.0080, "small_early": 0.0080}
PER_EXAMPLE = {"tiny": 0.0035, "small": 0.0060, "small_early": 0.0060}
PER_ANSWER = 0.003
PER_STAGE = 5.0


def seconds(settings: params.Params) -> tuple[float, int]:
    """Expected seconds of all stages, and how many of the runs are of models whose rates are not known."""
    total, unknown, stages = 0.0, 0, 4
    suites, runs = len(settings.suites), settings.runs
    answers = settings.problems.per_suite * suites
    probes = 2 * settings.probe.at_least * settings.problems.per_probe * suites
    for run_id in runs.base:
        stages += 1
        total += answers * len(settings.evaluation.base_conditions) * PER_ANSWER
        unknown += runs.base[run_id].model not in PER_EXAMPLE
    for run in (*runs.sft.values(), *runs.rl.values(), *runs.sft_then_rl.values()):
        section = params.settings(settings, run.arm)
        size = settings.sampling.sizes[run.sample] * section.epochs
        stages += 2
        if run.model not in PER_EXAMPLE:
            unknown += 1
        elif isinstance(section, params.Rl):
            total += size * section.group_size * PER_COMPLETION[run.model]
        else:
            total += size * PER_EXAMPLE[run.model]
        total += (answers + probes) * PER_ANSWER
    return total + stages * PER_STAGE, unknown


def program(arguments: list[str]) -> None:
    """Print the estimate."""
    settings = params.load()
    total, unknown = seconds(settings)
    runs = settings.runs
    trained = len(runs.sft) + len(runs.rl) + len(runs.sft_then_rl)
    print(f"study {settings.study}: {len(runs.base)} bases, {trained} training runs", end="; ")
    if unknown:
        print(f"{unknown} runs are of models whose speed is not known here, so no time is promised")
    else:
        print(f"about {max(1, round(total / 60))} minutes on two idle cores, less what DVC finds unchanged")


if __name__ == "__main__":
    main(program)
