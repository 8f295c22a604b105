from dataclasses import replace

import pytest

from counterpoint.report.contests import contests
from counterpoint.report.results import Spread, agreed, spread


def test_a_spread_leaves_out_what_is_not_there():
    assert spread([0.2, None, 0.6]) == Spread(0.4, 0.2, 0.6, 2)
    assert spread([None]) is None and spread([]) is None


def test_seeds_agree_only_when_every_interval_lies_on_one_side(seeds):
    pair = seeds.results.pairs[0]
    above, below, held = (replace(pair, low=low, high=high) for low, high in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1)))
    assert (agreed([above, above]), agreed([below]), agreed([above, held]), agreed([above, below])) == (1, -1, 0, 0)
    assert agreed([]) == 0


def test_a_study_without_the_core_suites_has_a_main_suite(seeds):
    results = replace(seeds.results, suites=["mathverse", "mathvista"])
    assert (results.main, results.core) == ("mathverse", ["mathverse", "mathvista"])
    assert seeds.results.main == "in_domain" and len(seeds.results.core) == 5


def test_a_contest_over_seeds_has_the_interval_of_the_findings(seeds):
    results = seeds.results
    found = {(c.model, c.first, c.second, c.suite): c for c in contests(results, results.pairs)}
    contest = found["tiny", "sft 2k", "rl 20k", "in_domain"]
    (row,) = [
        row for row in results.marts["findings"]
        if (row["model"], row["first"], row["second"], row["suite"], row["matched_on"])
        == ("tiny", "sft 2k", "rl 20k", "in_domain", "end")
    ]  # fmt: skip
    assert contest.difference == pytest.approx(row["effect"])  # the mean over seeds is the pooled effect
    assert (contest.low, contest.high) == (row["low"], row["high"]) and len(contest.pairs) == 3
    other = found["tiny", "sft 2k", "rl 2k", "in_domain"]  # no finding compares these
    assert other.low is None and other.sign == agreed(other.pairs)


def test_a_contest_of_one_seed_has_its_own_interval(full):
    pairs = full.results.compared()
    for contest, pair in zip(contests(full.results, pairs), pairs, strict=True):
        assert (contest.low, contest.high) == (100 * pair.low, 100 * pair.high) and contest.sign == pair.sign


def test_a_finding_over_other_seeds_lends_no_interval(seeds):
    results = seeds.results
    fewer = [pair for pair in results.compared() if pair.first.seed != 3]
    assert {contest.low for contest in contests(results, fewer)} == {None}
