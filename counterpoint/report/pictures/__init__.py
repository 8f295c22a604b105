"""The pictures of a study, each in a module that is named after it.

    findings.py  findings.png              curves.py    reward_vs_accuracy.png   accuracy.py  accuracy_by_arm.png
    shifts.py    shift_curves.png          pairs.py     sft_2k_vs_rl_20k.png     phase.py     phase.png
    split.py     split.png                 frontier.py  frontier_MODEL.png       rewards.py   rewards.png
    sheets.py    rewards/RUN_ID.png

style.py is how all of them look, labels.py where the names of points go, reward_runs.py what rewards.py and sheets.py
draw.
"""
