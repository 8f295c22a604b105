"""One training run around a Trainer: records, probes, checkpoints, resume and a clean stop.

The trainer does the optimisation; the callback here writes down what happened. Checkpoints lie in the run's own work
folder, which its fingerprint names, and are resumed from nowhere else. An RL run also assesses itself at every probe.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm
from transformers import PrinterCallback, TrainerCallback, TrainerState

from counterpoint.errors import UserError
from counterpoint.generation import architecture
from counterpoint.generation.prepare import Preparer
from counterpoint.models import manifest
from counterpoint.training import choice, kept
from counterpoint.training import probe as probing
from counterpoint.training.live import Live
from counterpoint.training.records import Recorder, now

log = logging.getLogger(__name__)
LINE_EVERY = 15.0  # seconds between progress lines in a log


@dataclass(frozen=True)
class Session:
    """Where a run works, what is probed while it does, which weights it publishes (`checkpoint`: `last` or `best`), and
    whether it ends when its probes call its reward deceptive twice in a row."""

    recorder: Recorder
    work: Path
    probe: probing.Probe
    probes_at_least: int
    probe_every: int | None
    checkpoint: str
    stop_when_deceptive: bool
    machine: dict[str, str]
    report_to: str = "none"

    @property
    def suite(self) -> str | None:
        """The suite whose probes choose weights and are assessed."""
        return choice.deciding_suite(list(self.probe.problems))


def last_checkpoint(session: Session) -> tuple[Path | None, dict]:
    """The newest checkpoint that is as it was written, as are its records and its best weights; and its manifest."""

    def also(told: dict) -> None:
        session.recorder.check(told["records"])
        manifest.check(session.work, told["best"])

    return manifest.newest(session.work, also)


class Watch(TrainerCallback):
    """Records steps and timings, probes, reports progress, and stops cleanly on SIGINT or SIGTERM."""

    def __init__(self, session: Session, processor, step_row):
        self.session, self.processor, self.step_row = session, processor, step_row
        self.stopping = False
        self.live = Live(session.recorder.folder, session.suite) if session.probe.reward_weights else None
        self._verdict = "inconclusive"
        self._began = self._last_line = time.monotonic()
        self._first_step = 0
        self._step_began, self._step_started = 0.0, ""
        self._bar = None
        self._prepared: Preparer | None = None  # the same prompts are probed again and again
        self.best: dict[str, str] = {}  # the weights of the best probe so far, where these are to be published

    def _probe(self, model, step: int) -> None:
        began, started = time.monotonic(), now()
        if self._prepared is None and architecture.unsupported(model) is None:
            self._prepared = Preparer(model, self.processor)
        accuracies = probing.take(
            self.session.probe, model, self.processor, self.session.recorder, step, self._prepared
        )
        self._timing("probe", step, time.monotonic() - began, started)
        log.info("step %d held-out: %s", step, " ".join(f"{k} {v:.3f}" for k, v in accuracies.items()))
        if self.session.checkpoint == "best" and step == self.best_step():
            self.best = kept.keep(model, self.session.work, step)

    def best_step(self) -> int | None:
        """The best probe so far."""
        return choice.best_step(self.session.recorder.rows("probes"), self.session.suite)

    def take_up(self, best: dict[str, str]) -> None:
        """Go on from these best weights and from the verdict that the records give, where there are any; the one that
        was left may know of more."""
        self.best = best
        probed = self.live.probed() if self.live else []
        if probed:
            self._verdict = self.live.write(probed[-1]).verdict

    def _assess(self, step: int) -> None:
        """Leave the verdict beside the records; say so when it is another than at the probe before."""
        found = self.live.write(step)
        if found.verdict != self._verdict:
            cause = "" if found.mechanism in ("none", "unknown") else f" ({found.mechanism})"
            log.info("step %d reward: %s%s: %s", step, found.verdict, cause, found.reason)
            self._verdict = found.verdict

    def deceived(self, step: int) -> bool:
        """Whether the run ends at this step because its reward is deceptive."""
        return self.session.stop_when_deceptive and self.live is not None and self.live.twice_deceptive(step)

    def _timing(self, phase: str, step: int, seconds: float, started: str) -> None:
        row = {"step": step, "phase": phase, "seconds": seconds, "started_at": started, **self.session.machine}
        self.session.recorder.add("timings", row)

    def on_train_begin(self, args, state, control, model=None, **_):
        self._first_step = state.global_step
        self._every = probing.interval(state.max_steps, self.session.probes_at_least, self.session.probe_every)
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
        self._timing("step", state.global_step, time.monotonic() - self._step_began, self._step_started)
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
        kept.drop_others(work)

    def on_log(self, args, state, control, logs=None, **_):
        if logs is None or "loss" not in logs:
            return
        row = self.step_row(state.global_step, logs)
        self.session.recorder.add("steps", {"step": state.global_step, "epoch": logs.get("epoch"), **row})
        reward = "" if row.get("reward") is None else f" reward {row['reward']:.3f}"
        if self._bar:
            self._bar.update()
            self._bar.set_postfix_str(f"loss {logs['loss']:.4f}{reward}")
        elif time.monotonic() - self._last_line >= LINE_EVERY:
            self._last_line = time.monotonic()
            rate = (state.global_step - self._first_step) / (time.monotonic() - self._began)
            left = (state.max_steps - state.global_step) / max(rate, 1e-9)
            log.info(
                "step %d/%d loss %.4f%s %.2f steps/s %.1f min left",
                state.global_step, state.max_steps, logs["loss"], reward, rate, left / 60,
            )  # fmt: skip
        if self.live and self._probed_at(state):  # here, for only now is the step's reward recorded
            self._assess(state.global_step)
            if self.deceived(state.global_step):
                control.should_save = control.should_training_stop = True
        return control


def run(trainer, watch: Watch) -> dict[str, int | str | None]:
    """Train from the newest intact checkpoint of the work folder, or from the start; what `ending` says of it.

    Raises `KeyboardInterrupt` after a clean stop: the step is finished, saved and recorded first; a second signal stops
    at once. Raises `ValueError` when the best of no probes is to be published, and `UserError` when there is no room
    for a checkpoint.
    """
    session = watch.session
    if session.checkpoint == "best" and session.suite is None:
        raise ValueError("the best checkpoint is asked for, but nothing is probed")
    trainer.remove_callback(PrinterCallback)  # it prints every step; `Watch` says what matters now and then
    last, every = trainer.args.max_steps, trainer.args.save_steps
    manifest.check_room(session.work, [*range(every, last, every), last])
    checkpoint, told = last_checkpoint(session)
    step = manifest.step(checkpoint) if checkpoint else -1
    manifest.drop_after(session.work, checkpoint)
    session.recorder.rewind(told.get("records", {}))
    watch.take_up(told.get("best", {}))
    if checkpoint:
        log.info("resuming at step %d", step)

    def stop(number, frame):
        if watch.stopping:
            raise KeyboardInterrupt
        watch.stopping = True
        log.info("stopping after this step; once more to stop at once")

    handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    began, started = time.monotonic(), now()
    try:
        if checkpoint and (step >= last or watch.deceived(step)):
            # killed before it was published; `train` would take one more step where the last epoch is a fraction
            trainer._load_from_checkpoint(str(checkpoint))
            trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        else:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if watch.stopping and trainer.state.global_step < trainer.state.max_steps:
        raise KeyboardInterrupt
    total = {"step": None, "phase": "train", "seconds": time.monotonic() - began, "started_at": started}
    session.recorder.add("timings", {**total, **session.machine})
    return ending(trainer, watch)


def ending(trainer, watch: Watch) -> dict[str, int | str | None]:
    """How the run ended and which step's weights `trainer.model` now has, by the session's rule: checkpoint_step,
    best_step, reward_step (what the training reward would have picked), status and stop_reason. Raises `UserError` when
    the best weights have changed since they were kept."""
    session, step = watch.session, trainer.state.global_step
    probes, steps = (session.recorder.rows(table) for table in ("probes", "steps"))
    best = choice.best_step(probes, session.suite)
    if session.checkpoint == "best":
        try:
            kept.restore(trainer.model, session.work, watch.best)
        except manifest.Broken as error:
            raise UserError(f"{session.work}: {error}; run the same command again, and it is trained anew") from None
    status, reason = "completed", None
    if step < trainer.state.max_steps:
        found = watch.live.at(step)
        status, reason = f"stopped: deceptive reward at step {step}", f"{found.mechanism}: {found.reason}"
    return {
        "checkpoint_step": best if session.checkpoint == "best" else step,
        "best_step": best,
        "reward_step": choice.reward_step(probes, steps, session.suite),
        "status": status,
        "stop_reason": reason,
    }
