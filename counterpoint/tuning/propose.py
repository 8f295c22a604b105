"""The next values to try, by Optuna's tree-structured Parzen estimator (TPE; Bergstra et al., NeurIPS 2011).

The study lives for one question: it is filled with the trials so far and asked for one more, by a generator seeded with
the trial's number. So what is proposed follows from the trials before alone, in whichever process they were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from counterpoint.params import Range
from counterpoint.tuning.trial import DIVERGED, DONE, Trial

STARTUP = 4  # trials before TPE has a say, the study's own values among them; Optuna's 10 would leave it none of eight


def propose(space: Mapping[str, Range], tried: Sequence[Trial], seed: int) -> dict[str, Any]:
    """Values for the trial after those `tried`, which have ended.

    A trial that diverged counts as worse than any that did not; one that failed for another reason tells nothing.
    """
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    over = {
        key: CategoricalDistribution(range_.choices)
        if range_.choices is not None
        else FloatDistribution(range_.low, range_.high, log=range_.log)
        for key, range_ in space.items()
    }
    sampler = optuna.samplers.TPESampler(seed=seed + len(tried), n_startup_trials=STARTUP, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    states = {DONE: TrialState.COMPLETE, DIVERGED: TrialState.PRUNED}
    for trial in tried:
        state = states.get(trial.state, TrialState.FAIL)
        score = trial.accuracy if trial.state == DONE else None
        study.add_trial(create_trial(state=state, value=score, params=dict(trial.values), distributions=over))
    return {key: _short(space[key], drawn) for key, drawn in study.ask(fixed_distributions=over).params.items()}


def _short(range_: Range, drawn: Any) -> Any:
    """A drawn number to three digits, so that what a study is given is what was tried; a choice as it is."""
    return drawn if range_.choices is not None else min(max(float(f"{drawn:.3g}"), range_.low), range_.high)
