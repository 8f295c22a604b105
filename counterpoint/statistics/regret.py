"""What picking a checkpoint by its reward costs in accuracy, against picking the best one."""

from __future__ import annotations

import numpy as np

HALVES = 20


def regret(reward: np.ndarray, accuracy: np.ndarray, items: np.ndarray | None = None, seed: int = 0) -> float:
    """Accuracy of the best probe less that of the probe with the highest `reward` (probes), the earliest of equals.

    The best of noisy values is best by luck as well, so the choice and the measure are kept apart (cross-fitting;
    Chernozhukov et al., Econometrics Journal 21 (2018) C1). With `items` (probes, items) of 0 and 1 the best probe is
    chosen on half of the items and measured on the others, both ways, over `HALVES` splits. Without them it is chosen
    by its neighbours' mean `accuracy` (probes) and measured by its own: noise that lasts longer than a probe still
    lends it a little. NaN for one probe.
    """
    if len(reward) < 2:
        return float("nan")
    picked = int(np.argmax(reward))
    if items is None or items.shape[1] < 2:
        padded = np.concatenate([[np.nan], accuracy, [np.nan]])
        best = int(np.argmax(np.nanmean([padded[:-2], padded[2:]], axis=0)))
        return float(accuracy[best] - accuracy[picked])
    rng, found = np.random.default_rng(seed), []
    for _ in range(HALVES):
        order = rng.permutation(items.shape[1])
        halves = np.array_split(order, 2)
        for chosen, measured in (halves, halves[::-1]):
            best = int(np.argmax(items[:, chosen].mean(1)))
            found.append(items[best, measured].mean() - items[picked, measured].mean())
    return float(np.mean(found))
