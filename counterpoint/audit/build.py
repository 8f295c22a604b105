"""A curve from metrics by step: reward and accuracy at the probes, what is drawn beside them, and the gap's parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from counterpoint.audit import named
from counterpoint.audit.log import Curve
from counterpoint.audit.series import Series, at, since

SHOWN = 1000  # points of a reward that stands alone


@dataclass(frozen=True)
class Parts:
    """What is known of the reward beside its sum, each by step.

    `terms` and `held_out`: the terms on training and on held-out prompts; `strict`: accuracy of the training
    completions themselves; `weights` of the terms, None where unknown.
    """

    terms: Mapping[str, Series] = field(default_factory=dict)
    held_out: Mapping[str, Series] = field(default_factory=dict)
    strict: Series = field(default_factory=dict)
    weights: Mapping[str, float] | None = None


def curve(
    run: str, suite: str, reward: Series, accuracy: Series, n_items: int, parts: Parts, metrics: Mapping[str, Series]
) -> Curve:
    """The curve over the steps of `accuracy`, or, where there is none, over `SHOWN` of the reward's."""
    probes = np.array(sorted(accuracy or reward))
    if not accuracy and len(probes) > SHOWN:
        probes = probes[np.linspace(0, len(probes) - 1, SHOWN).astype(int)]
    scores = at(accuracy, probes)
    beside = {}
    for title, names in named.BESIDE.items():
        if found := next((metrics[name] for name in names if metrics.get(name)), None):
            beside[title] = since(found, probes)
    return Curve(run, suite, probes, since(reward, probes), scores, n_items, gaps(parts, probes, scores), beside)


def gaps(parts: Parts, probes: np.ndarray, accuracy: np.ndarray) -> dict[str, np.ndarray]:
    """Parts of reward − accuracy (probes,) by mechanism.

    reward = Σ format terms + Σ length terms + w (claimed − strict) + w (strict − accuracy) + w accuracy, where
    `claimed` is what the terms that claim correctness pay and w is their weight. The third part is the verifier's, the
    fourth is memorisation. Where the training completions were not judged strictly, the claims on held-out prompts
    stand between: w (claimed − claimed held out) is memorisation, w (claimed held out − accuracy) the verifier's.
    """
    if not parts.weights:
        return {}
    kinds: dict[str, list[str]] = {}
    for name in parts.weights:
        kinds.setdefault(named.kind_of_term(name), []).append(name)
    found = {
        kind: sum(parts.weights[name] * since(parts.terms[name], probes) for name in names)
        for kind, names in kinds.items()
        if kind != "accuracy"
    }
    claims = [name for name in kinds.get("accuracy", []) if parts.weights[name]]
    if not claims:
        return found
    weight = sum(parts.weights[name] for name in claims)
    claimed = sum(parts.weights[name] * since(parts.terms[name], probes) for name in claims)
    if parts.strict:
        strict = weight * since(parts.strict, probes)
        return found | {"verifier": claimed - strict, "memorisation": strict - weight * accuracy}
    if all(parts.held_out.get(name) for name in claims):
        held_out = sum(parts.weights[name] * at(parts.held_out[name], probes) for name in claims)
        return found | {"verifier": held_out - weight * accuracy, "memorisation": claimed - held_out}
    return found
