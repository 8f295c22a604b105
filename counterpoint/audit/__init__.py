"""Does the reward of a run made elsewhere tell the truth? From the logs that people already have.

    python -m counterpoint.audit RUN_DIR

Nothing is trained, configured or executed and no pickle is opened: JSON, text, CSV and Parquet alone are read. A reader
(`trl`, `verl`, `sheet`, `own`) makes a `Log` of what it finds, `verdicts` assesses it by
counterpoint.statistics.deceptive, `words`, `picture` and `page` say it. docs/audit.md is the manual.
"""
