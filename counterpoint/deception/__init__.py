"""Does each run's reward tell the truth? From the tables of a study to curves, assessments and two marts.

    curves.py   from tables to arrays: reward, held-out accuracy and what accounts for their gap
    beside.py   what else is known of a run: whether an exploit was found, reasoning, blank pictures, pass@k
    table.py    the marts `deceptive_rewards` (run by run and suite by suite) and `deceptive_arms` (seeds pooled)

How a verdict is reached: `counterpoint.statistics.deceptive`.
"""

from counterpoint.deception.table import KEYS, SCHEMAS, compute

__all__ = ["KEYS", "SCHEMAS", "compute"]
