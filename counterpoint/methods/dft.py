"""Dynamic fine-tuning: each token's SFT loss weighted by the probability that the model gives it.

L = -1/N Σ sg(p_t) log p_t with p_t = p(y_t | x, y_<t), where sg passes no gradient. Changed: nothing; as in the
authors' code and in TRL the mean is over the tokens of a batch.
"""

from counterpoint.methods.method import Method

METHOD = Method(name="dft", stage="sft", paper="arXiv 2508.05629", arguments=lambda options: {"loss_type": "dft"})
