"""CHORD in the real trainer: its loss and gradient at every step, what it imitates, and resumption."""

import dataclasses

import pytest
import torch
from transformers import TrainerCallback

from counterpoint.errors import UserError
from counterpoint.methods import chord
from tests.counterpoint.methods.conftest import ASKED
from tests.counterpoint.methods.plain import log_probs
from tests.counterpoint.methods.resumed import differing, killed_and_resumed

MU, PHI = chord.Options("mu", 0.9, 0.05, 0.5), chord.Options("phi", 0.1, 0.1, 1.0)


class Checks(TrainerCallback):
    """At every step: the gradient of the plain formula beside the trainer's, on what its micro batches were."""

    def __init__(self, trainer, options, problems, demonstrations):
        self.trainer, self.options, self.seen, self.imitated, self.losses = trainer, options, [], [], []
        self.by_id, self.demonstrations = {p.problem_id: p for p in problems}, demonstrations
        real = trainer.compute_loss

        def compute_loss(model, inputs, *args, **kwargs):
            loss = real(model, inputs, *args, **kwargs)
            self.seen.append((inputs, loss.item()))
            return loss

        trainer.compute_loss = compute_loss
        trainer.add_callback(self)

    def on_pre_optimizer_step(self, args, state, control, **_):
        trainer, model, mu = self.trainer, self.trainer.model, chord.mu(self.options, state.global_step, 8)
        rows = trainer.session.recorder.rows("completions")
        known = [key for key in dict.fromkeys(row["problem_id"] for row in rows[-16:]) if key in self.demonstrations]
        half = len(known) // 2  # a pass over a generation takes two steps
        due = known[half:] if state.global_step % 2 else known[:half]
        self.imitated.append(due)
        parameters = [p for p in model.parameters() if p.grad is not None]
        mine = [p.grad.clone() for p in parameters]
        model.zero_grad()
        total = 0.0
        for inputs, _ in self.seen:
            loss = (1 - mu) * trainer._compute_loss(model, inputs)  # GRPO's own
            loss.backward()
            total += loss.item()
        values = [
            log_probs(model, trainer.processing_class, self.by_id[key], text, ASKED)
            for key in due
            for text in self.demonstrations[key]
        ]
        if values:
            p = torch.cat(values).exp()
            weights = (p * (1 - p)).detach() if self.options.variant == "phi" else torch.ones_like(p)
            loss = -(weights * p.log()).sum() / len(p)
            (mu * loss).backward()
            total += mu * loss.item()
            self.losses.append(loss.item())
        assert sum(loss for _, loss in self.seen) == pytest.approx(total, abs=1e-5)
        for parameter, found in zip(parameters, mine, strict=True):
            torch.testing.assert_close(found, parameter.grad, rtol=1e-3, atol=1e-5)
            parameter.grad = found
        self.seen.clear()


@pytest.mark.parametrize(("options", "engine"), [(MU, "shared"), (PHI, "shared"), (MU, "stock")])
def test_each_step_has_the_gradient_of_the_equation(
    trained, rl_settings, problems, demonstrations, tmp_path, options, engine
):
    checks = []
    settings = dataclasses.replace(rl_settings, engine=engine, max_grad_norm=0.0, learning_rate=1e-3)
    run = trained(
        "chord", options, settings, tmp_path,
        lambda trainer: checks.append(Checks(trainer, options, problems, demonstrations)),
    )  # fmt: skip
    imitated = checks[0].imitated
    assert len(imitated) == run.totals["updates"] == 8 and run.totals["engine"] == engine
    passes = [sorted(imitated[step] + imitated[step + 1]) for step in range(0, 8, 2)]
    assert passes[0] == passes[1] and passes[2] == passes[3]  # each demonstration once in every pass
    assert sorted(passes[0] + passes[2]) == sorted(demonstrations)
    logged = [row for row in run.trainer.state.log_history if "loss" in row]
    assert [row["mu"] for row in logged] == pytest.approx([chord.mu(options, step, 8) for step in range(8)])
    assert [row["sft_loss"] for row in logged] == pytest.approx(checks[0].losses, abs=1e-5)


def test_the_tokens_of_both_losses_are_counted(trained, rl_settings, demonstrations, tmp_path):
    run = trained("chord", MU, rl_settings, tmp_path)
    sampled = 2 * sum(row["tokens"] for row in run.tables["completions"])  # in two passes
    batch = run.trainer.demonstrations.batch
    imitated = 2 * sum(int((batch([key])["labels"] != -100).sum()) for key in demonstrations)
    assert run.totals["trained_tokens"] == sampled + imitated
    assert sum(row["tokens"] for row in run.tables["steps"]) == sampled + imitated
    assert all("sft_loss" in row for row in run.trainer.state.log_history if "loss" in row)


def test_a_run_killed_within_a_generation_ends_as_if_it_had_not_been(trained, rl_settings, tmp_path):
    def go(work, before=lambda trainer: None):
        return trained("chord", MU, rl_settings, work, before)

    whole = go(tmp_path / "whole")
    assert differing(killed_and_resumed(go, tmp_path / "killed", deaths=[5, 7]), whole) == []


def test_a_run_without_demonstrations_is_refused_in_words(trained, rl_settings, tmp_path):
    with pytest.raises(UserError, match="none of the 8 problems has a demonstration to imitate; give the arm other"):
        trained("chord", MU, rl_settings, tmp_path, shown={"another": ["<think>x</think><answer>1</answer>"]})
