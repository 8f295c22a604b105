"""Runs of the smallest model: settings to vary, and one call from checkpoint to published records."""

import dataclasses
import json
import os
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from counterpoint import params
from counterpoint.params import compose
from counterpoint.rewards import REWARDS

RUN = "run-micro-16-0"
LORA = {"rank": 4, "alpha": 8, "dropout": 0.2, "targets": ["q_proj", "v_proj"], "vision_tower": False}


def spread(completion: str, problem, verdict) -> float:
    """A term on which even an untaught model's completions differ, so that there are advantages to learn from."""
    return len(completion) % 7 / 6


@pytest.fixture(scope="session")
def defaults(root):
    """The sections of the default study."""
    return params.parse(compose.study("default", root / "studies"))


@pytest.fixture(scope="session")
def sft_settings(defaults):
    """6 optimizer steps on 16 problems, the last two in a second epoch."""
    return dataclasses.replace(defaults.sft, learning_rate=0.01, epochs=1.5, batch_size=4, checkpoint_every=2)


@pytest.fixture(scope="session")
def rl_settings(defaults):
    """8 optimizer steps on 16 problems, the last four in a second epoch."""
    return dataclasses.replace(
        defaults.rl, learning_rate=0.01, epochs=2, batch_size=16, group_size=4, max_completion_tokens=6,
        checkpoint_every=3, rewards={"accuracy": 0.5, "format": 0.25, "spread": 2.0},
    )  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def spread_term():
    """The term `spread` stands in the registry, as a new file in rewards/ would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REWARDS, "spread", SimpleNamespace(KIND="noise", reward=spread))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_wait():
    """Nobody waits for the disk: these runs save every few steps, and no machine loses power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="session")
def train(micro_folder, problems, probe_problems):
    """`train(settings, work, …)`: train the micro checkpoint in `work` and publish; everything that came of it."""
    import torch
    from transformers import set_seed

    from counterpoint.methods import METHODS, ConfiguredMethod
    from counterpoint.models import checkpoint
    from counterpoint.training import session as sessions
    from counterpoint.training.probe import ProbeSpec
    from counterpoint.training.records import Recorder

    def run(
        settings, work, *, probed=True, every=None, lora=None, data=problems, rule="last", method=None, report_to="none"
    ):
        is_rl = isinstance(settings, params.Rl)
        if is_rl:
            from counterpoint.training import grpo as trainer
        else:
            from counterpoint.training import sft as trainer
        torch.set_num_threads(1)
        model, processor = checkpoint.load(str(micro_folder))
        set_seed(0)
        if lora:
            model = checkpoint.add_lora(model, **lora)
            for config in model.peft_config.values():
                config.base_model_name_or_path = str(micro_folder)
        probe = ProbeSpec(
            problems=probe_problems if probed else {},
            instruction="think first .",
            max_tokens=4,
            batch_size=8,
            reward_weights=settings.rewards if is_rl else None,
            at_least=3,
            every=every,
        )
        recorder = Recorder(work / "records", RUN)
        stop = is_rl and settings.stop_when_deceptive
        machine = {"code_rev": "c", "machine": "m"}
        session = sessions.Session(recorder, work, probe, 0, rule, stop, machine, report_to)
        method = method or ConfiguredMethod(METHODS["rl" if is_rl else "sft"])
        totals = trainer.train(model, processor, data, settings, method, session)
        recorder.publish(work / "out")
        return SimpleNamespace(
            model=model,
            processor=processor,
            totals=json.loads(json.dumps(totals)),
            weights={k: v.detach().cpu().clone() for k, v in model.state_dict().items()},
            tables={path.stem: pq.read_table(path).to_pylist() for path in (work / "out").glob("*.parquet")},
        )

    return run


@pytest.fixture(scope="session")
def varied(sft_settings, rl_settings):
    """What trains, and with which adapter: over two epochs and into a third, through cycles that checkpoints cut.

    With dropout the shared engine steps aside; with an adapter and none it keeps the pictures' features.
    """
    rl = dataclasses.replace(
        rl_settings, epochs=2.5, batch_size=4, group_size=2, gradient_accumulation=2, steps_per_generation=2,
        num_iterations=2, max_completion_tokens=4, beta=0.1, loss_type="grpo",
    )  # fmt: skip
    sft = dataclasses.replace(sft_settings, epochs=2.5, batch_size=2)
    still = {**LORA, "dropout": 0.0}
    return {
        "sft": (sft, None),
        "sft lora": (sft, LORA),
        "sft still": (sft, still),
        "sft stock": (dataclasses.replace(sft, engine="stock"), None),
        "rl": (rl, None),
        "rl lora": (rl, LORA),
        "rl still": (rl, still),
        "rl stock": (dataclasses.replace(rl, engine="stock"), None),
        "sft best": (sft, None),
        "rl best": (rl, None),
        "rl lora best": (rl, LORA),
    }


@pytest.fixture(scope="session")
def run(train, varied, problems):
    """`run(name, work)`: one of `varied` on 9 problems, 13 steps of SFT or 20 of RL; everything that came of it."""
    from counterpoint.training import best_checkpoint
    from tests.counterpoint.training import bits

    def go(name, work, every=9):
        section, lora = varied[name]
        section = dataclasses.replace(section, checkpoint_every=every)
        if not name.endswith("best"):
            return bits.outcome(train(section, work, lora=lora, data=problems[:9]), work)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(best_checkpoint, "greedy", bits.ups_and_downs)
            return bits.outcome(train(section, work, lora=lora, data=problems[:9], every=2, rule="best"), work)

    return go


@pytest.fixture(scope="session")
def whole(run, tmp_path_factory):
    """`whole(name)`: the uninterrupted run."""
    found = {}

    def get(name):
        if name not in found:
            found[name] = run(name, tmp_path_factory.mktemp("whole"))
        return found[name]

    return get
