"""The procedural families. A new one is a file with FAMILY, and its line here."""

from counterpoint.sources.families import cards, chart, count, grid

FAMILIES = {module.FAMILY.name: module.FAMILY for module in (count, chart, grid, cards)}
