"""What a model is shown of a problem, by suite and condition.

`normal` is the suite as it is. `no_image` withholds what the question is about: the picture, its words, or both; where
the question is drawn, it is drawn alone; where a problem has no picture to withhold, the question itself goes, and
options and instruction stay. `shuffled_image` shows the picture or words (or question) of the next problem of the same
family instead. Both are blind: what they get right needs no seeing, or no reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from counterpoint.problem import Picture, Problem, digest, encode_png
from counterpoint.prompt import question_text, user_text
from counterpoint.suites.suite import Suite

# by level of noise: what is left of the contrast, standard deviation of the noise in shades, share of pixels replaced
NOISE = {1: (0.9, 12.0, 0.01), 2: (0.75, 24.0, 0.03), 3: (0.6, 36.0, 0.06)}
NARROWEST = 336  # pixels: a small picture is enlarged that far, or letters would dwarf it
SMALL = 1 << 16  # bytes: up to here a picture that was made is kept, a larger one made again whenever it is asked for


@dataclass(frozen=True)
class View:
    """The user's text, and the pictures."""

    text: str
    images: tuple[Picture, ...] = ()


def views(
    problems: Sequence[Problem], instruction: str, suite: Suite | None = None, condition: str = "normal"
) -> list[View]:
    """How `suite` (None: the picture and the question) shows its problems under a condition, in their order."""
    suite = suite or Suite("", split="", purpose="")
    asked = instruction if suite.instruction is None else suite.instruction
    others = following(problems) if condition == "shuffled_image" else problems
    return [_view(p, other, asked, suite, condition) for p, other in zip(problems, others, strict=True)]


def _view(problem: Problem, other: Problem, instruction: str, suite: Suite, condition: str) -> View:
    blind = condition == "no_image"
    if suite.shows == "drawn":
        question = question_text(problem)
        return View(instruction, (drawn(question, () if blind else other.images),))
    if not suite.needs_twin and not problem.images:  # nothing but words
        text = "" if blind else other.question
        return View(user_text(replace(problem, question=text), instruction))
    text = user_text(problem, instruction)
    if blind:
        return View(text)
    if suite.needs_twin:
        text = f"{other.text_twin} {text}"
    if suite.shows == "words":
        return View(text)
    images = other.images
    if suite.noise:
        images = tuple(noisy(image, suite.noise, (other.state_id, n)) for n, image in enumerate(images))
    return View(text, images)


def following(problems: Sequence[Problem]) -> list[Problem]:
    """For each problem the next one of its family with another state, in a cycle by id (itself if there is none)."""
    families: dict[str, list[Problem]] = {}
    for problem in sorted(problems, key=lambda p: p.problem_id):
        families.setdefault(problem.family, []).append(problem)
    positions = {p.problem_id: position for members in families.values() for position, p in enumerate(members)}
    shuffled = []
    for problem in problems:
        members, position = families[problem.family], positions[problem.problem_id]
        others = [*members[position + 1 :], *members[:position]]
        shuffled.append(next((o for o in others if o.state_id != problem.state_id), problem))
    return shuffled


def noisy(picture: Picture, level: int, key: object) -> Picture:
    """A picture with less contrast, Gaussian noise and replaced pixels, the same at every call for one `key`."""
    return Picture(partial(_roughened, picture, level, key), keep=SMALL)


def _roughened(picture: Picture, level: int, key: object) -> bytes:
    from PIL import Image

    contrast, deviation, replaced = NOISE[level]
    pixels = np.asarray(picture.decode(), dtype=np.float32)
    rng = np.random.Generator(np.random.Philox(key=int(digest("noise", level, key), 16)))
    grey = pixels.mean()
    pixels = grey + contrast * (pixels - grey) + rng.normal(0.0, deviation, pixels.shape)
    lost = rng.random(pixels.shape[:2]) < replaced
    pixels[lost] = rng.integers(0, 256, (int(lost.sum()), 3))
    return encode_png(Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8)))


def drawn(question: str, images: Sequence[Picture]) -> Picture:
    """One picture of the given ones, one below the other, and the question under them, in Pillow's own bitmap font.

    The font is part of Pillow: a system's font would differ from machine to machine.
    """
    return Picture(partial(_page, question, images), keep=SMALL)


def _page(question: str, images: Sequence[Picture]) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    pictures = [_enlarged(picture.decode()) for picture in images]
    width = max([NARROWEST, *(picture.width for picture in pictures)])
    scale = max(1, width // NARROWEST)
    font, margin = ImageFont.load_default_imagefont(), 4
    lines = _wrapped(question, font, width // scale - 2 * margin)
    height = font.getbbox("Ag")[3] + 3
    strip = Image.new("RGB", (width // scale, len(lines) * height + 2 * margin), (255, 255, 255))
    draw = ImageDraw.Draw(strip)
    for row, line in enumerate(lines):
        draw.text((margin, margin + row * height), line, fill=(0, 0, 0), font=font)
    strip = strip.resize((strip.width * scale, strip.height * scale), Image.Resampling.NEAREST)
    page = Image.new("RGB", (width, sum(p.height for p in pictures) + strip.height), (255, 255, 255))
    top = 0
    for picture in [*pictures, strip]:
        page.paste(picture, ((width - picture.width) // 2 if picture is not strip else 0, top))
        top += picture.height
    return encode_png(page)


def _enlarged(picture):
    from PIL import Image

    times = NARROWEST // picture.width
    if times < 2:
        return picture
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _wrapped(text: str, font, width: int) -> list[str]:
    """The text in lines no wider than `width` pixels; the bitmap font has Latin-1 alone, other letters become ?."""
    lines, line = [], ""
    for word in text.encode("latin-1", "replace").decode("latin-1").split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
        while font.getlength(line) > width:
            cut = next(n for n in range(len(line) - 1, 0, -1) if font.getlength(line[:n]) <= width or n == 1)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]
