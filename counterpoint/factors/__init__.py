"""The factors as axes: capacity, sample size, kind of traces. Seeds pooled, intervals over seeds and problems.

    read.py    what is read of the tables: runs, the kind of traces that each imitated, greedy answers
    table.py   the marts `arm_accuracy` (every arm), `arm_contrasts` (each against plain SFT and RL), `phase` (SFT
               against RL) and `trace_kinds` (each against oracle)

How well the intervals cover: `counterpoint.statistics.crossed`.
"""

from counterpoint.factors.table import KEYS, SCHEMAS, compute

__all__ = ["KEYS", "SCHEMAS", "compute"]
