"""Reward functions before training: what they pay for right answers, and for wrong ones that leaky judges accept.

`battery.py` writes the answers, `calling.py` calls a reward of any usual signature, `apart.py` does so in a process of
its own, `lint.py` decides what was accepted and `report.py` prints it. The judges' own tests use the same battery.
"""
