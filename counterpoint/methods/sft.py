"""Supervised fine-tuning: the mean negative log-likelihood of the demonstrations' tokens.

L = -1/N Σ log p(y_t | x, y_<t) over the N demonstration tokens of a batch; nothing is changed.
"""

from counterpoint.methods.method import Method

METHOD = Method(name="sft", stage="sft", paper="arXiv 2512.12690")
