"""Reinforcement learning by GRPO: a completion's advantage is its reward against those of its group.

The loss is TRL's, of the variant that `rl.loss_type` names; nothing is changed.
"""

from counterpoint.methods.method import Method

METHOD = Method(name="rl", stage="rl", paper="arXiv 2402.03300, equation 3")
