"""The procedural families. A new one is a file with FAMILY, and its line here."""

from importlib import import_module

HERE = (  # in the order in which problems take their turns
    "count",
    "chart",
    "grid",
    "cards",
)
FAMILIES = {name: import_module(f"counterpoint.sources.families.{name}").FAMILY for name in HERE}
