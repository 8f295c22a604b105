"""Does the reward of a run made elsewhere tell the truth? From the logs that people already have.

    counterpoint audit RUN

Nothing is trained, configured or executed and no pickle is opened. A reader (`readers/`, one file a kind of log) brings
numbers by step, `dialects/` says what their names mean, which makes a `RunLog`. `verdict` assesses it by
counterpoint.statistics.deceptive, `report` and `picture` tell and draw it. docs/audit.md is the manual.

`TruthCallback` and `HeldOutAccuracy` do it while a TRL trainer trains. They are imported when they are asked for, since
they bring torch, transformers and TRL with them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoint.audit.held_out import HeldOutAccuracy
    from counterpoint.audit.truth import TruthCallback

__all__ = ["HeldOutAccuracy", "TruthCallback"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    file = {"HeldOutAccuracy": "held_out", "TruthCallback": "truth"}[name]
    return getattr(import_module(f"{__name__}.{file}"), name)
