"""How reward and accuracy hang together over the probes of a run: rank correlations, and what picking by reward costs.

They are reported and decide nothing: two series that both drift correlate without any tie (Yule, J. R. Stat. Soc. 89
(1926) 1).
"""

from __future__ import annotations

import numpy as np

RANDOM_SPLITS = 20  # random splits of the items that `regret` averages over
NAN = float("nan")
NO_INTERVAL = (NAN, NAN)


def rank_correlations(
    reward: np.ndarray, accuracy: np.ndarray, draws: np.ndarray, confidence: float
) -> tuple[float, tuple[float, float], float]:
    """Spearman's correlation of `reward` and `accuracy` (probes,), its interval over blocks of probes, of which `draws`
    (draws, probes) holds the indices, and the correlation of their changes from probe to probe."""
    of_all = _spearman(reward[None], accuracy[None])[0]
    drawn = _spearman(reward[draws], accuracy[draws])
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    interval = tuple(float(x) for x in np.nanquantile(drawn, tails)) if np.isfinite(drawn).any() else NO_INTERVAL
    changes = _spearman(np.diff(reward)[None], np.diff(accuracy)[None])[0]
    return float(of_all), interval, float(changes)


def _spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row; NaN where one of the two never changes."""
    from scipy.stats import rankdata

    ranks = [rankdata(x, axis=-1) for x in (a, b)]
    ranks = [x - x.mean(-1, keepdims=True) for x in ranks]
    spread = np.sqrt((ranks[0] ** 2).sum(-1) * (ranks[1] ** 2).sum(-1))
    return np.divide((ranks[0] * ranks[1]).sum(-1), spread, out=np.full(len(spread), NAN), where=spread > 0)


def regret(reward: np.ndarray, accuracy: np.ndarray, items: np.ndarray | None = None, seed: int = 0) -> float:
    """What picking a checkpoint by its reward costs: accuracy of the best probe less that of the probe with the highest
    `reward` (probes,), the earliest of equals.

    The best of noisy values is best by luck as well, so the choice and the measure are kept apart (cross-fitting;
    Chernozhukov et al., Econometrics Journal 21 (2018) C1). With `items` (probes, items) of 0 and 1 the best probe is
    chosen on half of the items and measured on the others, both ways, over `RANDOM_SPLITS` splits. Without them
    it is chosen by its neighbours' mean `accuracy` (probes,) and measured by its own; noise that lasts longer than a
    probe then leaves a small upward bias. NaN for one probe.
    """
    if len(reward) < 2:
        return NAN
    picked = int(np.argmax(reward))
    if items is None or items.shape[1] < 2:
        padded = np.concatenate([[np.nan], accuracy, [np.nan]])
        best = int(np.argmax(np.nanmean([padded[:-2], padded[2:]], axis=0)))
        return float(accuracy[best] - accuracy[picked])
    rng, losses = np.random.default_rng(seed), []
    for _ in range(RANDOM_SPLITS):
        halves = np.array_split(rng.permutation(items.shape[1]), 2)
        for chosen, measured in (halves, halves[::-1]):
            best = int(np.argmax(items[:, chosen].mean(1)))
            losses.append(items[best, measured].mean() - items[picked, measured].mean())
    return float(np.mean(losses))
