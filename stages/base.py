"""Train a micro base from scratch by its recipe in params.yaml (`bases`): python -m stages.base small

Reads nothing but its recipe: what it is shown is generated as it goes. Writes data/models/base/NAME, a checkpoint like
any other, with its training log. Goes on from its work folder when interrupted.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from counterpoint import params, problem, prompt
from counterpoint.errors import UserError
from counterpoint.models import micro, pretraining
from counterpoint.problem import digest
from counterpoint.sources import families, procedural
from counterpoint.typed import nearest
from stages.common import MODELS, main, work_folder


def program(arguments: list[str]) -> None:
    """Train the named base."""
    bases = params.load().bases
    if len(arguments) != 1 or arguments[0] not in bases:
        named = arguments[0] if arguments else ""
        raise UserError(f"params.yaml: no base {named!r}{nearest(named, bases)}")
    name, values = arguments[0], dataclasses.asdict(bases[arguments[0]])
    sizes = {f.name for f in dataclasses.fields(micro.Shape)}
    shape = micro.Shape(**{k: v for k, v in values.items() if k in sizes})
    recipe = pretraining.Recipe(shape=shape, **{k: v for k, v in values.items() if k not in sizes})
    taught = sorted(Path(families.__file__).parent.glob("*.py"))
    taught += [Path(module.__file__) for module in (micro, pretraining, problem, procedural, prompt)]
    work = work_folder() / "base" / f"{name}-{digest(values, [file.read_text(encoding='utf-8') for file in taught])}"
    pretraining.train(recipe, MODELS / "base" / name, work, logging.getLogger("base").info)


if __name__ == "__main__":
    main(program)
