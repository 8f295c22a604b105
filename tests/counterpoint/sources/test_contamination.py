import dataclasses
import io
import time

import numpy as np
import pytest
from PIL import Image, ImageDraw

from counterpoint.problem import Picture, Problem, encode_png
from counterpoint.sources import contamination

LONG = "a baker sells {} loaves in the morning and twice as many in the afternoon , so how many are sold that day ?"


def picture(number: int, size: int = 48) -> Image.Image:
    """Five coloured discs at places that the number decides."""
    rng = np.random.default_rng(number)
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        x, y = rng.integers(0, size - 12, 2)
        draw.ellipse((x, y, x + 11, y + 11), fill=tuple(int(c) for c in rng.integers(0, 200, 3)))
    return image


def problem(name: str, question: str, *pictures: Picture, answer: str = "1", options=None) -> Problem:
    return Problem(name, name, "mine", "f", "train", 1, question, pictures, answer, "text", options)


def found(pool: list[Problem], *tests: Problem) -> dict[str, tuple[str, str]]:
    return {h.problem_id: (h.kind, h.pool_id) for h in contamination.hits(contamination.Pool(pool), tests)}


def png(image: Image.Image) -> Picture:
    return Picture.of(encode_png(image))


def jpeg(image: Image.Image) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return Picture.of(buffer.getvalue())


ONE, TWO = png(picture(1)), png(picture(2))
POOL = [
    problem("p0", "what colour ?", ONE, answer="red"),
    problem("p1", LONG.format(12), answer="36"),
    problem("p2", "what colour ?", TWO, answer="blue"),
    problem("p3", "how many ?", ONE, TWO, answer="5", options=("4", "5")),
]
CASES = [
    (problem("t", "What  COLOUR?", ONE, answer="green"), ("leak", "p0")),  # the same question of the same picture
    (problem("t", "what colour ?", jpeg(picture(1)), answer="Red"), ("leak", "p0")),
    (problem("t", "what colour ?", jpeg(picture(1)), answer="green"), ("similar picture", "p0")),
    (problem("t", "what colour ?", png(picture(1).resize((96, 96))), answer="red"), ("leak", "p0")),
    (problem("t", "what shape ?", ONE), ("shared picture", "p0")),
    (problem("t", "what colour ?", png(picture(3))), ("shared question", "p0")),
    (problem("t", "what colour ?"), ("shared question", "p0")),  # the same words, but one of the two has no picture
    (problem("t", "what shape ?", png(picture(3))), None),
    (problem("t", LONG.format(12), answer="35"), ("leak", "p1")),
    (problem("t", LONG.format(12).upper().replace(" ,", "") + " think step by step .", answer="36"), ("leak", "p1")),
    (problem("t", " ".join(LONG.format(12).split()[2:]), answer="36"), ("leak", "p1")),  # the pool holds it and more
    (problem("t", LONG.format(13), answer="39"), ("shared question", "p1")),
    (problem("t", "how many ?", TWO, ONE, answer="4", options=("4", "5")), ("leak", "p3")),
    (
        problem("t", "how many ?", TWO, ONE, png(picture(3)), answer="5", options=("4", "5")),
        ("shared question", "p3"),
    ),
    (problem("t", "how many ?", TWO, ONE, answer="5", options=("5", "6")), ("shared picture", "p3")),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)))
def test_what_is_a_leak_and_what_is_less(number):
    test, wanted = CASES[number]
    assert found(POOL, test).get("t") == wanted


def test_hits_are_counted_and_summed():
    pool = [*POOL, dataclasses.replace(POOL[0], problem_id="p9")]
    tests = [dataclasses.replace(test, problem_id=f"t{n}") for n, (test, _) in enumerate(CASES[:6])]
    hits = contamination.hits(contamination.Pool(pool), tests)
    assert next(h for h in hits if h.problem_id == "t0").pool_problems == 2
    wanted = {"problems": 6, "leak": 3, "shared picture": 1, "similar picture": 1, "shared question": 1}
    assert contamination.summary(hits, 6) == wanted
    assert contamination.hits(contamination.Pool([]), tests) == [] == contamination.hits(contamination.Pool(pool), [])


def test_operators_and_numbers_tell_questions_apart():
    texts = [contamination.words(t) for t in ("what is 3 + 4 ?", "what is 3 − 4 ?", "What is 3-4?", "what is 3 - 5 ?")]
    assert texts[1] == texts[2] and len(set(texts)) == 3


def test_a_template_is_shared_by_all_and_found_by_none():
    """Windows that many texts have point nowhere, so that a template costs no pairs."""
    texts = [contamination.words(LONG.format(f"{n} green and {n} brown")) for n in range(contamination.COMMON + 50)]
    pairs = contamination.containing(texts, texts)
    assert all(place in same for place, same in enumerate(pairs))
    assert max(map(len, pairs)) <= contamination.CANDIDATES + 1


def test_pictures_that_differ_in_one_small_thing_are_told_apart_and_copies_are_not():
    images = [picture(n) for n in range(40)]
    moved = []
    for number in range(40):
        image = picture(number)
        ImageDraw.Draw(image).rectangle((20, 20, 29, 29), fill="red" if number % 2 else "black")
        moved.append(image)
    copies = [jpeg(image) for image in images]
    base = contamination.prints([png(image) for image in images])
    assert [near == [n] for n, near in enumerate(contamination.alike(base, base))] == [True] * 40
    caught = sum(n in near for n, near in enumerate(contamination.alike(contamination.prints(copies), base)))
    false = sum(bool(near) for near in contamination.alike(contamination.prints([png(i) for i in moved]), base))
    assert caught >= 38 and false <= 4


def random_prints(rng, number: int) -> contamination.Prints:
    bits = rng.integers(0, 2**63, (number, 3), dtype=np.uint64)
    cells = rng.integers(0, 256, (number, contamination.CELLS**2 * 3), dtype=np.uint8)
    return contamination.Prints([str(n) for n in range(number)], bits, cells)


def test_thousands_against_thousands_take_no_time():
    rng = np.random.default_rng(0)
    tests, pool = random_prints(rng, 200), random_prints(rng, 4000)
    pool.bits[7], pool.cells[7] = tests.bits[3], tests.cells[3]
    began = time.process_time()
    pairs = contamination.alike(tests, pool)
    questions = [tuple(map(str, rng.integers(0, 3000, 30))) for _ in range(4000)]
    same = contamination.containing(questions[:200], questions)
    assert time.process_time() - began < 5
    assert [n for n, near in enumerate(pairs) if near] == [3] and pairs[3] == [7]
    assert same == [{n} for n in range(200)]
