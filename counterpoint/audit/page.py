"""audit.html: one file that needs nothing else. What a log says is hostile: escaped, control characters spelt out."""

from __future__ import annotations

import base64
import math
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from counterpoint.audit import words
from counterpoint.audit.verdicts import Audit
from counterpoint.report.viewer import plain

TEMPLATE = Path(__file__).with_name("page.html.jinja")


def write(audit: Audit, picture: Path, path: Path) -> None:
    """Write the page with the picture in it."""
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["plain"] = plain
    page.filters["number"] = lambda value: f"{value:.4g}" if math.isfinite(value) else "–"
    text = page.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        log=audit.log,
        overall=audit.overall,
        facts=words.facts(audit),
        lines=words.curves(audit),
        curves=[(curve, _columns(curve)) for curve in audit.log.curves],
        picture=base64.b64encode(picture.read_bytes()).decode("ascii"),
    )
    path.write_text(text, encoding="utf-8", newline="\n")


def _columns(curve) -> dict:
    """By heading the numbers at every probe."""
    gaps = {f"{name.replace('_', ' ')} gap": values for name, values in curve.gaps.items()}
    return {"step": curve.steps, "reward": curve.reward, "accuracy": curve.accuracy, **gaps, **curve.beside}
