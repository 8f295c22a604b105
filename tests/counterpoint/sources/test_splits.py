from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from counterpoint.problem import Problem
from counterpoint.sources.splits import assign, keep


def problem(number: int, state: str, family: str, split: str = "train") -> Problem:
    return Problem(state, f"p{number}", "mine", family, split, 1, "q ?", (), "1", "integer")


# state -> family, and how many problems share the state
worlds = st.dictionaries(st.integers(0, 99), st.tuples(st.sampled_from("abcd"), st.integers(1, 3)), max_size=40)


@given(worlds, st.integers(0, 12), st.integers(0, 12), st.integers(0, 3))
def test_states_never_part_and_sizes_hold(world, per_suite, per_probe, seed):
    given_problems = [
        problem(10 * state + k, f"s{state}", family) for state, (family, size) in world.items() for k in range(size)
    ]
    found = list(assign(given_problems, seed, per_suite, per_probe, ["d"]))
    splits = defaultdict(set)
    for p in found:
        splits[p.state_id].add((p.split, p.tags))
    assert all(len(where) == 1 for where in splits.values())
    counts = Counter((p.split, p.tags) for p in found)
    assert counts["in_domain", ()] <= per_suite and counts["rule_shift", ()] <= per_suite
    assert counts["probe", ("suite:in_domain",)] <= per_probe and counts["probe", ("suite:rule_shift",)] <= per_probe
    for p in found:
        assert (p.family == "d") == (p.split == "rule_shift" or p.tags == ("suite:rule_shift",))
    # nothing of the families that are not held out is lost, and nothing doubles
    ids = [p.problem_id for p in found]
    assert len(set(ids)) == len(ids)
    assert {p.problem_id for p in given_problems if p.family != "d"} <= set(ids)
    # the order of the rows does not matter
    again = assign(reversed(given_problems), seed, per_suite, per_probe, ["d"])
    assert {p.problem_id: p.split for p in found} == {p.problem_id: p.split for p in again}


def test_suites_are_balanced_over_families():
    problems = [problem(n, f"s{n}", "abc"[n % 3]) for n in range(90)]
    found = Counter((p.split, p.family) for p in assign(problems, 0, 30, 9, []))
    assert {found["in_domain", f] for f in "abc"} == {10} and {found["probe", f] for f in "abc"} == {3}
    assert {found["train", f] for f in "abc"} == {17}


def test_the_seed_moves_states():
    problems = [problem(n, f"s{n}", "a") for n in range(50)]
    one, two = ({p.state_id for p in assign(problems, seed, 10, 5, []) if p.split == "in_domain"} for seed in (0, 1))
    assert one != two


def given_parts(train: int, test: int, versions: tuple[str, ...] = ("in_domain",)) -> list[Problem]:
    """`train` training problems, and `test` states with one problem in each of `versions`."""
    trained = [problem(n, f"t{n}", "ab"[n % 2]) for n in range(train)]
    tested = [(n, version) for n in range(test) for version in versions]
    return trained + [problem(1000 + k, f"s{n}", "ab"[n % 2], v) for k, (n, v) in enumerate(tested)]


def test_probes_of_a_published_test_come_from_its_training_part():
    found = list(keep(given_parts(40, 20), 0, per_suite=20, per_probe=6))
    assert Counter(p.split for p in found) == {"train": 34, "probe": 6, "in_domain": 20}
    assert {p.state_id[0] for p in found if p.split == "probe"} == {"t"}
    assert {p.tags for p in found if p.split == "probe"} == {("suite:in_domain",)}
    assert Counter(p.split for p in keep(given_parts(40, 20), 0, 12, 6))["in_domain"] == 12


def test_without_a_training_part_probes_come_from_the_test():
    found = list(keep(given_parts(0, 20), 0, per_suite=100, per_probe=6))
    assert Counter(p.split for p in found) == {"probe": 6, "in_domain": 14}


@given(st.integers(0, 30), st.integers(0, 12), st.integers(0, 6), st.integers(0, 3))
def test_the_versions_of_a_state_stay_together(states, per_suite, per_probe, seed):
    problems = given_parts(0, states, ("one", "two", "three"))
    found = list(keep(problems, seed, per_suite, per_probe))
    where = defaultdict(set)
    for p in found:
        where[p.state_id].add(p.split == "probe")
        assert p.split == "probe" or p.tags == ()
    assert all(len(sides) == 1 for sides in where.values())
    counts = Counter(p.tags[0] if p.tags else p.split for p in found)
    for version in ("one", "two", "three"):
        assert counts[f"suite:{version}"] == min(per_probe, states)
        assert counts[version] == min(per_suite, states - min(per_probe, states))
    again = keep(problems[::-1], seed, per_suite, per_probe)
    assert {p.problem_id: p.split for p in found} == {p.problem_id: p.split for p in again}
