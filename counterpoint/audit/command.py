"""One audit from reading to drawing, in a process of its own that is ended when it takes too long or too much memory.

The process is for what no limit of counterpoint.audit.files foresaw.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from counterpoint.errors import UserError

MEMORY = 8 << 30  # bytes of address space


def audit(
    run: Path,
    items: int | None = None,
    out: Path | None = None,
    as_json: bool = False,
    reward: str | None = None,
    accuracy: str | None = None,
    of_run: str | None = None,
) -> str:
    """Read, assess and draw; return what is printed. Raises `UserError` for a log that cannot be used.

    run: a folder or a log file. items: held-out problems behind each accuracy, None where the log says or implies it.
    reward, accuracy, of_run: the metrics and the run of several that are meant, None where they are known.
    out: where the picture and the page go, None for ./audit-NAME. as_json: one line of JSON in place of text.
    """
    from counterpoint.audit import picture, readers, report, verdict

    result = verdict.audit(readers.read(run, items, reward, accuracy, of_run))
    out = out or Path(f"audit-{run.resolve().stem or 'run'}")
    drawn, written = out / "audit.png", out / "audit.html"
    try:
        out.mkdir(parents=True, exist_ok=True)
        picture.draw(result, drawn)
        report.write_page(result, drawn, written)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error.strerror or error})") from None
    if as_json:
        return report.json_line(result, {"picture": str(drawn), "page": str(written)})
    return f"{report.text(result)}\n  {'written':<13} {drawn}, {written}"


def audit_apart(run: Path, seconds: int, **options) -> str:
    """`audit` in a process of its own, within `seconds` and `MEMORY`. Raises `UserError` where that is not enough."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, context, initializer=_limit_memory) as pool:
        try:
            return pool.submit(audit, run, **options).result(seconds)
        except TimeoutError:
            for child in multiprocessing.active_children():
                child.kill()
            raise UserError(f"{run}: not done within {seconds} s; shorten the log, or give more --seconds") from None
        except BrokenProcessPool:
            raise UserError(f"{run}: the audit was ended by a signal; shorten the log") from None
        except MemoryError:
            raise UserError(f"{run}: takes more than {MEMORY >> 30} GB of memory; shorten the log") from None


def _limit_memory() -> None:
    with contextlib.suppress(ValueError, OSError):  # where the system has no such limit, or a lower one
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
