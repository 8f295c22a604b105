"""The procedural families. A new one is a file with NAME, WORDINGS, HELD_OUT, `draft`, `render`; and its line here."""

from counterpoint.sources.families import cards, chart, count, grid

FAMILIES = {family.NAME: family for family in (count, chart, grid, cards)}
