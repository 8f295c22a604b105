"""Does the reward of a run made elsewhere tell the truth? From the logs that people already have.

    counterpoint audit RUN

Nothing is trained, configured or executed and no pickle is opened. A reader (`readers/`, one file a kind of log) brings
numbers by step, `dialects/` says what their names mean, which makes a `RunLog`. `verdict` assesses it by
counterpoint.statistics.deceptive, `report` and `picture` tell and draw it. docs/audit.md is the manual.
"""
