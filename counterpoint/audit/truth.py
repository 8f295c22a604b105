"""The verdict on a reward while a TRL trainer trains: a callback that judges at every evaluation, and stops if asked.

It reads what the trainer logged and nothing else (`TrainerState.log_history`), so a run that is resumed from a
checkpoint goes on with all its probes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path

from transformers import Trainer, TrainerCallback

from counterpoint.audit import dialects, metric_names, series, verdict
from counterpoint.audit.dialects.trl import HELD_OUT
from counterpoint.audit.held_out import HeldOutAccuracy, log_beside
from counterpoint.audit.log import Logged, Stated
from counterpoint.errors import UserError, one_line
from counterpoint.statistics.deceptive import Assessment
from counterpoint.training.assessment import VERDICT, Verdicts

log = logging.getLogger(__name__)
HISTORY = Path("log_history")  # what messages call it


class TruthCallback(TrainerCallback):
    """Judges the reward at every evaluation of held-out accuracy, as `counterpoint audit` would judge the log up to
    there, and logs

        truth/deceptive  1 where the verdict is `deceptive`, else 0
        truth/aligned    1 where it is `aligned`, else 0
        truth/evidence   by how many standard errors it is deceptive, once there are ten probes
        truth/probes     probes with reward and accuracy

    A probe is an evaluation; its reward is the mean of what was logged since the one before.

    trainer: the one that trains; `trainer.add_callback` takes this callback. accuracy: the metric, from 0 to 1 or in
    per cent; None for `eval_accuracy`, else the first `eval_..._accuracy` that is logged, be it from `HeldOutAccuracy`
    or the run's own evaluation. With the reward's own judgement the verdict is `consistent` at best. items: the
    problems behind an accuracy, where the log does not say. stop: end training after two deceptive verdicts in a row,
    as `rl.stop_when_deceptive` does. out: a JSON file for the latest verdict, or a folder for `assessment.json`.
    on_alert: called with the step and the `Assessment` whenever the verdict changes; a warning is logged then too.

    Raises `UserError` when training begins and nothing would be there to judge.
    """

    def __init__(
        self,
        trainer: Trainer,
        *,
        accuracy: str | None = None,
        items: int | None = None,
        stop: bool = False,
        out: str | Path | None = None,
        on_alert: Callable[[int, Assessment], object] | None = None,
    ):
        if not isinstance(trainer, Trainer):
            raise UserError(f"TruthCallback: the trainer comes first, not {type(trainer).__name__}")
        if items is not None and items < 1:
            raise UserError(f"TruthCallback: items must be a number of problems from 1, not {items}")
        self.trainer, self.accuracy, self.items, self.stop, self.on_alert = trainer, accuracy, items, stop, on_alert
        self.out = None if out is None else Path(out) if str(out).endswith(".json") else Path(out) / VERDICT
        self.verdicts, self._judged = self._fresh(), False

    def _fresh(self) -> Verdicts:
        return Verdicts(self._probes, self._assess, self.out)

    def on_train_begin(self, args, state, control, **_):
        self.verdicts = self._fresh()  # of an earlier training, where there was one
        if self.out:
            try:
                self.out.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"TruthCallback: out {self.out}: cannot be written ({error.strerror})") from None
        if args.logging_strategy == "no":
            raise UserError("TruthCallback: logging_strategy is no, so no reward is logged; set logging_steps")
        measured = any(isinstance(callback, HeldOutAccuracy) for callback in self.trainer.callback_handler.callbacks)
        if not measured and args.eval_strategy == "no":
            raise UserError(
                "TruthCallback: nothing measures held-out accuracy in this training; add HeldOutAccuracy, or set "
                "eval_strategy with an eval_dataset and log accuracy from a reward function (log_metric)"
            )

    def on_log(self, args, state, control, logs=None, **_):
        if not any(name == self.accuracy or name.startswith("eval_") for name in logs or {}):
            return  # most of the time, and without a look through the whole history
        if self._metric() not in logs:
            return
        step = state.global_step
        try:
            assessed = self.verdicts.at(step)
        except (UserError, ValueError) as error:
            log.warning("step %d: no verdict on the reward: %s", step, one_line(error))
            return
        self._judged = True
        log_beside(self.trainer, _numbers(assessed))
        if state.is_world_process_zero:
            self._tell(step, assessed)
        if self.stop and self.verdicts.twice_deceptive(step):
            log.warning("step %d: training ends: the reward was deceptive at two probes in a row", step)
            control.should_training_stop = True
            control.should_save = control.should_save or args.save_strategy != "no"

    def on_train_end(self, args, state, control, **_):
        if not self._judged:
            log.warning("no verdict on the reward: %s was not logged", self.accuracy or "no eval_accuracy")

    def _tell(self, step: int, assessed: Assessment) -> None:
        """Write and alert; what fails there is said, and training goes on."""
        change = self.verdicts.change(step)
        if change:
            log.warning("%s", change)
        try:
            if self.out:
                self.verdicts.write(step)
            if change and self.on_alert:
                self.on_alert(step, assessed)
        except Exception as error:
            log.warning("step %d: the verdict was not passed on: %s: %s", step, type(error).__name__, one_line(error))

    def _metric(self) -> str | None:
        """The name of the accuracy; None until one is logged."""
        if self.accuracy:
            return self.accuracy
        logged = dict.fromkeys(name for entry in self.trainer.state.log_history for name in entry)
        named = [name for name in logged if name.startswith(HELD_OUT)]
        accuracies = [name for name in named if metric_names.suite_of_accuracy(name.removeprefix(HELD_OUT)) is not None]
        return "eval_accuracy" if "eval_accuracy" in accuracies else next(iter(accuracies), None)

    def _probes(self) -> list[int]:
        name = self._metric()
        return [entry["step"] for entry in self.trainer.state.log_history if name in entry]

    def _assess(self, until: int) -> Assessment:
        """The verdict over the probes up to a step: that of the audit of this log. Raises `UserError` for a log that
        the audit refuses."""
        entries = [entry for entry in self.trainer.state.log_history if entry["step"] <= until]
        rows = ((f"entry {number}", entry["step"], entry) for number, entry in enumerate(entries))
        metrics, name = series.collect(HISTORY, rows), self._metric()
        if len(metrics[name]) < 2 or not metrics.get("reward"):
            return Assessment(reason="fewer than two probes, or no reward logged yet", probes=0)
        logged = Logged("training", HISTORY, {"": metrics})
        return verdict.audit(dialects.understood(logged, Stated(self.items, accuracy=name))).overall


def _numbers(assessed: Assessment) -> dict[str, float]:
    """What of a verdict a tracker can hold."""
    numbers = {f"truth/{verdict}": int(assessed.verdict == verdict) for verdict in ("deceptive", "aligned")}
    if math.isfinite(assessed.evidence):
        numbers["truth/evidence"] = assessed.evidence
    return {**numbers, "truth/probes": assessed.probes}
