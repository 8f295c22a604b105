"""One training run around a Trainer: records, probes, checkpoints, resume and a clean stop.

The trainer does the optimisation; the callback here writes down what happened. Checkpoints lie in the run's own work
folder, which its fingerprint names, and are resumed from nowhere else. An RL run also assesses itself at every probe.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import PrinterCallback, TrainerCallback, TrainerState

from counterpoint.errors import UserError
from counterpoint.generation import architecture
from counterpoint.generation.prompts import Preparer
from counterpoint.models import manifest
from counterpoint.training import best_checkpoint
from counterpoint.training import probe as probing
from counterpoint.training.assessment import LiveAssessment
from counterpoint.training.records import Recorder, now

log = logging.getLogger(__name__)
SECONDS_BETWEEN_LINES = 15.0  # of progress in a log


@dataclass(frozen=True)
class Session:
    """Where a run works, what is probed while it does, and how it ends.

    seed: of the order of the data and of what is sampled. checkpoint: which weights it publishes, `last` or `best`.
    stop_when_deceptive: whether it ends when its probes call its reward deceptive twice in a row. machine: the columns
    code_rev and machine of the table `timings`. report_to: the experiment tracker, `none` or one that transformers
    knows.
    """

    recorder: Recorder
    work: Path
    probe: probing.ProbeSpec
    seed: int
    checkpoint: str
    stop_when_deceptive: bool
    machine: dict[str, str]
    report_to: str = "none"

    @property
    def suite(self) -> str | None:
        """The suite whose probes choose weights and are assessed."""
        return best_checkpoint.deciding_suite(list(self.probe.problems))

    def record_time(self, phase: str, step: int | None, began: float, started: str) -> None:
        """Add a row to the table `timings`: what lasted from `began` (monotonic seconds) until now."""
        row = {"step": step, "phase": phase, "seconds": time.monotonic() - began, "started_at": started, **self.machine}
        self.recorder.add("timings", row)

    def last_checkpoint(self) -> tuple[Path | None, dict]:
        """The newest checkpoint that is as it was written, as are its records and its best weights; and its manifest.

        (None, {}) where there is none.
        """

        def check(written: dict) -> None:
            self.recorder.check(written["records"])
            manifest.check(self.work, written["best"])

        return manifest.newest(self.work, check)


class RunCallback(TrainerCallback):
    """Records steps and timings, probes, reports progress, and stops cleanly on SIGINT or SIGTERM.

    columns: a step and what the trainer logged of it → the columns of the table `steps` that are the method's own.
    """

    def __init__(self, trainer, session: Session, columns: Callable[[int, dict], dict[str, Any]]):
        self.trainer, self.session, self.columns = trainer, session, columns
        self.stopping = False
        self.assessment = None
        if session.probe.reward_weights:
            self.assessment = LiveAssessment(session.recorder.folder, session.suite)
        self._began = self._last_line = time.monotonic()
        self._first_step = 0
        self._step_began, self._step_started = 0.0, ""
        self._bar = None
        self._prepared: Preparer | None = None  # the same prompts are probed again and again
        self.best: dict[str, str] = {}  # the weights of the best probe so far, where these are to be published

    def _probe(self, model, step: int) -> None:
        began, started = time.monotonic(), now()
        session, processor = self.session, self.trainer.processing_class
        if self._prepared is None and architecture.unsupported(model) is None:
            self._prepared = Preparer(model, processor)
        accuracies = probing.take(session.probe, model, processor, session.recorder, step, self._prepared)
        session.record_time("probe", step, began, started)
        log.info("step %d held-out: %s", step, " ".join(f"{k} {v:.3f}" for k, v in accuracies.items()))
        if session.checkpoint == "best" and step == self.best_step():
            self.best = best_checkpoint.keep_weights(model, session.work, step)

    def best_step(self) -> int | None:
        """The best probe so far."""
        return best_checkpoint.best_step(self.session.recorder.rows("probes"), self.session.suite)

    def resume(self, best: dict[str, str]) -> None:
        """Continue with these best weights, and write the verdict on the records if there are any: the verdict that a
        killed run wrote may follow from records that are gone."""
        self.best = best
        probed = self.assessment.probed() if self.assessment else []
        if probed:
            self.assessment.write(probed[-1])

    def _assess(self, step: int) -> None:
        """Write the verdict; log it when it differs from the last probe's."""
        self.assessment.write(step)
        if change := self.assessment.change(step):
            log.info("%s", change)

    def deceived(self, step: int) -> bool:
        """Whether the run ends at this step because its reward is deceptive."""
        return (
            self.session.stop_when_deceptive and self.assessment is not None and self.assessment.twice_deceptive(step)
        )

    def on_train_begin(self, args, state, control, model=None, **_):
        self._first_step = state.global_step
        self._every = self.session.probe.interval(state.max_steps)
        if state.global_step == 0:
            self._probe(model, 0)
        self._began = self._last_line = time.monotonic()
        if sys.stderr.isatty():
            name = self.session.recorder.run_id
            self._bar = tqdm(desc=name, total=state.max_steps, initial=state.global_step, unit="step", leave=False)

    def on_train_end(self, args, state, control, **_):
        if self._bar:
            self._bar.close()

    def on_step_begin(self, args, state, control, **_):
        self._step_began, self._step_started = time.monotonic(), now()

    def on_step_end(self, args, state, control, model=None, **_):
        self.session.record_time("step", state.global_step, self._step_began, self._step_started)
        if self._probed_at(state):
            self._probe(model, state.global_step)
        if self.stopping:
            control.should_save = control.should_training_stop = True
        return control

    def _probed_at(self, state) -> bool:
        return state.global_step % self._every == 0 or state.global_step == state.max_steps

    def on_save(self, args, state, control, **_):
        work = self.session.work
        manifest.write(work / f"checkpoint-{state.global_step}", records=self.session.recorder.marks(), best=self.best)
        manifest.rotate(work)  # and not the trainer, to which every checkpoint-* is one
        best_checkpoint.drop_unused_weights(work)

    def on_log(self, args, state, control, logs=None, **_):
        if logs is None or "loss" not in logs:
            return
        step, shared = state.global_step, ("epoch", "loss", "learning_rate", "grad_norm", "entropy")
        row = {"step": step, **{name: logs.get(name) for name in shared}, **self.columns(step, logs)}
        self.session.recorder.add("steps", {**row, "tokens": self.trainer.tokens})
        self.trainer.tokens = 0
        reward = "" if row.get("reward") is None else f" reward {row['reward']:.3f}"
        if self._bar:
            self._bar.update()
            self._bar.set_postfix_str(f"loss {logs['loss']:.4f}{reward}")
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            rate = (step - self._first_step) / (time.monotonic() - self._began)
            left = (state.max_steps - step) / max(rate, 1e-9)
            log.info(
                "step %d/%d loss %.4f%s %.2f steps/s %.1f min left",
                step, state.max_steps, logs["loss"], reward, rate, left / 60,
            )  # fmt: skip
        if self.assessment and self._probed_at(state):  # here, for only now is the step's reward recorded
            self._assess(step)
            if self.deceived(step):
                control.should_save = control.should_training_stop = True
        return control


def run(
    trainer, session: Session, columns: Callable[[int, dict], dict[str, Any]] = lambda step, logs: {}
) -> dict[str, int | str | None]:
    """Train from the newest intact checkpoint of the work folder, or from the start; columns: see `RunCallback`.

    Returns columns of the table `runs`: updates, trained_tokens, engine (the one that ran), and those of `_outcome`.
    Raises `KeyboardInterrupt` after a clean stop: the step is finished, saved and recorded first; a second signal stops
    at once. Raises `ValueError` when the best of no probes is to be published, and `UserError` when there is no room
    for a checkpoint.
    """
    if session.checkpoint == "best" and session.suite is None:
        raise ValueError("the best checkpoint is asked for, but nothing is probed")
    callback = RunCallback(trainer, session, columns)
    trainer.add_callback(callback)
    trainer.remove_callback(PrinterCallback)  # it prints every step; `RunCallback` says what matters now and then
    last, every = trainer.args.max_steps, trainer.args.save_steps
    manifest.check_room(session.work, [*range(every, last, every), last])
    checkpoint, written = session.last_checkpoint()
    manifest.drop_after(session.work, checkpoint)
    session.recorder.rewind(written.get("records", {}))
    callback.resume(written.get("best", {}))
    step = -1
    if checkpoint:
        step = manifest.step(checkpoint)
        log.info("resuming at step %d", step)

    def stop(number, frame):
        if callback.stopping:
            raise KeyboardInterrupt
        callback.stopping = True
        log.info("stopping after this step; once more to stop at once")

    handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    began, started = time.monotonic(), now()
    try:
        if checkpoint and (step >= last or callback.deceived(step)):
            # killed before it was published; `train` would take one more step where the last epoch is a fraction
            trainer._load_from_checkpoint(str(checkpoint))
            trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        else:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if callback.stopping and trainer.state.global_step < trainer.state.max_steps:
        raise KeyboardInterrupt
    session.record_time("train", None, began, started)
    return {
        "updates": trainer.state.global_step,
        "trained_tokens": sum(row["tokens"] for row in session.recorder.rows("steps")),
        "engine": "stock" if trainer.stock_reason else "shared",
        **_outcome(trainer, callback),
    }


def _outcome(trainer, callback: RunCallback) -> dict[str, int | str | None]:
    """Give `trainer.model` the weights that the session publishes; returns checkpoint_step (theirs), best_step,
    reward_step (what the training reward would have picked), status and stop_reason.

    Raises `UserError` when the best weights have changed since they were kept.
    """
    session, step = callback.session, trainer.state.global_step
    probes, steps = (session.recorder.rows(table) for table in ("probes", "steps"))
    best = best_checkpoint.best_step(probes, session.suite)
    if session.checkpoint == "best":
        try:
            best_checkpoint.restore_weights(trainer.model, session.work, callback.best)
        except manifest.Broken as error:
            raise UserError(f"{session.work}: {error}; run the same command again, and it is trained anew") from None
    status, reason = "completed", None
    if step < trainer.state.max_steps:
        assessed = callback.assessment.at(step)
        status, reason = f"stopped: deceptive reward at step {step}", f"{assessed.mechanism}: {assessed.reason}"
    return {
        "checkpoint_step": best if session.checkpoint == "best" else step,
        "best_step": best,
        "reward_step": best_checkpoint.reward_step(probes, steps, session.suite),
        "status": status,
        "stop_reason": reason,
    }
