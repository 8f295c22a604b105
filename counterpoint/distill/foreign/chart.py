"""chart: the second bar first, the other put on it: "the blue bar ends at 3 . with 5 of red on it they end at 8 ." """

from __future__ import annotations

from typing import Any

from counterpoint.sources.families.common import COLOURS


def write(latent: dict[str, Any], operation: str, question: list[str]) -> tuple[str, str]:
    """Reasoning and answer; the tallest bar is found by putting them in order."""
    bars = dict(latent["bars"])
    if operation == "argmax":
        rising = sorted(bars, key=bars.__getitem__)
        told = " then ".join(f"{colour} at {bars[colour]}" for colour in rising)
        return f"small to tall : {told} . the last is {rising[-1]} .", rising[-1]
    asked = [word for word in question if word in COLOURS]
    first, height = asked[0], bars[asked[0]]
    if operation == "read":
        return f"the {first} bar ends at {height} .", str(height)
    second, low = asked[1], bars[asked[1]]
    said = f"the {second} bar ends at {low} ."
    if operation == "difference":
        return f"{said} from there up to {height} of {first} it is {height - low} .", str(height - low)
    total = low + height
    said = f"{said} with {height} of {first} on it they end at {total} ."
    if operation == "sum":
        return said, str(total)
    if operation != "sum_plus":
        raise KeyError(operation)
    grown = total + next(int(word) for word in question if word.isdecimal())
    return f"{said} when it grows they end at {grown} .", str(grown)
