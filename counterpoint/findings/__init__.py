"""The paper's claims, decided on the tables of a study: effects with intervals, p values after Holm, and verdicts.

    claims.py    the claims as data      study.py    what is read of the tables
    effects.py   from tables to effects  matched.py  the same at equal budgets
    verdict.py   Holm and the verdicts   table.py    the mart `findings`
    prevalence.py  how many honest runs have a deceptive reward

docs/PREREGISTRATION.md fixed what is tested and how before the study was first run.
"""

from counterpoint.findings.study import claimed
from counterpoint.findings.table import KEY, SCHEMA, as_json, compute

__all__ = ["KEY", "SCHEMA", "as_json", "claimed", "compute"]
