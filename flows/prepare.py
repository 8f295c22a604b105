"""What every way to run a study does first: compose its parameters, check them, write params.yaml."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass

from counterpoint import params, schedule, sources
from counterpoint.params import compose
from stages import shipped


@dataclass(frozen=True)
class Prepared:
    """A study that stands in params.yaml. jobs: how many of its stages may run at a time."""

    composed: compose.Composed
    jobs: int

    @property
    def settings(self) -> params.Params:
        return self.composed.params

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the stages: this process's own, and that threads wait passively where they outnumber the
        cores. Waiting actively they would take several times as long. What the user has set stays.
        """
        crowded = self.jobs * self.settings.threads > schedule.usable_cores()
        return ({"OMP_WAIT_POLICY": "PASSIVE"} if crowded else {}) | dict(os.environ)


def parser(program: str, description: str) -> argparse.ArgumentParser:
    """A parser with the arguments that all programs share that run a study."""
    made = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    made.add_argument("--study", default="", help="a name from studies/; params.yaml as it stands if left out")
    made.add_argument("--jobs", metavar="N", help="stages at a time (default: usable cores over `threads`)")
    made.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a setting laid on the study")
    return made


def study(name: str, overrides: list[str], jobs: str | None, fresh: bool = False) -> Prepared:
    """Write the study to params.yaml and grid.yaml, once everything holds; raises `UserError` before that.

    name: from studies/, or empty for params.yaml as it stands. overrides: settings KEY=VALUE laid on it. jobs: as
    `--jobs` was given. fresh: without changes made before.
    """
    made = compose.resolve(name, overrides, fresh=fresh)
    sources.check_all(made.params.source)
    prepared = Prepared(made, schedule.jobs_from(jobs, made.params.threads))
    shipped.check()
    compose.save(made)
    return prepared
