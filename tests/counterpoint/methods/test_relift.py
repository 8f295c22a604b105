"""ReLIFT in the real trainer: when it imitates, the update itself, what is recorded, and resumption."""

import copy
import dataclasses

import pytest
import torch

from counterpoint.methods import relift
from counterpoint.training import demonstrations as imitation
from tests.counterpoint.methods.conftest import ASKED
from tests.counterpoint.methods.plain import log_probs
from tests.counterpoint.methods.resumed import differing, killed_and_resumed


class Updates:
    """Every update on demonstrations, and beside it the same from a plain formula on another model and optimizer."""

    def __init__(self, model, problems, demonstrations):
        self.real, self.model, self.demonstrations = imitation.Demonstrations.update, model, demonstrations
        self.by_id = {p.problem_id: p for p in problems}
        self.made = []

    def __call__(self, shown, problem_ids, learning_rate):
        trainer = shown.trainer
        model, rate = self.model, trainer.optimizer.param_groups[0]["lr"]
        model.load_state_dict(trainer.model.state_dict())
        model.zero_grad()
        names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
        groups = [[model.get_parameter(names[id(p)]) for p in g["params"]] for g in trainer.optimizer.param_groups]
        optimizer = torch.optim.AdamW([{"params": parameters} for parameters in groups])
        optimizer.load_state_dict(copy.deepcopy(trainer.optimizer.state_dict()))
        for group in optimizer.param_groups:
            group["lr"] = rate if learning_rate is None else rate * learning_rate / trainer.args.learning_rate
        values = torch.cat([
            log_probs(model, trainer.processing_class, self.by_id[key], text, ASKED)
            for key in problem_ids
            for text in self.demonstrations[key]
        ])  # fmt: skip
        loss = -values.mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), trainer.args.max_grad_norm)
        optimizer.step()
        tokens = trainer.tokens
        self.real(shown, problem_ids, learning_rate)
        assert trainer.optimizer.param_groups[0]["lr"] == rate
        assert trainer.tokens - tokens == len(values)
        assert trainer._metrics["train"]["sft_loss"] == [pytest.approx(loss.item(), abs=1e-5)]
        compared = 0
        for mine, plain in zip(trainer.model.parameters(), model.parameters(), strict=True):
            assert mine.grad is None
            told = torch.zeros_like(plain, dtype=bool) if plain.grad is None else plain.grad.abs() > 1e-4
            torch.testing.assert_close(mine[told], plain[told], rtol=0, atol=1e-4)  # of updates of some 1e-2 or 3e-3
            compared += int(told.sum())  # Adam makes as much of a gradient that is rounding alone
        assert compared > 1000
        self.made.append((trainer.state.global_step + 1, list(problem_ids), len(values)))


@pytest.mark.parametrize(("own_rate", "engine"), [(None, "shared"), (3e-3, "stock")])
def test_what_rl_cannot_solve_is_imitated_once_enough_of_it_waits(
    trained, loaded, rl_settings, problems, demonstrations, tmp_path, monkeypatch, own_rate, engine
):
    updates = Updates(loaded[0], problems, demonstrations)
    monkeypatch.setattr(imitation.Demonstrations, "update", lambda *given: updates(*given))
    settings = dataclasses.replace(rl_settings, epochs=2, engine=engine)
    run = trained("relift", relift.Options(2, own_rate), settings, tmp_path)
    solved, waiting, expected = {}, [], []
    for step in range(1, 17):
        for row in run.tables["completions"]:
            if row["step"] == step:
                solved.setdefault((step, row["problem_id"]), []).append(row["correct"])
        waiting += [k for (s, k), right in solved.items() if s == step and not any(right) and k in demonstrations]
        if len(waiting) >= 2:
            expected.append((step, waiting[:2]))
            waiting = waiting[2:]
    assert [made[:2] for made in updates.made] == expected and len(expected) > 1
    assert run.trainer.waiting == waiting
    # one row of `steps` for every step of RL; the other updates and their tokens are counted beside and within it
    assert [row["step"] for row in run.tables["steps"]] == list(range(1, 17))
    timed = [row["step"] for row in run.tables["timings"] if row["phase"] == imitation.PHASE]
    assert timed == [step for step, _ in expected]
    sampled = 2 * sum(row["tokens"] for row in run.tables["completions"])
    assert run.totals["trained_tokens"] == sampled + sum(tokens for *_, tokens in updates.made)


def test_a_run_killed_while_problems_wait_ends_as_if_it_had_not_been(trained, rl_settings, tmp_path):
    def go(work, before=lambda trainer: None):
        return trained("relift", relift.Options(2, None), rl_settings, work, before)

    whole = go(tmp_path / "whole")
    found = killed_and_resumed(go, tmp_path / "killed", deaths=[5, 7])
    assert differing(found, whole) == []
    assert any(row["phase"] == imitation.PHASE for row in whole.trainer.session.recorder.rows("timings"))
    saved = torch.load(tmp_path / "killed/checkpoint-6/resume.pt", weights_only=True)
    assert saved["waiting"]  # or nothing of it was tried


def test_a_run_that_never_fails_often_enough_is_one_of_rl_alone(trained, rl_settings, tmp_path):
    plain = trained("rl", relift.Options(1, None), rl_settings, tmp_path / "rl", shown=None)
    mixed = trained("relift", relift.Options(100, None), rl_settings, tmp_path / "relift")
    assert differing(plain, mixed) == []
