"""What `make tune` says to write into a study: a section's values, an arm's own, or nothing."""

from pathlib import Path

import pytest

from counterpoint import params
from counterpoint.params import compose
from stages import tune

ROOT = Path(__file__).parents[2]


def searched(arm, p, values=None, best=1, now=0, n=512):
    """The summary of an arm: its best trial, and p against the trial with the study's values."""
    share = {"accuracy": 0.5, "low": 0.4, "high": 0.6, "n": n}
    return {
        "arm": arm, "trials": 8, "states": {"done": 8}, "within_noise_of_best": 1, "p_best_against_now": p,
        "best": best if best is None else {"trial": best, "values": values or {"learning_rate": 0.5}, **share},
        "now": now if now is None else {"trial": now, **share}, "spread": {"least": 0.1, "most": 0.5},
    }  # fmt: skip


def advised(*arms):
    """The advice in the default study, with values that stay whatever it is tuned to."""
    data = compose.study("default", ROOT / "studies")
    data["sft"]["learning_rate"], data["rl"]["beta"] = 0.002, 0.0
    for name in ("sft", "rl", "dft", "sft_then_rl", "chord_mu"):
        data["arms"][name]["settings"] = {}
    return tune.advice(arms, params.parse(data), 0.05)


def test_an_arm_that_stands_for_a_section_gives_it_its_values_and_those_that_vary_it_take_them():
    lines = advised(searched("sft", 0.0499), searched("dft", 0.8))
    assert lines[:3] == [
        "dft: the study's values stay (p 0.800 against them, which is not below 0.05)",
        "sft.learning_rate: 0.5",
        'arms.dft.settings: {"learning_rate": 0.002}',  # else the section's would reach it
    ]
    (note,) = lines[3:]
    assert note.startswith("the section sft reaches the arms that vary it too: sft_long, sft_foreign, ")
    assert "sft_lora" not in note and "sft_part_25" in note and " rl" not in note
    # equally for RL, which has arms of several methods; an arm's own values stand before the section's
    lines = advised(
        searched("rl", 0.001, {"learning_rate": 0.3, "beta": 0.01}),
        searched("sft_then_rl", 0.01, {"learning_rate": 0.2, "beta": 0.0}),
        searched("chord_mu", 0.02, {"learning_rate": 0.1, "options.first": 0.3}),
    )
    assert lines[:-1] == [
        "rl.learning_rate: 0.3",
        "rl.beta: 0.01",
        'arms.sft_then_rl.settings: {"learning_rate": 0.2, "beta": 0.0}',
        'arms.chord_mu.settings: {"learning_rate": 0.1, "beta": 0.0}',
        'arms.chord_mu.options: {"first": 0.3}',
    ]
    assert "split_25" in lines[-1] and "sft_long" not in lines[-1]


@pytest.mark.parametrize(("arm", "why"), [
    (searched("sft", 0.05), "p 0.050 against them, which is not below 0.05"),
    (searched("sft", 1.0, best=0), "no trial was more accurate"),
    (searched("sft", None, best=None, now=None), "no trial ended well"),
    (searched("sft", None, now=None), "the trial with them did not end well, so no other can be held against it"),
])  # fmt: skip
def test_without_a_difference_that_is_told_apart_the_study_stays_as_it_is(arm, why):
    assert advised(arm) == [f"sft: the study's values stay ({why})"]


def test_an_arm_that_changes_its_section_keeps_its_values_to_itself():
    assert advised(searched("sft_long", 0.01)) == ['arms.sft_long.settings: {"learning_rate": 0.5}']
