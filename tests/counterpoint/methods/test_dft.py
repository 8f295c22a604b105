"""DFT in the real trainer: the loss of its first step is that of the equation."""

import dataclasses

import pytest
import torch
from transformers import set_seed

from counterpoint import params
from counterpoint.methods import METHODS, ConfiguredMethod, NoOptions
from counterpoint.models import checkpoint
from counterpoint.params import compose
from counterpoint.training import session as sessions
from counterpoint.training import sft
from counterpoint.training.probe import ProbeSpec
from counterpoint.training.records import Recorder
from tests.counterpoint.methods.conftest import ASKED
from tests.counterpoint.methods.plain import log_probs


def test_a_run_learns_from_the_loss_of_the_equation(micro_folder, root, problems, demonstrations, tmp_path):
    defaults = params.parse(compose.study("default", root / "studies"))
    settings = dataclasses.replace(defaults.sft, epochs=2, batch_size=8, learning_rate=0.01)
    torch.set_num_threads(1)
    model, processor = checkpoint.load(str(micro_folder))
    by_id = {p.problem_id: p for p in problems}
    with torch.no_grad():
        shown = [(by_id[key], text) for key, texts in demonstrations.items() for text in texts]
        p = torch.cat([log_probs(model, processor, *pair, ASKED) for pair in shown]).exp()
    set_seed(0)
    recorder = Recorder(tmp_path / "records", "run")
    probe = ProbeSpec({}, ASKED, 4, 8, at_least=3)
    session = sessions.Session(recorder, tmp_path, probe, 0, "last", False, {"code_rev": "c", "machine": "m"})
    method = ConfiguredMethod(METHODS["dft"], NoOptions(), demonstrations)
    totals = sft.train(model, processor, problems[:8], settings, method, session)
    first, second = recorder.rows("steps")
    assert first["loss"] == pytest.approx(-(p * p.log()).mean().item(), rel=1e-4)
    assert second["loss"] != pytest.approx(first["loss"], rel=1e-3)
    assert totals["updates"] == 2 and totals["trained_tokens"] == 2 * len(p) and totals["engine"] == "shared"
