"""Studies with planted effects through the whole of `compute`: how often is a verdict wrong, how often is it found?"""

from collections import Counter

import numpy as np
import pytest

from tests.counterpoint.analysis import made_up_findings as made_up

ARMS = ("sft 2k", "rl 2k", "sft 20k", "rl 20k", "sft_then_rl 2k")
# Accuracies of ARMS, with the truth of each finding that a single model decides. In `null` SFT on the small sample is
# just as far below RL on the large one as the margin allows.
PLANTED = {
    "plus": ((0.55, 0.45, 0.60, 0.45, 0.70), "supported"),
    "null": ((0.50, 0.50, 0.53, 0.53, 0.50), "inconclusive"),
    "minus": ((0.45, 0.55, 0.45, 0.60, 0.40), "contradicted"),
}
SINGLE = ("cross_modal", "data_efficiency", "complementarity")


def planted(kind: str) -> dict[str, float]:
    return {"base": 0.35, **dict(zip(ARMS, PLANTED[kind][0], strict=True))}


def wrong(said: str, truth: str) -> bool:
    return said in ("supported", "contradicted") and said != truth


def single_verdicts(seed: int, studies: int, seed_sd: float, items: int) -> dict[tuple[str, str], Counter]:
    """By finding and kind, the verdicts of models with planted effects, three models in each study."""
    rng, told = np.random.default_rng(seed), {}
    for _ in range(studies):
        with made_up.study(rng, {kind: planted(kind) for kind in PLANTED}, items=items, seed_sd=seed_sd) as db:
            for row in made_up.decided(db).to_pylist():
                if row["role"] == "primary" and row["finding"] in SINGLE:
                    told.setdefault((row["finding"], row["model"]), Counter())[row["verdict"]] += 1
    return told


def alone(seed: int, studies: int, kind: str, seed_sd: float, items: int) -> dict[str, Counter]:
    """By finding, the verdicts of studies with one model: Holm's family is as small as it gets."""
    rng, told = np.random.default_rng(seed), {}
    for _ in range(studies):
        with made_up.study(rng, {"one": planted(kind)}, items=items, seed_sd=seed_sd) as db:
            for row in made_up.decided(db).to_pylist():
                told.setdefault(row["finding"], Counter())[row["finding_verdict"]] += 1
    return told


LEADS = {
    "plus": ((0.60, 0.40), (0.62, 0.62)),
    "null": ((0.50, 0.40), (0.70, 0.6087)),  # the same lead in logits, less in points
    "minus": ((0.45, 0.45), (0.75, 0.55)),
}


def leads(seed: int, studies: int, kind: str, seed_sd: float, items: int) -> Counter:
    """Verdicts on `capacity`: the lead of SFT over RL of a weak model (base 30 %) and a strong one (base 50 %)."""
    rng, told = np.random.default_rng(seed), Counter()
    (weak_sft, weak_rl), (strong_sft, strong_rl) = LEADS[kind]
    weak = {"base": 0.3, "sft 2k": weak_sft, "rl 2k": weak_rl}
    strong = {"base": 0.5, "sft 2k": strong_sft, "rl 2k": strong_rl}
    for _ in range(studies):
        with made_up.study(
            rng, {"small": strong, "small_early": weak}, items=items, seed_sd=seed_sd, suites=("in_domain",)
        ) as db:
            told.update(row["verdict"] for row in made_up.decided(db).to_pylist() if row["finding"] == "capacity")
    return told


def check(told: Counter, truth: str) -> None:
    total = sum(told.values())
    mistakes = sum(count for said, count in told.items() if wrong(said, truth))
    assert mistakes <= 0.05 * total, f"{told} where {truth} is true"


@pytest.mark.parametrize("seed_sd", [0.0, pytest.param(0.03, marks=pytest.mark.slow)])
def test_planted_effects_get_no_wrong_verdict_in_more_than_five_of_a_hundred(seed_sd):
    told = single_verdicts(1, 40, seed_sd, items=200)
    for (finding, kind), verdicts in told.items():
        check(verdicts, PLANTED[kind][1])
        if kind == "plus" and seed_sd == 0 and finding != "complementarity":
            assert verdicts["supported"] > 0.6 * sum(verdicts.values()), (finding, verdicts)
        if kind == "minus" and seed_sd == 0:
            assert verdicts["contradicted"] > 0.4 * sum(verdicts.values()), (finding, verdicts)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if n else []) for n, kind in enumerate(LEADS)]
)
def test_a_planted_interaction_gets_no_wrong_verdict_in_more_than_five_of_a_hundred(kind):
    told = leads(2, 40, kind, seed_sd=0.02, items=300)
    check(told, PLANTED[kind][1])
    if kind != "null":
        assert told[PLANTED[kind][1]] > 0.3 * sum(told.values()), told


@pytest.mark.slow
@pytest.mark.parametrize("seed_sd", [0.0, 0.01, 0.03])
def test_planted_effects_at_length(seed_sd, items=200):
    """400 studies of each kind, 1,200 of the one that comes near the limit; prints the share of each verdict."""
    for (finding, kind), verdicts in sorted(single_verdicts(3, 400, seed_sd, items).items()):
        print(f"{seed_sd:.2f} {items} {finding} {kind} {dict(sorted(verdicts.items()))}")
        check(verdicts, PLANTED[kind][1])
    for kind in LEADS:
        verdicts = leads(4, 1200 if kind == "null" else 400, kind, seed_sd, items)  # alone in its family: 5 % by design
        print(f"{seed_sd:.2f} {items} capacity {kind} {dict(sorted(verdicts.items()))}")
        check(verdicts, PLANTED[kind][1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANTED)
def test_one_model_alone_at_length(kind):
    for finding, verdicts in sorted(alone(5, 400, kind, 0.02, 200).items()):
        print(f"{finding} {kind} {dict(sorted(verdicts.items()))}")
        if finding in SINGLE:
            check(verdicts, PLANTED[kind][1])
