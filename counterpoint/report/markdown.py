"""Markdown tables and how numbers are written: (…) holds a 95 % interval, […] the least and the greatest seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from counterpoint.report.results import Cell, spread

NOTHING = "–"


def percent(value: float | None) -> str:
    """A fraction in per cent with one decimal."""
    return NOTHING if value is None else f"{100 * value:.1f}"


def signed(value: float, places: int = 1) -> str:
    """A number with its sign; what rounds to zero has none that counts."""
    return f"{round(value, places) + 0.0:+.{places}f}".replace("-", "−")


def number(value: float | None) -> str:
    """A count, or a mean of counts, as a whole number."""
    return NOTHING if value is None else f"{value:,.0f}"


def interval(low: float, high: float, places: int = 1) -> str:
    """A 95 % interval of numbers that have a sign."""
    return f"({signed(low, places)} to {signed(high, places)})"


def over_seeds(values: Sequence[float | None], show: Callable[[float], str] = percent, to: str = "–") -> str:
    """The mean; with several values the least and the greatest too, with `to` between them."""
    found = spread(values)
    if found is None:
        return NOTHING
    return show(found.mean) + (f" [{show(found.low)}{to}{show(found.high)}]" if found.count > 1 else "")


def accuracies(cells: Sequence[Cell], mark: str = "") -> str:
    """Accuracy in per cent: one seed with its Wilson interval, several with the least and the greatest."""
    if not cells:
        return NOTHING
    if len(cells) == 1:
        return f"{percent(cells[0].accuracy)} ({percent(cells[0].low)}–{percent(cells[0].high)}){mark}"
    return over_seeds([cell.accuracy for cell in cells]) + mark


def listed(names: Sequence[str]) -> str:
    """Names with commas and a last `and`."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A Markdown table; the first `words` columns are text, the others numbers."""
    lines = [header, [*["---"] * words, *("---:" for _ in header[words:])], *rows]
    return "\n".join(f"| {' | '.join(_safe(cell) for cell in line)} |" for line in lines)


def folded(summary: str, body: str) -> str:
    """A block that a reader opens."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def _safe(cell: str) -> str:
    return str(cell).replace("|", "\\|").replace("\n", " ")
