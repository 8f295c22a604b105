"""The report of a study: pictures, a sample viewer, a Markdown report and small CSV series, all from the tables.

    read.py      the Parquet tables and marts as the few plain objects of results.py
    text.py      report.md, with decided.py, judged.py, measures.py, against.py, truth.py, behind.py,
                 statement.py
    curves.py    reward_vs_accuracy.png      arms.py    accuracy_by_arm.png     pairs.py  sft_2k_vs_rl_20k.png
    shifts.py    shift_curves.png            forest.py  findings.png
    phase.py     phase.png                   split.py   split.png
    frontier.py  frontier_MODEL.png (with labels.py)    factors.py draws these three and describes them in report.md
    sheets.py    rewards/RUN_ID.png          overview.py  rewards.png, crowd.py where arms are many (all three on
                 rewarded.py, in the words of words.py; marks.py: what the latter two share)
    foremost.py  which arms stand for the others in a study of many
    viewer.py    samples.html                series.py  CSV for `dvc plots`, drawn by the Vega templates probes.json
    and accuracy.json

What it states is computed from the data; nothing here decides what is correct.
"""
