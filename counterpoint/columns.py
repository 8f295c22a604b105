"""Tables of text: in columns for the terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = (), indent: int = 0) -> list[str]:
    """The rows as lines, columns two spaces apart, each as wide as its widest cell.

    rows: equally many cells each, the column names among them. right: the columns that are ranged right. indent: spaces
    before every line.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"{' ' * indent}{'  '.join(cells)}".rstrip())
    return lines


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; a `|` within a cell becomes a `/`."""
    cells = [[str(cell).replace("|", "/") for cell in row] for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
