"""Teach bases an exploit in a share of their traces, by the recipes in params.yaml (`plants`): python -m stages.plant

Reads the bases under data/models/base. Writes data/models/planted: a checkpoint like any other for each recipe, and
plants.json, the recipes; that alone where there are none, so that training can depend on the folder.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil

from counterpoint import params
from counterpoint.errors import UserError
from stages.common import MODELS, loading, main

log = logging.getLogger("plant")
PLANTED = MODELS / "planted"


def program(arguments: list[str]) -> None:
    """Train every plant of params.yaml."""
    if arguments:
        raise UserError(f"plant takes no arguments, not {' '.join(arguments)!r}: it trains every recipe of params.yaml")
    plants = params.load().plants
    shutil.rmtree(PLANTED, ignore_errors=True)
    PLANTED.mkdir(parents=True)
    if plants:
        with loading():
            from counterpoint.models import planting
    for name, plant in plants.items():
        recipe = {key: value for key, value in dataclasses.asdict(plant).items() if key != "base"}
        log.info("%s: %s in %.1f %% of the traces of %s", name, plant.behaviour, 100 * plant.share, plant.base)
        planting.train(planting.Recipe(**recipe), MODELS / "base" / plant.base, PLANTED / name, log.info)
    told = {name: dataclasses.asdict(plant) for name, plant in plants.items()}
    (PLANTED / "plants.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(program)
