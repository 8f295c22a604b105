"""The procedural families. A new one is a module with NAME, `draft` and `render`, and its line here."""

from counterpoint.sources.families import cards, chart, count, grid

FAMILIES = {family.NAME: family for family in (count, chart, grid, cards)}
