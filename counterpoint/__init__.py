"""Counterpoint: does SFT or RL buy a vision-language model more reasoning, and does the RL reward tell the truth?"""
