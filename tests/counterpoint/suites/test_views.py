"""What each suite shows under each condition, and what it must not show."""

import dataclasses
from random import Random

import numpy as np
import pytest

from counterpoint.problem import Picture, Problem
from counterpoint.prompt import question_text, user_text
from counterpoint.suites import SUITES
from counterpoint.suites.views import NOISE, drawn, following, noisy, views

INSTRUCTION = "think first ."
BLIND = ("no_image", "shuffled_image")
DRAWN = [name for name, suite in SUITES.items() if suite.shows == "drawn"]
WORDS = [name for name, suite in SUITES.items() if suite.shows == "words"]
BOTH = [name for name, suite in SUITES.items() if suite.shows == "words_and_image"]
NOISY = [name for name, suite in SUITES.items() if suite.noise]
PLAIN = [name for name, suite in SUITES.items() if suite.shows == "image" and not suite.noise]


def shown(problems, name, condition="normal"):
    return views(problems, INSTRUCTION, SUITES[name], condition)


def asked(problem, name):
    own = SUITES[name].instruction
    return user_text(problem, INSTRUCTION if own is None else own)


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.decode(), dtype=float)


def worded(number: int = 8, families: int = 2) -> list[Problem]:
    """Problems that never had a picture, the second half with options."""
    return [
        Problem(
            f"s{i}", f"p{i}", "t", f"f{i % families}", "text_reasoning", 1, f"what is {i} plus {i} ?", (), str(2 * i),
            "integer", options=("x", "y") if i >= number // 2 else None,
        )
        for i in range(number)
    ]  # fmt: skip


def test_every_kind_of_showing_is_tried_here():
    assert DRAWN and WORDS and BOTH and len(NOISY) == len(NOISE) and len(PLAIN) > 3
    assert sorted(DRAWN + WORDS + BOTH + NOISY + PLAIN) == sorted(SUITES)


@pytest.mark.parametrize("name", SUITES)
def test_the_suite_as_it_is(problems, name):
    for problem, view in zip(problems, shown(problems, name), strict=True):
        if name in DRAWN:
            assert view.text == INSTRUCTION and len(view.images) == 1
        elif name in WORDS:
            assert (view.text, view.images) == (f"{problem.text_twin} {asked(problem, name)}", ())
        elif name in BOTH:
            assert (view.text, view.images) == (f"{problem.text_twin} {asked(problem, name)}", problem.images)
        else:
            assert view.text == asked(problem, name) and problem.text_twin not in view.text
            assert (view.images == problem.images) == (name in PLAIN) and len(view.images) == 1
        if name not in DRAWN:
            assert problem.question in view.text
        assert problem.reasoning not in view.text


@pytest.mark.parametrize("name", SUITES)
def test_without_a_picture_nothing_of_picture_or_twin_is_left(problems, name):
    """What is withheld may be anything: the view is the same to the byte."""
    other = [dataclasses.replace(p, text_twin="zzz .", images=problems[0].images) for p in problems]
    blind = shown(problems, name, "no_image")
    assert blind == shown(other, name, "no_image")
    for problem, view in zip(problems, blind, strict=True):
        if name in DRAWN:
            assert view.images == (drawn(question_text(problem), ()),)
            assert view.text == INSTRUCTION
        else:
            assert (view.text, view.images) == (asked(problem, name), ())


@pytest.mark.parametrize("name", SUITES)
def test_shuffled_it_is_anothers_of_the_same_family_and_nothing_of_its_own(problems, name):
    partners = following(problems)
    assert all(p.family == o.family and p.state_id != o.state_id for p, o in zip(problems, partners, strict=True))
    exchanged = [dataclasses.replace(p, images=o.images, text_twin=o.text_twin, state_id=o.state_id)
                 for p, o in zip(problems, partners, strict=True)]  # fmt: skip
    assert shown(problems, name, "shuffled_image") == shown(exchanged, name)
    assert shown(problems, name, "shuffled_image") != shown(problems, name)


@pytest.mark.parametrize("name", SUITES)
@pytest.mark.parametrize("condition", ["normal", *BLIND])
def test_views_do_not_depend_on_the_order_of_the_problems(problems, name, condition):
    places = Random(1).sample(range(len(problems)), len(problems))
    found = shown(problems, name, condition)
    assert shown([problems[i] for i in places], name, condition) == [found[i] for i in places]


def test_a_shuffled_picture_is_never_the_same_state_drawn_anew(problems):
    first = next(p for p in problems if p.family == problems[0].family)
    second = dataclasses.replace(first, problem_id="again", images=(Picture.of(b"another drawing"),))
    third = next(p for p in problems if p.family == first.family and p.state_id != first.state_id)
    found = views([first, second, third], "", condition="shuffled_image")
    assert found[:2] == [dataclasses.replace(v, images=third.images) for v in found[:2]]
    assert found[2].images in (first.images, second.images)
    assert following([first, second]) == [first, second]  # nobody else is there


@pytest.mark.parametrize("name", [name for name in PLAIN if not SUITES[name].bare])
def test_problems_without_pictures_lose_their_question_instead(name):
    members = worded()
    partners = following(members)
    normal, blind, shuffled = (shown(members, name, condition) for condition in ("normal", *BLIND))
    for problem, other, seen, unseen, moved in zip(members, partners, normal, blind, shuffled, strict=True):
        assert seen.images == unseen.images == moved.images == ()
        assert seen.text == user_text(problem, INSTRUCTION) and problem.question in seen.text
        assert unseen.text == f"{question_text(dataclasses.replace(problem, question=''))} {INSTRUCTION}".strip()
        assert problem.question not in moved.text and other.question in moved.text
        assert ("options : x , y ." in moved.text) == ("options : x , y ." in unseen.text) == bool(problem.options)
    assert len({view.text for view in blind}) == 2


def test_what_a_suite_cannot_show_does_not_fit_it(problems):
    bare = dataclasses.replace(problems[0], images=())
    mute = dataclasses.replace(problems[0], text_twin=None)
    for name, suite in SUITES.items():
        assert suite.fits(problems[0])
        assert suite.fits(bare) == (name in PLAIN + WORDS)
        assert suite.fits(mute) == (name in PLAIN + NOISY + DRAWN)


@pytest.mark.parametrize("name", [*NOISY, *DRAWN])
def test_a_picture_is_made_when_it_is_asked_for(problems, name):
    read = []
    source = problems[0].images[0]
    spied = Picture(lambda: read.append(1) or source.read())
    (view,) = shown([dataclasses.replace(problems[0], images=(spied,))], name)
    assert read == []
    assert view.images == shown(problems[:1], name)[0].images
    view.images[0].decode()
    assert read == [1]  # it is small, and kept


def test_noise_is_the_same_at_every_call_and_another_for_every_key_and_level(problems):
    data = problems[0].images[0]
    made = {(level, key): noisy(data, level, key) for level in NOISE for key in ("a", "b")}
    assert all(noisy(data, level, key) == found for (level, key), found in made.items())
    assert len(set(made.values())) == len(made) and data not in made.values()


@pytest.mark.parametrize("place", range(4))
def test_noise_grows_and_contrast_shrinks_with_the_level(problems, place):
    plain = pixels(problems[place].images[0])
    found = [pixels(noisy(problems[place].images[0], level, "k")) for level in sorted(NOISE)]
    assert all(f.shape == plain.shape for f in found)
    errors = [np.abs(f - plain).mean() for f in found]
    assert 4 < errors[0] < errors[1] < errors[2] < 80
    contrasts = [np.polyfit(plain.ravel(), f.ravel(), 1)[0] for f in found]  # a slope below 1: paler
    assert 1 > contrasts[0] > contrasts[1] > contrasts[2] > 0.3


def test_two_problems_with_one_picture_are_roughened_apart_and_one_state_alike(problems):
    twice = [problems[0], dataclasses.replace(problems[0], problem_id="q", state_id="other")]
    same = [problems[0], dataclasses.replace(problems[0], problem_id="q", question="another ?")]
    for name in NOISY:
        first, second = shown(twice, name)
        assert first.images != second.images
        first, second = shown(same, name)
        assert first.images == second.images


def test_a_question_is_drawn_below_the_enlarged_picture(problems):
    page = pixels(drawn("how many ?", problems[0].images))
    width = page.shape[1]
    times = width // 48
    own = pixels(problems[0].images[0]).repeat(times, 0).repeat(times, 1)
    assert width >= 336 and np.array_equal(page[: own.shape[0], : own.shape[1]], own)
    strip = page[own.shape[0] :]
    assert strip.shape[0] > 10 and 0 < (strip < 128).mean() < 0.3  # letters on white


def test_another_question_gives_other_pixels_below_the_same_picture(problems):
    pages = [pixels(drawn(text, problems[0].images)) for text in ("how many red ?", "how many blu ?")]
    assert pages[0].shape == pages[1].shape
    changed = (pages[0] != pages[1]).any(axis=(1, 2)).nonzero()[0]
    assert len(changed) and changed.min() >= 336
    assert drawn("how many red ?", problems[0].images) == drawn("how many red ?", problems[0].images)


def test_options_are_drawn_with_the_question(problems):
    problem = dataclasses.replace(problems[0], options=("red", "blue"))
    with_options, without = (shown([p], "vision_only")[0] for p in (problem, problems[0]))
    assert with_options.images != without.images and with_options.text == without.text == INSTRUCTION


@pytest.mark.parametrize(
    ("question", "size"),
    [
        ("word " * 200, (48, 48)),
        ("x" * 3000, (48, 48)),
        ("", (48, 48)),
        ("π ≠ √2 漢字 ?", (700, 300)),
        ("a?", (2000, 9)),
    ],
)
def test_any_question_fits_on_any_picture(question, size):
    from PIL import Image

    from counterpoint.problem import encode_png

    picture = Picture.of(encode_png(Image.new("RGB", size, (10, 200, 10))))
    page = pixels(drawn(question, (picture, picture)))
    assert page.shape[1] >= max(336, size[0]) and page.shape[0] > 2 * size[1]
    assert (page[-8 * (page.shape[1] // 336) :, :, :] == 255).mean() > 0.5
    right = page[:, -2:, :] if question else page[-4:, -2:, :]
    strip = right[-10:]
    assert (strip == 255).all()  # no letter is cut at the margin


def test_every_word_of_a_long_question_is_drawn():
    short, long = (pixels(drawn(text, ())) for text in ("word", "word " * 60))
    ink = [int((page < 128).any(axis=2).sum()) for page in (short, long)]
    assert 60 * ink[0] <= ink[1] < 61 * ink[0]  # Pillow cuts one column behind the last letter of a line
