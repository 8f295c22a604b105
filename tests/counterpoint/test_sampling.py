import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.errors import UserError
from counterpoint.problem import Picture, Problem
from counterpoint.sampling import content_hash, draw, order


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 5))
def test_every_beginning_of_the_order_is_stratified_within_one(sizes, seed):
    strata = {f"p{s}-{n}": s for s, size in enumerate(sizes) for n in range(size)}
    ordered = order(strata, seed)
    assert sorted(ordered) == sorted(strata)
    taken: Counter = Counter()
    for place, name in enumerate(ordered, 1):
        taken[strata[name]] += 1
        for s, size in enumerate(sizes):
            quota = place * size / sum(sizes)
            assert math.floor(quota) <= taken[s] <= math.ceil(quota)


def test_the_order_depends_on_the_seed_and_not_on_the_order_given():
    strata = {f"p{n}": n % 3 for n in range(60)}
    assert order(strata, 0) == order(dict(reversed(strata.items())), 0) != order(strata, 1)


SHOWN, OTHER = Picture.of(b"x"), Picture.of(b"y")


def pool(number: int) -> list[Problem]:
    return [
        Problem(
            f"s{n}", f"p{n}", "mine", "ab"[n % 2], "train", 1 + n % 3, f"{n} ?", (SHOWN,), "1", "integer", reasoning="r"
        )
        for n in range(number)
    ]


def test_samples_are_nested_and_described():
    rows, manifest = draw(pool(60), 0, {"small": 12, "large": 36})
    ids = {name: [r["problem_id"] for r in rows if r["sample"] == name] for name in ("small", "large")}
    assert ids["small"] == ids["large"][:12] and len(set(ids["large"])) == 36
    assert [r["position"] for r in rows if r["sample"] == "small"] == list(range(12))
    assert manifest["samples"]["small"]["strata"] == {f"{f}/{d}": 2 for f in "ab" for d in (1, 2, 3)}
    assert set(manifest["problems"]) == set(ids["large"]) and manifest["pool"] == 60
    assert manifest["samples"]["small"]["ids_digest"] != manifest["samples"]["large"]["ids_digest"]


@pytest.mark.parametrize(
    "change", [{"question": "x"}, {"answer": "2"}, {"reasoning": "x"}, {"images": (OTHER,)}, {"options": ("1", "2")}]
)
def test_the_content_hash_sees_every_part(change):
    import dataclasses

    one = pool(1)[0]
    assert content_hash(one) != content_hash(dataclasses.replace(one, **change))


def test_a_sample_larger_than_the_pool_is_the_users_error():
    with pytest.raises(UserError, match=r"sampling\.sizes\.all is 11, larger than the pool of 10"):
        draw(pool(10), 0, {"all": 11})


def test_the_content_hash_stays_what_it_is():
    assert content_hash(pool(1)[0]) == "dd1780b0a1386b33"  # it names the work folders of runs
