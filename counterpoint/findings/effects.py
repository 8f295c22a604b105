"""From claims to estimates: which comparisons a study allows, and the effect of each on the answers to a suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations

import numpy as np

from counterpoint.findings.claims import LEAST, OTHERS, Claim, Contrast, Side
from counterpoint.findings.study import Answers, Run, Study
from counterpoint.statistics.crossed import crossed_interval, logit_values


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
    arms: tuple[tuple[int, tuple[Run, ...]], ...]
    obstacle: str  # why it cannot be decided here; empty where it can

    @property
    def key(self) -> tuple:
        return (self.claim.finding, self.sides, self.models, self.suite)


def comparisons(study: Study, claim: Claim) -> list[Comparison]:
    """What of a claim the study's runs allow, primary contrasts first, each once."""
    found: dict[tuple, Comparison] = {}
    for contrast in _wanted(study, claim):
        for suite in _suites(study, claim, contrast):
            for made in _on_suite(study, claim, contrast, suite):
                found.setdefault(made.key, made)
    return list(found.values())


def _wanted(study: Study, claim: Claim) -> list[Contrast]:
    """The claim's contrasts. Where no pair of models that it names is there, every pair that has the arms."""
    known = {run.model for run in study.runs.values()}
    contrasts = sorted(claim.contrasts, key=lambda contrast: not contrast.primary)
    if any(contrast.pair is None or set(contrast.pair) <= known for contrast in contrasts):
        return contrasts
    sides = {(contrast.first, contrast.second): contrast for contrast in reversed(contrasts)}
    return [replace(sides[key], pair=pair) for key in reversed(sides) for pair in combinations(sorted(known), 2)]


def _suites(study: Study, claim: Claim, contrast: Contrast) -> list[str]:
    if contrast.suite != OTHERS:
        return [contrast.suite]
    taken = {other.suite for other in claim.contrasts if other.primary}
    return [suite for suite in study.suites if suite not in taken]


def _on_suite(study: Study, claim: Claim, contrast: Contrast, suite: str) -> Iterator[Comparison]:
    names = [_sample(study, side) for side in (contrast.first, contrast.second)]
    if contrast.first.sample != contrast.second.sample and names[0] == names[1]:
        return  # one sample: the small and the large one are the same
    sides = tuple(f"{side.arm} {name}" for side, name in zip((contrast.first, contrast.second), names, strict=True))
    first, second = (
        study.seeds(side.arm, name, suite) for side, name in zip((contrast.first, contrast.second), names, strict=True)
    )
    if contrast.kind == "difference":
        groups = [((model,), "") for model in sorted(first.keys() & second.keys())]
    elif set(contrast.pair) <= first.keys() & second.keys():
        groups = [ordered(study, contrast.pair, suite)]
    else:
        groups = []
    for models, unordered in groups:
        seeds = sorted(set.intersection(*(set(arm[model]) for model in models for arm in (first, second))))
        if not seeds:
            continue
        signs = ((1, -1), (-1, 1))
        arms = tuple(
            (sign, tuple(arm[model][seed] for seed in seeds))
            for model, pair in zip(models, signs, strict=False)
            for sign, arm in zip(pair, (first, second), strict=True)
        )
        told = [reason for model in models if (reason := study.obstacle(model, suite))]
        obstacle = (told or [unordered])[0]
        yield Comparison(claim, contrast, models, suite, sides, tuple(seeds), arms, obstacle)


def _sample(study: Study, side: Side) -> str:
    return (study.small if side.sample == LEAST else study.large) or ""


def ordered(study: Study, pair: tuple[str, str], suite: str) -> tuple[tuple[str, str], str]:
    """The model whose base answers fewer problems of the suite, then the other; and why that order is not certain.

    It is certain where the paired 95 % interval of the bases' difference, clustered by item, lies on one side of 0.
    """
    bases = [study.base(model) for model in pair]
    answers = [study.evals.get((base.run_id, suite)) if base else None for base in bases]
    if None in answers:
        return pair, f"The base of {pair[answers.index(None)]} was not asked {suite}"
    correct, clusters = aligned([[one] for one in answers])
    difference = crossed_interval(correct[0] - correct[1], clusters)
    models = pair if difference.effect <= 0 else pair[::-1]
    if difference.low <= 0 <= difference.high:
        return models, f"A paired test does not tell the bases of {models[0]} and {models[1]} apart"
    return models, ""


def aligned(answers: Sequence[Sequence[Answers]]) -> tuple[np.ndarray, np.ndarray]:
    """`answers` by arm and seed as (arms, seeds, items) of 0 and 1 over the problems that all have; their clusters."""
    every = [one for arm in answers for one in arm]
    if all(np.array_equal(one.problems, every[0].problems) for one in every):
        return np.array([[one.correct for one in arm] for arm in answers]), every[0].clusters
    common = reduce(np.intersect1d, [one.problems for one in every])
    places = [[np.searchsorted(one.problems, common) for one in arm] for arm in answers]
    correct = [[one.correct[at] for one, at in zip(*both, strict=True)] for both in zip(answers, places, strict=True)]
    return np.array(correct), every[0].clusters[places[0][0]]


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
    found = crossed_interval(values, clusters, comparison.contrast.null, unit=unit)
    bound = np.inf if logits else 100.0
    return {
        "unit": "logits" if logits else "points",
        "effect": 100 * float(differences.mean()),
        "effect_logits": found.effect if logits else None,
        "low": max(found.low, -bound),
        "high": min(found.high, bound),
        "null_value": comparison.contrast.null,
        "p": found.p,
        "detectable": found.detectable(),
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


def evaluated(study: Study, comparison: Comparison) -> dict | None:
    """The columns of the effect on the suite's own problems, after training."""
    return estimate(
        comparison, [[study.evals[run.run_id, comparison.suite] for run in runs] for _, runs in comparison.arms]
    )
