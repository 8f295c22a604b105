"""The rules of docs/PREREGISTRATION.md, one by one, on rows with given p values."""

import pytest

from counterpoint.analysis import verdict


def row(p: float, effect: float = 5.0, **changed) -> dict:
    return {
        "finding": "f", "model": "m", "suite": "in_domain", "matched_on": "end", "contrast": "a − b", "role": "primary",
        "unit": "points", "effect": effect, "effect_logits": None, "null_value": 0.0, "p": p, "seeds": 3, "halves": 1,
        "obstacle": "", "same": False, **changed,
    }  # fmt: skip


def decided(*rows: dict) -> list[tuple]:
    verdict.decide(rows)
    return [(found["verdict"], found["direction"]) for found in rows]


def halves(first: tuple, second: tuple, **changed) -> list[dict]:
    """Two halves of a joint claim, each a p value and an effect."""
    return [
        row(p, effect, contrast=f"half {place}", halves=2, **changed)
        for place, (p, effect) in enumerate((first, second))
    ]


def test_a_verdict_needs_p_below_the_level_and_takes_the_side_of_the_effect():
    assert decided(row(0.049)) == [("supported", None)]
    assert decided(row(0.049, -5.0)) == [("contradicted", None)]
    assert decided(row(0.05)) == [("inconclusive", None)]
    assert decided(row(0.05, -5.0)) == [("inconclusive", None)]


def test_with_fewer_than_three_seeds_it_is_at_most_suggestive_and_says_which_way():
    assert decided(row(1e-9, seeds=1)) == [("suggestive", "for")]
    assert decided(row(1e-9, -5.0, seeds=2)) == [("suggestive", "against")]
    assert decided(row(0.2, seeds=1)) == [("inconclusive", None)]
    one = row(1e-9, seeds=1)
    decided(one)
    assert one["reason"].startswith("Points for the claim, on one seed only:")


def test_what_cannot_be_measured_is_inconclusive_whatever_its_p_and_says_why():
    rows = [row(1e-12, obstacle="text_twin is not measurable"), row(1e-12, -5.0, model="n", obstacle="bases alike")]
    assert decided(*rows) == [("inconclusive", None)] * 2
    assert [found["reason"] for found in rows] == ["text_twin is not measurable.", "bases alike."]


def test_the_side_is_taken_from_the_null_and_not_from_zero():
    assert decided(row(0.001, -1.0, null_value=-3.0)) == [("supported", None)]
    assert decided(row(0.001, -5.0, null_value=-3.0)) == [("contradicted", None)]


def test_an_interaction_is_judged_in_logits_whatever_the_points_say():
    assert decided(row(0.001, -4.0, effect_logits=0.6, unit="logits")) == [("supported", None)]
    assert decided(row(0.001, 4.0, effect_logits=-0.6, unit="logits")) == [("contradicted", None)]


def test_a_joint_claim_is_supported_by_both_halves_alone():
    assert decided(*halves((0.001, 5), (0.02, 5))) == [("supported", None)] * 2
    assert decided(*halves((0.001, 5), (0.2, 5))) == [("inconclusive", None)] * 2
    assert decided(*halves((0.001, 5), (0.2, -5))) == [("inconclusive", None)] * 2


def test_a_joint_claim_is_contradicted_by_one_half_that_is_beaten_at_twice_its_p():
    rows = halves((0.9, 5), (0.02, -5))
    assert decided(*rows) == [("contradicted", None)] * 2
    assert [found["p_holm"] for found in rows] == pytest.approx([0.9, 0.04])
    assert "half 1" in rows[0]["reason"]
    assert decided(*halves((0.9, 5), (0.03, -5))) == [("inconclusive", None)] * 2
    assert decided(*halves((0.001, 5), (0.001, -5))) == [("contradicted", None)] * 2
    assert decided(*halves((0.9, 5), (0.001, -5), seeds=1)) == [("suggestive", "against")] * 2


def test_one_half_alone_may_contradict_and_never_support():
    alone = halves((0.001, 5), (1, 0))[:1]
    assert decided(*alone) == [("inconclusive", None)]
    assert "2 halves" in alone[0]["reason"]
    assert decided(*halves((0.001, -5), (1, 0))[:1]) == [("contradicted", None)]


def test_holm_counts_a_joint_claim_once_with_its_larger_p_and_each_role_by_itself():
    rows = [
        row(0.01, finding="a"), row(0.04, finding="b"), *halves((0.001, 5), (0.015, 5), finding="c"),
        *(row(p, role="secondary", finding=name, suite="other") for p, name in ((0.005, "a"), (0.9, "b"))),
    ]  # fmt: skip
    decided(*rows)
    # three primary tests: 0.01 · 3, then 0.015 · 2 (not less than the one before), then 0.04
    assert [found["p_holm"] for found in rows] == pytest.approx([0.03, 0.04, 0.03, 0.03, 0.01, 0.9])


def test_the_seven_tests_of_the_preregistration_are_seven():
    models = ("tiny", "small")
    rows = [row(0.5, finding="capacity")]
    rows += [row(0.001, finding=name, model=model) for name in ("data_efficiency", "cross_modal") for model in models]
    rows += [half for model in models for half in halves((0.5, 5), (0.5, 5), finding="complementarity", model=model)]
    assert len(verdict.entries(rows)) == 7
    decided(*rows)
    assert rows[1]["p_holm"] == pytest.approx(0.007)


def test_a_beaten_half_does_not_move_what_is_decided_of_other_findings():
    rows = [row(0.02, finding="a"), *halves((0.9, 5), (0.0001, -5), finding="c")]
    decided(*rows)
    assert rows[0]["p_holm"] == pytest.approx(0.04)
    assert rows[1]["verdict"] == "contradicted"


def test_a_clock_moves_no_test_but_those_matched_on_it():
    def family(timed: float) -> list[dict]:
        rows = [row(0.01, role="secondary"), row(0.03, role="secondary", model="n")]
        rows.append(row(timed, role="secondary", matched_on="seconds"))
        decided(*rows)
        return rows

    low, high = family(0.001), family(0.6)
    assert [found["p_holm"] for found in low[:2]] == [found["p_holm"] for found in high[:2]] == [0.03, 0.06]
    assert low[2]["p_holm"] == pytest.approx(0.003)
    assert high[2]["p_holm"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(0.001, 5), (0.001, 5)], ("supported", None)),
        ([(0.001, -5), (0.001, -5)], ("contradicted", None)),
        ([(0.001, 5), (0.001, -5)], ("inconclusive", None)),
        ([(0.001, 5), (0.6, 5)], ("inconclusive", None)),
        ([(0.6, -5), (0.6, 5)], ("inconclusive", None)),
        ([(0.001, 5)], ("supported", None)),
    ],
)
def test_a_finding_is_what_all_models_say_alike(pairs, expected):
    rows = [row(p, effect, model=f"m{place}") for place, (p, effect) in enumerate(pairs)]
    decided(*rows)
    said = verdict.overall(rows)
    assert said[:2] == expected
    if len({found["verdict"] for found in rows}) > 1:
        assert said[2] == f"The models differ: m0: {rows[0]['verdict']}; m1: {rows[1]['verdict']}."


def test_suggestions_that_point_apart_are_inconclusive_and_alike_are_suggestive():
    alike = [row(0.001, model="a", seeds=1), row(0.001, model="b", seeds=1)]
    apart = [row(0.001, model="a", seeds=1), row(0.001, -5.0, model="b", seeds=1)]
    decided(*alike), decided(*apart)
    assert verdict.overall(alike)[:2] == ("suggestive", "for")
    assert verdict.overall(apart) == (
        "inconclusive",
        None,
        "The models differ: a: suggestive for; b: suggestive against.",
    )


def test_secondary_rows_and_matched_ones_decide_no_finding():
    rows = [row(0.001, -5.0, role="secondary"), row(0.001, -5.0, role="secondary", matched_on="prompts")]
    decided(*rows)
    assert verdict.overall(rows)[0] == "inconclusive"
    rows.append(row(0.001))
    decided(*rows)
    assert verdict.overall(rows)[0] == "supported"


def test_a_p_that_misses_the_level_does_not_look_as_if_it_met_it():
    assert [verdict.shown(p) for p in (0.0502, 0.0499, 0.12, 1e-7)] == ["0.0502", "0.0499", "0.12", "< 0.0001"]
