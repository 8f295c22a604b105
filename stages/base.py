"""Train micro bases from scratch by their recipes in params.yaml (`bases`), all or those named:

    python -m stages.base [small …]

Reads nothing but the recipe: what a base is shown is generated as it goes. Writes data/models/base/NAME, a checkpoint
like any other, with its training log; what stood there stays until it is whole. Goes on from its work folder when
interrupted. Not a DVC stage: the bases that ship are inputs of the study (stages/shipped.py).
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
from pathlib import Path

from counterpoint import params, problem, prompt
from counterpoint.errors import UserError, nearest
from counterpoint.models import micro, pretraining
from counterpoint.problem import digest
from counterpoint.sources import families, procedural
from stages.common import main, work_folder
from stages.shipped import BASES

log = logging.getLogger("base")


def program(arguments: list[str]) -> None:
    """Train the named bases, or all."""
    bases = params.load().bases
    names = [name for words in arguments for name in words.split()] or list(bases)
    for name in names:
        if name not in bases:
            raise UserError(f"params.yaml: no base {name!r}{nearest(name, bases)}")
    for name in names:
        train(name, dataclasses.asdict(bases[name]))


def train(name: str, values: dict) -> None:
    """Train one base by its recipe and put it in its place."""
    sizes = {f.name for f in dataclasses.fields(micro.Shape)}
    shape = micro.Shape(**{k: v for k, v in values.items() if k in sizes})
    recipe = pretraining.Recipe(shape=shape, **{k: v for k, v in values.items() if k not in sizes})
    taught = sorted(Path(families.__file__).parent.glob("*.py"))
    taught += [Path(module.__file__) for module in (micro, pretraining, problem, procedural, prompt)]
    work = work_folder() / "base" / f"{name}-{digest(values, [file.read_text(encoding='utf-8') for file in taught])}"
    out = BASES / name
    log.info("%s: training %s", name, out)
    pretraining.train(recipe, work / "made", work, log.info)
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(work / "made", out)
    shutil.rmtree(work)


if __name__ == "__main__":
    main(program)
