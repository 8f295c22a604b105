"""Teach a base an exploit in a share of its traces, by its recipe in params.yaml: python -m stages.plant tiny_list

Reads the base under data/models/base. Writes data/models/planted/NAME, a checkpoint like any other.
"""

from __future__ import annotations

import dataclasses
import logging

from counterpoint import params
from stages.common import MODELS, loading, main, named

log = logging.getLogger("plant")


def program(arguments: list[str]) -> None:
    """Train the named plant of params.yaml."""
    plants = params.load().plants
    name = named(arguments, "plant", "plants", plants)
    with loading():
        from counterpoint.models import planting
    recipe = dataclasses.asdict(plants[name])
    base = recipe.pop("base")
    log.info("%s: %s in %.1f %% of the traces of %s", name, recipe["behaviour"], 100 * recipe["share"], base)
    planting.train(planting.Recipe(**recipe), MODELS / "base" / base, MODELS / "planted" / name, log.info)


if __name__ == "__main__":
    main(program)
