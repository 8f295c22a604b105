from dataclasses import replace


def test_a_study_without_the_core_suites_has_a_main_suite(seeds):
    results = replace(seeds.results, suites=["mathverse", "mathvista"])
    assert (results.main, results.core) == ("mathverse", ["mathverse", "mathvista"])
    assert seeds.results.main == "in_domain" and len(seeds.results.core) == 5


def test_the_plain_arms_on_the_samples_of_the_claims_stand_for_the_others(seeds):
    results = seeds.results
    names = {arm.name for arm in results.arms if results.representative(arm)}
    assert names == {f"{arm} {sample}" for arm in ("sft", "rl") for sample in ("2k", "20k")} | {"sft_then_rl 2k"}
    variant = replace(results.runs[-1], arm="rl_other")
    (arm,) = replace(results, runs=[variant]).arms
    assert results.on_claimed_sample(arm) and not results.representative(arm)
