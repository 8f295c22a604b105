"""Does the reward of a run made elsewhere tell the truth? From the logs that people already have.

    counterpoint audit RUN

Nothing is trained, configured or executed and no pickle is opened: JSON, text, CSV and Parquet alone are read. A reader
(`readers/`, one file a format) makes a `RunLog` of what lies in a folder, `verdict` assesses it by
counterpoint.statistics.deceptive, `report` and `picture` tell and draw it. docs/audit.md is the manual.
"""
