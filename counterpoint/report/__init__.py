"""The report of a study: pictures, a sample viewer, a Markdown report and small CSV series, all from the tables.

    read.py      the Parquet tables and marts as the few plain objects that a report needs
    curves.py    reward_vs_accuracy.png      arms.py  accuracy_by_arm.png      pairs.py  sft_2k_vs_rl_20k.png
    viewer.py    samples.html                text.py  report.md                series.py CSV for `dvc plots`,
    drawn by the Vega templates probes.json and accuracy.json

What it states is computed from the data; nothing here decides what is correct.
"""
