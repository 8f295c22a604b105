"""Does the training pool hold what a test asks? Normalised text and perceptual hashes, both or either.

A test problem is a `leak` when the pool asks the very question of the very picture (or where neither has one), or asks
it with a few words more, or of a picture that looks the same, and has the same answer. Less is told apart: a `shared
picture` with other questions, a `similar picture`, a `shared question` about other pictures: a template, most often.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from counterpoint.problem import Problem
from counterpoint.prompt import question_text
from counterpoint.sources.likeness import alike, containing, prints, words

KINDS = ("leak", "shared picture", "similar picture", "shared question")


@dataclass(frozen=True)
class Hit:
    """One problem of a test and what it shares with the pool: the first such problem, of how many."""

    problem_id: str
    kind: str
    pool_id: str
    pool_problems: int


class Pool:
    """The training pool, made ready once for any number of tests."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = problems
        groups = _by_question(problems)
        self.questions, self.asking = list(groups), [set(places) for places in groups.values()]
        self.pictures = list(dict.fromkeys(picture for p in problems for picture in p.images))
        self.prints = prints(self.pictures)
        number = {picture: place for place, picture in enumerate(self.pictures)}
        self.showing: list[set[int]] = [set() for _ in self.pictures]
        for place, problem in enumerate(problems):
            for picture in problem.images:
                self.showing[number[picture]].add(place)


def hits(pool: Pool, tests: Sequence[Problem]) -> list[Hit]:
    """What each test problem shares with the pool, the worst kind alone; none for a problem that shares nothing.

    Costs the distinct pairs of pictures (a few machine operations each) and the words of the distinct questions.
    """
    questions = _questions(pool, tests)
    pictures = _Pictures(pool, tests)
    bare = {place for place, problem in enumerate(pool.problems) if not problem.images}
    known: dict[tuple, tuple[set[int], set[int]]] = {}
    result = []
    for test in tests:
        said, shown = _question(test), pictures.of(test)
        same, like = questions[said]
        equal, similar = pictures.shared(shown) if shown else (bare, bare)
        if (said, shown) not in known:  # templates and blank pictures repeat: each pair of them is met once
            known[said, shown] = (same & equal, like & similar)
        certain, likely = known[said, shown]
        answer = words(test.answer)
        leaks = certain | {place for place in likely if words(pool.problems[place].answer) == answer}
        kinds = (leaks, equal if shown else set(), similar if shown else set(), like)
        for kind, places in zip(KINDS, kinds, strict=True):
            if places:
                result.append(Hit(test.problem_id, kind, pool.problems[min(places)].problem_id, len(places)))
                break
    return result


def summary(found: Iterable[Hit], tests: int) -> dict[str, int]:
    """Number of problems, and of each kind of hit."""
    counts = Counter(hit.kind for hit in found)
    return {"problems": tests, **{kind: counts[kind] for kind in KINDS}}


def _question(problem: Problem) -> tuple[str, ...]:
    return words(question_text(problem))


def _by_question(problems: Sequence[Problem]) -> dict[tuple[str, ...], list[int]]:
    places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, problem in enumerate(problems):
        places[_question(problem)].append(place)
    return places


def _questions(pool: Pool, tests: Sequence[Problem]) -> dict[tuple[str, ...], tuple[set[int], set[int]]]:
    """For each question of the tests the problems of the pool that ask it, and those that ask it with words more."""
    asked = list(_by_question(tests))
    found = {}
    for said, places in zip(asked, containing(asked, pool.questions), strict=True):
        groups = [(pool.questions[place] == said, pool.asking[place]) for place in places]
        same = set().union(*(asking for equal, asking in groups if equal))
        found[said] = (same, same.union(*(asking for _, asking in groups)))
    return found


class _Pictures:
    """Which problems of the pool show the pictures of a test problem, equal or alike."""

    def __init__(self, pool: Pool, tests: Sequence[Problem]):
        own = list(dict.fromkeys(picture for problem in tests for picture in problem.images))
        seen = prints(own)
        self.showing = pool.showing
        self.number = {picture: place for place, picture in enumerate(own)}
        self.alike = alike(seen, pool.prints)
        self.equal = [
            [other for other in near if pool.prints.pixels[other] == pixels]
            for pixels, near in zip(seen.pixels, self.alike, strict=True)
        ]
        self.known: dict[tuple[int, ...], tuple[set[int], set[int]]] = {}

    def of(self, problem: Problem) -> tuple[int, ...]:
        """The problem's pictures by number, without order."""
        return tuple(sorted({self.number[picture] for picture in problem.images}))

    def shared(self, numbers: tuple[int, ...]) -> tuple[set[int], set[int]]:
        """The problems of the pool that show all of these pictures: equal ones, and those that look like them."""
        if numbers not in self.known:
            equal, like = (
                set.intersection(*({p for other in near[n] for p in self.showing[other]} for n in numbers))
                for near in (self.equal, self.alike)
            )
            self.known[numbers] = (equal, like)
        return self.known[numbers]
