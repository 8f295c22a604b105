"""How each procedural family writes its reasoning. A new one is a module with `reader`, and its line here."""

from counterpoint.evaluation.steps import cards, chart, count, grid

READERS = {"count": count.reader, "chart": chart.reader, "grid": grid.reader, "cards": cards.reader}
