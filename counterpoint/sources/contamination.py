"""Does the training pool hold what a test asks? Normalised text and perceptual hashes, both or either.

A test problem is a `leak` when the pool asks the very question of the very picture (or where neither has one), or asks
it with a few words more, or of a picture that looks the same, and has the same answer. Less is reported apart: a
`shared picture` with other questions, a `similar picture`, a `shared question` about other pictures: a template, most
often. Questions and pictures count as the same whatever copying does to them: case, space, punctuation and a few words
more; recompression, scaling, a shade. The limits below were measured (docs/data.md): those of texts on GSM8K, those of
pictures on the default study, NLVR and PuzzleVQA.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from counterpoint.problem import Picture, Problem, digest
from counterpoint.prompt import question_text

KINDS = ("leak", "shared picture", "similar picture", "shared question")

WINDOW = 5  # words
CONTAINED = 0.7  # the share of a question's windows that a text must have to contain it
COMMON = 100  # a window of more texts is a template's and tells nothing
SHORTEST = WINDOW + 3  # words: of a shorter question, one changed word leaves nothing to tell it from another
CANDIDATES = 20  # texts looked at closely for each question

# Pictures are compared by the perceptual hash (DCT of 32×32, 64 bits) of each colour, and then cell by cell, for the
# hash does not see a small figure change.
BITS = 24  # of 192 that may differ
CELLS, SHADES = 24, 95  # a side; the most that any cell may differ, of 255
_TOKEN = re.compile(r"\w+|[+\-*/=<>^%]")
Words = tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """One problem of a test and what it shares with the pool: the first such problem, of how many."""

    problem_id: str
    kind: str
    pool_id: str
    pool_problems: int


class Pool:
    """The training pool, made ready once for any number of tests. Its problems are known by their number from 0."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = problems
        self.asking: defaultdict[Words, set[int]] = defaultdict(set)  # by question
        showing: defaultdict[Picture, set[int]] = defaultdict(set)
        for number, problem in enumerate(problems):
            self.asking[_question(problem)].add(number)
            for picture in problem.images:
                showing[picture].add(number)
        self.without_picture = {number for number, problem in enumerate(problems) if not problem.images}
        self.showing = list(showing.values())  # of each distinct picture
        self.prints = prints(list(showing))


def hits(pool: Pool, tests: Sequence[Problem]) -> list[Hit]:
    """What each test problem shares with the pool, the worst kind alone; none for a problem that shares nothing.

    Costs the distinct pairs of pictures (a few machine operations each) and the words of the distinct questions.
    """
    asking = _asking(pool, {_question(test) for test in tests})
    equal_pictures, like_pictures = _showing(pool, tests)

    @cache  # templates and blank pictures repeat
    def showing(pictures: frozenset[Picture]) -> tuple[set[int], set[int]]:
        if not pictures:
            return pool.without_picture, pool.without_picture
        return tuple(set.intersection(*(by[p] for p in pictures)) for by in (equal_pictures, like_pictures))

    @cache
    def sharing(question: Words, pictures: frozenset[Picture]) -> tuple[set[int], set[int]]:
        return tuple(asked & shown for asked, shown in zip(asking[question], showing(pictures), strict=True))

    result = []
    for test in tests:
        question, pictures = _question(test), frozenset(test.images)
        certain, likely = sharing(question, pictures)
        answer = words(test.answer)
        leaks = certain | {number for number in likely if words(pool.problems[number].answer) == answer}
        shown = showing(pictures) if pictures else (set(), set())
        for kind, numbers in zip(KINDS, (leaks, *shown, asking[question][1]), strict=True):
            if numbers:
                result.append(Hit(test.problem_id, kind, pool.problems[min(numbers)].problem_id, len(numbers)))
                break
    return result


def summary(test_hits: Iterable[Hit], tests: int) -> dict[str, int]:
    """The number of problems tested, and of each kind of hit."""
    counts = Counter(hit.kind for hit in test_hits)
    return {"problems": tests, **{kind: counts[kind] for kind in KINDS}}


def words(text: str) -> Words:
    """The words and operators of a text, without case, spacing and punctuation."""
    return tuple(_TOKEN.findall(unicodedata.normalize("NFKC", text).casefold().replace("−", "-")))


def _question(problem: Problem) -> Words:
    return words(question_text(problem))


def _asking(pool: Pool, questions: Iterable[Words]) -> dict[Words, tuple[set[int], set[int]]]:
    """For each question the problems of the pool that ask it, and those that ask it or ask it with words more."""
    questions, texts = list(questions), list(pool.asking)
    asking = {}
    for question, indices in zip(questions, containing(questions, texts), strict=True):
        same = pool.asking.get(question, set())
        asking[question] = (same, same.union(*(pool.asking[texts[index]] for index in indices)))
    return asking


def _showing(pool: Pool, tests: Sequence[Problem]) -> tuple[dict[Picture, set[int]], dict[Picture, set[int]]]:
    """For each picture of the tests, the problems of the pool that show it, and those that show it or one like it."""
    pictures = list(dict.fromkeys(picture for test in tests for picture in test.images))
    of_tests = prints(pictures)
    equal, like = {}, {}
    for picture, pixels, indices in zip(pictures, of_tests.pixels, alike(of_tests, pool.prints), strict=True):
        like[picture] = set().union(*(pool.showing[index] for index in indices))
        same = (pool.showing[index] for index in indices if pool.prints.pixels[index] == pixels)
        equal[picture] = set().union(*same)
    return equal, like


def _windows(text: Words) -> set[Words]:
    """The windows of a text that is long enough to be compared by them."""
    return {text[i : i + WINDOW] for i in range(len(text) - WINDOW + 1)} if len(text) >= SHORTEST else set()


def containing(questions: Sequence[Words], texts: Sequence[Words]) -> list[set[int]]:
    """For each question, the indices of the texts that equal or contain it; both as `words` gives them, all distinct.

    Broder's containment (1997) of 5-word windows, found through an index of the windows that are not common to many
    texts: the time grows with the number of words, not with the number of pairs.
    """
    index_of = {text: index for index, text in enumerate(texts)}
    with_window: defaultdict[Words, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        for window in _windows(text):
            with_window[window].append(index)
    result = []
    for question in questions:
        windows = _windows(question)
        shared: Counter[int] = Counter()
        for window in windows:
            indices = with_window.get(window, ())
            if len(indices) <= COMMON:
                shared.update(indices)
        likeliest = sorted(shared, key=lambda index: (-shared[index], index))[:CANDIDATES]
        holding = {i for i in likeliest if len(windows & _windows(texts[i])) >= CONTAINED * len(windows)}
        result.append(holding | ({index_of[question]} if question in index_of else set()))
    return result


@dataclass(frozen=True)
class Prints:
    """N distinct pictures: `pixels` N digests of what is seen, `bits` (N, 3) uint64, `cells` (N, 24·24·3) uint8."""

    pixels: list[str]
    bits: np.ndarray
    cells: np.ndarray


def prints(pictures: Sequence[Picture]) -> Prints:
    """Fingerprints of encoded pictures."""
    import imagehash
    from PIL import Image

    pixels, bits, cells = [], [], []
    for picture in pictures:
        image = picture.decode()
        pixels.append(digest(image.size, image.tobytes().hex()))
        hashes = [imagehash.phash(channel).hash for channel in image.split()]
        bits.append([int.from_bytes(np.packbits(signs).tobytes(), "big") for signs in hashes])
        cells.append(np.asarray(image.resize((CELLS, CELLS), Image.Resampling.BOX)).ravel())
    return Prints(
        pixels,
        np.array(bits, dtype=np.uint64).reshape(-1, 3),
        np.array(cells, dtype=np.uint8).reshape(-1, CELLS * CELLS * 3),
    )


def alike(pictures: Prints, others: Prints) -> list[list[int]]:
    """For each picture the indices of the others that look like it, equal ones included."""

    def differing(indices: np.ndarray, cells: np.ndarray, step: int) -> np.ndarray:
        """Whether any of every `step`-th cell differs too much, of each of the others at `indices`."""
        shades = np.abs(others.cells[indices, ::step].astype(np.int16) - cells[::step].astype(np.int16))
        return shades.max(1, initial=0) > SHADES

    result: list[list[int]] = []
    for start in range(0, len(pictures.pixels), 64):  # 64 × 20,000 × 3 numbers of 8 bytes are 31 MB
        bits = pictures.bits[start : start + 64, None, :] ^ others.bits[None, :, :]
        near = np.bitwise_count(bits).sum(-1, dtype=np.uint16) <= BITS
        for cells, row in zip(pictures.cells[start : start + 64], near, strict=True):
            indices = np.flatnonzero(row)
            for step in (31, 1):  # a few cells spread over the picture tell most others apart
                indices = indices[~differing(indices, cells, step)]
            result.append(indices.tolist())
    return result
