"""Runs of the smallest model with a method: one call from checkpoint to records, and the trainer that made them."""

import dataclasses
from types import SimpleNamespace

import pytest

from counterpoint import params
from counterpoint.methods import METHODS
from counterpoint.params import compose
from counterpoint.prompt import completion_text
from counterpoint.rewards import REWARDS

ASKED = "think first ."


def spread(completion: str, problem, verdict) -> float:
    """A term on which even an untaught model's completions differ, so that there are advantages to learn from."""
    return len(completion) % 7 / 6


@pytest.fixture(scope="session")
def rl_settings(root):
    """8 optimizer steps on 8 problems: two generations of 4 prompts, two passes over each, two micro batches a step."""
    defaults = params.parse(compose.study("default", root / "studies"))
    return dataclasses.replace(
        defaults.rl, learning_rate=0.01, epochs=1, batch_size=8, gradient_accumulation=2, steps_per_generation=2,
        num_iterations=2, group_size=4, max_completion_tokens=5, checkpoint_every=3, rewards={"spread": 1.0},
        warmup_fraction=0.0,
    )  # fmt: skip


@pytest.fixture(scope="session")
def demonstrations(problems):
    """Of the first 8 problems all but two have a demonstration, and one has two."""
    found = {p.problem_id: [completion_text(p.reasoning, p.answer)] for p in problems[:8]}
    for problem in (problems[1], problems[6]):
        del found[problem.problem_id]
    found[problems[3].problem_id].append(completion_text("there are three .", "3"))
    return found


@pytest.fixture
def trained(micro_folder, problems, demonstrations, monkeypatch):
    """`trained(method, options, settings, work, before)`: train on 8 problems; totals, weights, tables, trainer.

    `before(trainer)` is called before it trains. What is judged correct hangs on an answer's length alone.
    """
    import torch
    from transformers import set_seed

    from counterpoint.methods import ConfiguredMethod
    from counterpoint.models import checkpoint
    from counterpoint.training import grpo
    from counterpoint.training import session as sessions
    from counterpoint.training.probe import ProbeSpec
    from counterpoint.training.records import Recorder

    monkeypatch.setitem(REWARDS, "spread", SimpleNamespace(KIND="noise", reward=spread))
    judge = grpo.judge
    monkeypatch.setattr(
        grpo, "judge", lambda text, *rest: dataclasses.replace(judge(text, *rest), correct=len(text) % 7 == 1)
    )

    def go(method, options, settings, work, before=lambda trainer: None, shown=demonstrations):
        torch.set_num_threads(1)
        model, processor = checkpoint.load(str(micro_folder))
        set_seed(0)
        probe = ProbeSpec({}, ASKED, 4, 8, reward_weights=settings.rewards, at_least=3)
        recorder = Recorder(work / "records", "run")
        session = sessions.Session(recorder, work, probe, 0, "last", False, {"code_rev": "c", "machine": "m"})
        made = []
        run = sessions.run

        def watched(trainer, *given):
            made.append(trainer)
            before(trainer)
            return run(trainer, *given)

        with monkeypatch.context() as patch:
            patch.setattr(sessions, "run", watched)
            configured = ConfiguredMethod(METHODS[method], options, shown)
            totals = grpo.train(model, processor, problems[:8], settings, configured, session)
        return SimpleNamespace(
            trainer=made[0],
            totals=totals,
            weights={name: value.detach().clone() for name, value in model.state_dict().items()},
            tables={name: recorder.rows(name) for name in ("steps", "completions", "timings")},
        )

    return go
