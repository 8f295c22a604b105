"""From claims to estimates: which comparisons a study allows, and the effect of each on the answers to a suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations

import numpy as np

from counterpoint.analysis.claims import OTHERS, SMALL, Claim, Contrast, Side
from counterpoint.analysis.study import Answers, Study, StudyRun
from counterpoint.statistics.crossed import crossed_interval, logit_values

SIGNS = ((1, -1), (-1, 1))  # of the first and the second arm, for each model in turn


@dataclass(frozen=True)
class Comparison:
    """A contrast on one model (or on the weaker and the stronger of two) and one suite, with the runs that it takes.

    `arms`: a sign, and one run a seed; the first and the second arm of each model in turn.
    """

    claim: Claim
    contrast: Contrast
    models: tuple[str, ...]
    suite: str
    sides: tuple[str, str]  # such as "sft 2k"
    seeds: tuple[int, ...]
    arms: tuple[tuple[int, tuple[StudyRun, ...]], ...]
    obstacle: str  # why it cannot be decided here; empty where it can


def comparisons(study: Study, claim: Claim) -> list[Comparison]:
    """The comparisons of a claim that the study's runs allow, primary contrasts first, each once."""
    allowed: dict[tuple, Comparison] = {}
    for contrast in _contrasts(study, claim):
        for suite in _suites(study, claim, contrast):
            for comparison in _on_suite(study, claim, contrast, suite):
                allowed.setdefault((comparison.sides, comparison.models, comparison.suite), comparison)
    return list(allowed.values())


def _contrasts(study: Study, claim: Claim) -> list[Contrast]:
    """The claim's contrasts. Where the study lacks every pair of models that the claim names, all pairs are taken."""
    models = {run.model for run in study.runs.values()}
    contrasts = sorted(claim.contrasts, key=lambda contrast: not contrast.primary)
    if any(contrast.pair is None or set(contrast.pair) <= models for contrast in contrasts):
        return contrasts
    sides = {(contrast.first, contrast.second): contrast for contrast in reversed(contrasts)}
    return [replace(sides[key], pair=pair) for key in reversed(sides) for pair in combinations(sorted(models), 2)]


def _suites(study: Study, claim: Claim, contrast: Contrast) -> list[str]:
    if contrast.suite != OTHERS:
        return [contrast.suite]
    primary = {other.suite for other in claim.contrasts if other.primary}
    return [suite for suite in study.suites if suite not in primary]


def _on_suite(study: Study, claim: Claim, contrast: Contrast, suite: str) -> Iterator[Comparison]:
    samples = [_sample(study, side) for side in (contrast.first, contrast.second)]
    if contrast.first.sample != contrast.second.sample and samples[0] == samples[1]:
        return  # one sample: the small and the large one are the same
    trained = list(zip((contrast.first.arm, contrast.second.arm), samples, strict=True))
    first, second = (_runs_by_model(study, arm, sample, suite) for arm, sample in trained)
    if contrast.kind == "difference":
        candidates = [((model,), "") for model in sorted(first.keys() & second.keys())]
    elif set(contrast.pair) <= first.keys() & second.keys():
        candidates = [ordered(study, contrast.pair, suite)]
    else:
        candidates = []
    for models, unordered in candidates:
        seeds = sorted(set.intersection(*(set(arm[model]) for model in models for arm in (first, second))))
        if not seeds:
            continue
        arms = tuple(
            (sign, tuple(arm[model][seed] for seed in seeds))
            for model, signs in zip(models, SIGNS, strict=False)
            for sign, arm in zip(signs, (first, second), strict=True)
        )
        obstacles = [reason for model in models if (reason := study.obstacle(model, suite))]
        sides = tuple(f"{arm} {sample}" for arm, sample in trained)
        obstacle = (obstacles or [unordered])[0]
        yield Comparison(claim, contrast, models, suite, sides, tuple(seeds), arms, obstacle)


def _sample(study: Study, side: Side) -> str:
    return (study.claimed.small if side.sample == SMALL else study.claimed.large) or ""


def _runs_by_model(study: Study, arm: str, sample: str, suite: str) -> dict[str, dict[int, StudyRun]]:
    """By model and seed, the arm's runs on that sample that answered the suite."""
    by_model: dict[str, dict[int, StudyRun]] = {}
    for run in study.runs.values():
        if (run.arm, run.sample) == (arm, sample) and (run.run_id, suite) in study.answers:
            by_model.setdefault(run.model, {})[run.seed] = run
    return by_model


def ordered(study: Study, pair: tuple[str, str], suite: str) -> tuple[tuple[str, str], str]:
    """The model whose base answers fewer problems of the suite, then the other; and why that order is not certain.

    It is certain where the paired 95 % interval of the bases' difference, clustered by item, lies on one side of 0.
    """
    bases = [study.base(model) for model in pair]
    answers = [study.answers.get((base.run_id, suite)) if base else None for base in bases]
    if None in answers:
        return pair, f"The base of {pair[answers.index(None)]} was not asked {suite}"
    correct, clusters = aligned([[of_base] for of_base in answers])
    difference = crossed_interval(correct[0] - correct[1], clusters)
    models = pair if difference.effect <= 0 else pair[::-1]
    if difference.low <= 0 <= difference.high:
        return models, f"A paired test does not tell the bases of {models[0]} and {models[1]} apart"
    return models, ""


def aligned(answers: Sequence[Sequence[Answers]]) -> tuple[np.ndarray, np.ndarray]:
    """`answers` by arm and seed as (arms, seeds, items) of 0 and 1 over the problems that all have; their clusters
    (items,)."""
    every = [of_run for arm in answers for of_run in arm]
    if all(np.array_equal(of_run.problems, every[0].problems) for of_run in every):
        return np.array([[of_run.correct for of_run in arm] for arm in answers]), every[0].clusters
    common = reduce(np.intersect1d, [of_run.problems for of_run in every])
    correct = [[of_run.correct[np.searchsorted(of_run.problems, common)] for of_run in arm] for arm in answers]
    return np.array(correct), every[0].clusters[np.searchsorted(every[0].problems, common)]


def estimate(comparison: Comparison, answers: Sequence[Sequence[Answers]]) -> dict | None:
    """The columns of the effect, from `answers` by arm and seed: points of accuracy, a logit interaction in logits too.

    None where the runs have no problem in common.
    """
    correct, clusters = aligned(answers)
    if not correct.size:
        return None
    signs = [sign for sign, _ in comparison.arms]
    differences = np.tensordot(signs, correct, 1)
    count = len(np.unique(clusters))
    logits = comparison.contrast.kind == "logit_interaction"
    if logits:
        values, unit = logit_values(list(zip(signs, correct, strict=True)), count)
    else:
        values, unit = 100 * differences, 100.0
    interval = crossed_interval(values, clusters, comparison.contrast.null, unit=unit)
    bound = np.inf if logits else 100.0
    return {
        "unit": "logits" if logits else "points",
        "effect": 100 * float(differences.mean()),
        "effect_logits": interval.effect if logits else None,
        "low": max(interval.low, -bound),
        "high": min(interval.high, bound),
        "null_value": comparison.contrast.null,
        "p": interval.p,
        "detectable": interval.detectable(),
        "seeds": len(comparison.seeds),
        "n": correct.shape[2],
        "clusters": count,
        "same": not differences.any(),
    }


def describe(comparison: Comparison) -> dict:
    """The columns that say what is compared."""
    two = len(comparison.models) == 2
    contrast = " − ".join(comparison.sides)
    return {
        "finding": comparison.claim.finding,
        "contrast": f"{contrast}, weaker − stronger" if two else contrast,
        "model": " against ".join(comparison.models),
        "weaker": comparison.models[0] if two else None,
        "stronger": comparison.models[1] if two else None,
        "suite": comparison.suite,
        "first": comparison.sides[0],
        "second": comparison.sides[1],
    }
