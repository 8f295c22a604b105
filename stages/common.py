"""What every stage program shares: where files lie, and one clear line with exit code 2 for a user's mistake."""

from __future__ import annotations

import errno
import gc
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if not sys.stderr.isatty():  # bars of the libraries are for terminals; a log gets our own lines
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from counterpoint import running, supervise
from counterpoint.errors import UserError, nearest
from stages import START, record, shipped

FULL = re.compile(r"no space left on device|os error 28|database or disk is full|disk quota exceeded"
                  r"|PytorchStreamWriter failed|inline_container.*unexpected pos", re.IGNORECASE)  # fmt: skip
BARRED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}
PROBLEMS = Path("data/problems/problems.parquet")
REJECTS = Path("data/problems/rejects.parquet")
SAMPLES = Path("data/samples/samples.parquet")
MANIFEST = Path("data/samples/manifest.json")
MODELS = Path("data/models")
RUNS = Path("data/runs")
TRACES = Path("data/traces")
CARDS = Path("metrics/competence")


def train_folder(run_id: str) -> Path:
    """Where a training run's records are published: run.json and one Parquet file a table."""
    return RUNS / run_id / "train"


def eval_folder(run_id: str) -> Path:
    """Where a run's evaluation is published; a base's run.json stands here too."""
    return RUNS / run_id / "eval"


def distill_folder(trace_set: str) -> Path:
    """Where the making of a trace set is timed: apart from the traces, which are the same however long they took."""
    return RUNS / trace_set / "distill"


def work_folder() -> Path:
    """Checkpoints and live records, by stage and fingerprint: `$COUNTERPOINT_WORK` or work/, made where it is missing.

    Raises `UserError` where it is no folder that can be written to.
    """
    folder = Path(os.environ.get("COUNTERPOINT_WORK") or "work")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "not writable"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise UserError(
            f"{folder}: unfinished work is kept there, but it is no folder that can be written to ({reason}); free the "
            "path, or name another folder in COUNTERPOINT_WORK"
        )
    return folder


def generations() -> Path:
    """The store of generations that evaluations share."""
    return work_folder() / "generations.sqlite"


def named(arguments: list[str], kind: str, section: str, names: Collection[str]) -> str:
    """The one argument of a program: the name of a `kind` of thing, a key of the `section` of params.yaml that has
    `names`. Raises `UserError` for another, and for more or fewer arguments."""
    name = arguments[0] if arguments else ""
    if len(arguments) != 1 or name not in names:
        raise UserError(f"params.yaml: no {kind} {name!r} in {section}{nearest(name, names)}")
    return name


@contextmanager
def loading() -> Iterator[None]:
    """Import libraries inside without the cyclic garbage collector, which ignores later what they have made.

    torch and transformers make some 800,000 objects that stay as long as the process. Collecting among them took a
    third of a stage's start (docs/LOG.md).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_model(path: str, threads: int, trust_remote_code: bool) -> tuple[Any, Any]:
    """Model and processor of the checkpoint at `path`, a folder or hub id; torch computes with so many threads."""
    with loading():
        import torch

        from counterpoint.models import checkpoint

        torch.set_num_threads(threads)
        return checkpoint.load(path, trust_remote_code)


def disk_full(error: BaseException | None) -> str | None:
    """A message where an error, or one that caused it, says that a disk is full; else None."""
    while error is not None:
        message = str(error)
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or FULL.search(message):
            quoted = re.search(r'file \\?"(.+?)\\?"', message)
            path = getattr(error, "filename2", None) or getattr(error, "filename", None) or (quoted and quoted[1])
            return (
                f"{path or 'a file that was being written'}: no space left on its disk; free some (`make gc` drops "
                "what the current study does not need from DVC's cache), then the same command goes on"
            )
        error = error.__cause__ or error.__context__
    return None


def barred(error: BaseException) -> str | None:
    """A message where an error says that a file may not be written, or that a folder on its path is none; else None."""
    if not isinstance(error, OSError) or error.errno not in BARRED or error.filename is None:
        return None
    return f"{error.filename}: {error.strerror}; make it a place that can be written to, then the same command goes on"


def main(program: Callable[[list[str]], None]) -> None:
    """Run a stage program. Exit codes: 0 done, 2 a user's mistake, 130 interrupted (run again to go on).

    It ends with its supervisor, where there is one. Where DVC runs it, it ends with DVC, and fails when what it depends
    on was changed meanwhile (stages/record.py).
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    warnings.simplefilter("ignore", FutureWarning)  # notices to the developers of the pinned libraries
    for noisy in ("httpx", "huggingface_hub", "transformers", "datasets"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    supervise.end_with(supervise.supervisor(), supervise.caller() if START else None)
    try:
        if START is None:
            program(sys.argv[1:])
            sys.stdout.flush()
        else:
            with running.hold(f"the stage {START.stage}"):
                shipped.check()
                program(sys.argv[1:])
                record.check(START)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        message = disk_full(error) or barred(error) or (error if isinstance(error, UserError) else None)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)
