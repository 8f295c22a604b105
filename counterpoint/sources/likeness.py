"""When two questions or two pictures are the same but for what copying does to them: case, space, punctuation and a few
words more; recompression, scaling, a shade."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from counterpoint.problem import Picture, digest

# Words of a window; of what share of a question's windows a text must have to contain it; from how many texts on a
# window is a template's and tells nothing. Measured on GSM8K: docs/data.md.
WINDOW, CONTAINED, COMMON = 5, 0.7, 100
SHORTEST = WINDOW + 3  # words: of a shorter question, one changed word leaves nothing to tell it from another
CANDIDATES = 20  # texts looked at closely for each question

# Pictures are compared by the perceptual hash (DCT of 32×32, 64 bits) of each colour, and then cell by cell, for the
# hash does not see a small figure change. Measured on pictures of the default study, NLVR and PuzzleVQA: docs/data.md.
BITS = 24  # of 192 that may differ
CELLS, SHADES = 24, 95  # a side; the most that any cell may differ, of 255
_TOKEN = re.compile(r"\w+|[+\-*/=<>^%]")


def words(text: str) -> tuple[str, ...]:
    """The words and operators of a text, without case, spacing and punctuation."""
    return tuple(_TOKEN.findall(unicodedata.normalize("NFKC", text).casefold().replace("−", "-")))


def _windows(said: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {said[i : i + WINDOW] for i in range(len(said) - WINDOW + 1)}


def containing(questions: Sequence[tuple[str, ...]], texts: Sequence[tuple[str, ...]]) -> list[set[int]]:
    """For each question, the places of the texts that equal or contain it; both as `words` gives them, all distinct.

    Broder's containment (1997) of 5-word windows, found through an index of the windows that are not common to many
    texts: the time grows with the number of words, not with the number of pairs.
    """
    equal = {said: place for place, said in enumerate(texts)}
    index: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, said in enumerate(texts):
        if len(said) >= SHORTEST:
            for window in _windows(said):
                index[window].append(place)
    found = []
    for said in questions:
        same = {equal[said]} if said in equal else set()
        if len(said) >= SHORTEST:
            own = _windows(said)
            shared: Counter[int] = Counter()
            for window in own:
                places = index.get(window, ())
                if len(places) <= COMMON:
                    shared.update(places)
            likeliest = sorted(shared, key=lambda place: (-shared[place], place))[:CANDIDATES]
            same |= {p for p in likeliest if len(own & _windows(texts[p])) >= CONTAINED * len(own)}
        found.append(same)
    return found


@dataclass(frozen=True)
class Prints:
    """N distinct pictures: `pixels` N digests of what is seen, `bits` (N, 3) uint64, `cells` (N, 24·24·3) uint8."""

    pixels: list[str]
    bits: object
    cells: object


def prints(pictures: Sequence[Picture]) -> Prints:
    """Fingerprints of encoded pictures."""
    import imagehash
    import numpy as np
    from PIL import Image

    pixels, bits, cells = [], [], []
    for picture in pictures:
        image = picture.decode()
        pixels.append(digest(image.size, image.tobytes().hex()))
        hashes = [imagehash.phash(channel).hash for channel in image.split()]
        bits.append([int.from_bytes(np.packbits(one).tobytes(), "big") for one in hashes])
        cells.append(np.asarray(image.resize((CELLS, CELLS), Image.Resampling.BOX)).ravel())
    return Prints(
        pixels,
        np.array(bits, dtype=np.uint64).reshape(-1, 3),
        np.array(cells, dtype=np.uint8).reshape(-1, CELLS * CELLS * 3),
    )


def alike(pictures: Prints, others: Prints) -> list[list[int]]:
    """For each picture the places of the others that look like it, equal ones included."""
    import numpy as np

    def differing_cells(places, own, step):
        shades = np.abs(others.cells[places, ::step].astype(np.int16) - own[::step].astype(np.int16))
        return shades.max(1, initial=0) > SHADES

    found: list[list[int]] = []
    for start in range(0, len(pictures.pixels), 64):  # 64 × 20,000 × 3 numbers of 8 bytes are 31 MB
        differing = pictures.bits[start : start + 64, None, :] ^ others.bits[None, :, :]
        near = np.bitwise_count(differing).sum(-1, dtype=np.uint16) <= BITS
        for offset, row in enumerate(near):
            places, own = np.flatnonzero(row), pictures.cells[start + offset]
            for step in (31, 1):  # a few cells spread over the picture tell most others apart
                places = places[~differing_cells(places, own, step)]
            found.append(places.tolist())
    return found
