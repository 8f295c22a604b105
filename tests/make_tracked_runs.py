"""Make the audit's fixtures of trackers and consoles: the logs of `trl_honest` and `trl_hacked` by other libraries.

    PYTHONPATH=… python tests/make_tracked_runs.py [tests/fixtures/audit]

What TRL logged in those runs goes, entry by entry as the trainer sends it, through the callbacks of transformers to
Weights & Biases (offline), TensorBoard, Trackio and the console, and through ms-swift's. TensorBoard then exports two
of its scalars as CSV, and Trackio its project as Parquet. So the files are what the libraries write; the numbers are
those of `trainer_state.json`, without some that nobody reads. Needs wandb, tensorboard, trackio and ms-swift (with
modelscope, modelscope_hub, addict and json_repair, without their dependencies) on PYTHONPATH; Counterpoint needs none.
`easyr1_console_*` and `openrlhf_*` are written here, for their trainers need GPUs. Line for line they are what the
libraries' own loggers print of the same entries (EasyR1 at 46c6c21, openrlhf 0.11.2), but for time and Ray's prefix.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

RUNS = ("honest", "hacked")
LIBRARIES = ("transformers", "wandb", "tensorboard", "trackio", "ms-swift")
FORMS = "wandb_*, tensorboard_*, tensorboard_csv_*, trackio_*, trl_console_*, swift_*, easyr1_console_* and openrlhf_*"
LEFT_OUT = re.compile(r"clip_ratio|terminated|m(?:in|ax)_length|num_tokens|step_time|steps_per_second")
EXPORTED = {"train/reward": "train_reward", "eval/accuracy": "eval_accuracy"}  # browsers write _ for /


def entries(folder: Path) -> list[dict]:
    """What TRL logged, in its order, without `LEFT_OUT`."""
    history = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    return [{name: value for name, value in entry.items() if not LEFT_OUT.search(name)} for entry in history]


def replay(callback, history: list[dict], output: Path, before=lambda: None) -> None:
    """Send the entries to a callback as transformers' Trainer does."""
    from transformers import TrainerControl, TrainerState, TrainingArguments

    arguments = TrainingArguments(output_dir=str(output), report_to=[], use_cpu=True, run_name="toy", project="toy")
    state = TrainerState(is_local_process_zero=True, is_world_process_zero=True, max_steps=history[-1]["step"])
    before()
    callback.on_train_begin(arguments, state, TrainerControl(), model=None)
    for entry in history:
        state.global_step, state.epoch = entry["step"], entry.get("epoch")
        logs = {name: value for name, value in entry.items() if name != "step"}
        callback.on_log(arguments, state, TrainerControl(), model=None, logs=logs)
    callback.on_train_end(arguments, state, TrainerControl(), model=None)


def printed(callback, history: list[dict], output: Path) -> str:
    """What a callback prints meanwhile."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        replay(callback, history, output)
    return said.getvalue()


def write_wandb(history: list[dict], folder: Path) -> None:
    """An offline run, its .wandb file alone."""
    import wandb
    from transformers.integrations import WandbCallback

    with tempfile.TemporaryDirectory() as made:
        quiet = wandb.Settings(
            mode="offline", root_dir=made, silent=True, console="off", disable_git=True, disable_code=True,
            x_disable_stats=True, x_disable_meta=True, x_disable_machine_info=True, host="host", username="user",
        )  # fmt: skip
        replay(WandbCallback(), history, Path(made), before=lambda: wandb.init(project="toy", settings=quiet))
        wandb.finish()
        wandb.teardown()  # writes the rest
        (written,) = Path(made).glob("wandb/offline-run-*/run-*.wandb")
        kept = folder / "wandb/offline-run-20260101_000000-toy"
        kept.mkdir(parents=True)
        shutil.copy(written, kept / "run-toy.wandb")


def write_tensorboard(history: list[dict], folder: Path, exported: Path) -> None:
    """An event file, and two of its scalars as TensorBoard exports them."""
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.scalar import scalars_plugin
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    writer = SummaryWriter(str(folder))
    with tempfile.TemporaryDirectory() as made:
        replay(TensorBoardCallback(writer), history, Path(made))
    (path,) = folder.glob("events*")
    path.rename(folder / "events.out.tfevents.1767225600.host.1.0")
    multiplexer = plugin_event_multiplexer.EventMultiplexer({".": str(folder)}).Reload()
    context = base_plugin.TBContext(data_provider=data_provider.MultiplexerDataProvider(multiplexer, str(folder)))
    plugin = scalars_plugin.ScalarsPlugin(context)
    exported.mkdir()
    for tag, name in EXPORTED.items():
        text, _ = plugin.scalars_impl(RequestContext(), tag, ".", "", scalars_plugin.OutputFormat.CSV)
        (exported / f"run-.-tag-{name}.csv").write_text(text, encoding="utf-8", newline="")


def write_trackio(history: list[dict], folder: Path, name: str) -> None:
    """A project's database, and its export as Parquet."""
    with tempfile.TemporaryDirectory() as made:
        from trackio import sqlite_storage, utils
        from transformers.integrations import TrackioCallback

        for module in (sqlite_storage, utils):
            module.TRACKIO_DIR = Path(made)
        replay(TrackioCallback(), history, Path(made))
        sqlite_storage.SQLiteStorage.export_to_parquet()
        if name == "hacked":  # 250 KB, for 43 tables and indexes take a page each
            shutil.copy(Path(made) / "toy.db", folder / f"trackio_{name}.db")
        shutil.copy(Path(made) / "toy.parquet", folder / f"trackio_{name}.parquet")


def write_console(history: list[dict], folder: Path, name: str) -> None:
    """What transformers prints."""
    from transformers.trainer_callback import PrinterCallback

    with tempfile.TemporaryDirectory() as made:
        text = printed(PrinterCallback(), history, Path(made))
    (folder / f"trl_console_{name}.log").write_text(text, encoding="utf-8")


def write_swift(history: list[dict], folder: Path, name: str) -> None:
    """What ms-swift prints, and its logging.jsonl."""
    from swift.trainers import patcher

    with tempfile.TemporaryDirectory() as made:
        text = printed(patcher.PrinterCallbackNew(), history, Path(made))
        kept = folder / f"swift_{name}"
        kept.mkdir()
        shutil.copy(Path(made) / "logging.jsonl", kept / "logging.jsonl")
    (folder / f"swift_console_{name}.log").write_text(text, encoding="utf-8")


def write_easyr1(folder: Path, name: str) -> None:
    """EasyR1's console, as Ray shows it: the entries of `easyr1_NAME` in YAML, numbers with three digits."""
    import yaml

    lines = ["Config", "data:", "  seed: 1"]
    for line in (folder / f"easyr1_{name}/experiment_log.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        lines.append(f"Step {row.pop('step')}")
        lines += yaml.dump(_rounded(row), indent=2).splitlines()
        lines.append("")
    text = "".join(f"\x1b[36m(Runner pid=4242)\x1b[0m {line}\n" for line in lines)
    (folder / f"easyr1_console_{name}.log").write_text(text, encoding="utf-8")


def _rounded(row: dict) -> dict:
    return {key: _rounded(value) if isinstance(value, dict) else round(value, 3) for key, value in row.items()}


def write_openrlhf(history: list[dict], folder: Path, name: str) -> None:
    """OpenRLHF's console: its reward, and the reward of its evaluation, which it calls pass@1."""
    lines, before = [], "(PPOTrainer pid=4242) INFO 01-01 00:00:00 ppo_trainer.py:100]"
    for entry in history:
        if "eval_reward" in entry:
            logs = {"eval_digits_pass1": entry["eval_reward"]}
            lines.append(
                f"{before} ✨ Evaluation completed in 0:00:01, global_step {entry['step']}, eval_metrics: {logs}"
            )
        elif "reward" in entry:
            logs = {"policy_loss": entry["loss"], "actor_lr": 1e-6, "reward": entry["reward"],
                    "response_length": entry["completions/mean_length"]}  # fmt: skip
            lines.append(f"{before} ✨ Global step {entry['step']}: {logs}")
    (folder / f"openrlhf_{name}.log").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def main(folder: Path) -> None:
    """Write all forms of both runs into `folder`, and with which versions."""
    for name in RUNS:
        history = entries(folder / f"trl_{name}")
        for kind in ("wandb", "tensorboard", "tensorboard_csv", "swift"):
            shutil.rmtree(folder / f"{kind}_{name}", ignore_errors=True)
        write_wandb(history, folder / f"wandb_{name}")
        write_tensorboard(history, folder / f"tensorboard_{name}", folder / f"tensorboard_csv_{name}")
        write_trackio(history, folder, name)
        write_console(history, folder, name)
        write_swift(history, folder, name)
        write_easyr1(folder, name)
        write_openrlhf(history, folder, name)
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    readme = folder / "README.md"
    kept = readme.read_text(encoding="utf-8").partition("Made by `python tests/make_tracked_runs.py`")[0].rstrip()
    readme.write_text(
        f"{kept}\n\nMade by `python tests/make_tracked_runs.py` with {versions}: {FORMS}.\n", encoding="utf-8"
    )


if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1", WANDB_MODE="offline")
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("fixtures") / "audit"))
