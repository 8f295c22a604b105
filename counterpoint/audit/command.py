"""One audit from reading to drawing, in a process of its own that is ended when it takes too long or too much memory.

The process is for what no limit of counterpoint.audit.files foresaw.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import resource
import sys
from pathlib import Path

from counterpoint.errors import UserError

SECONDS = 60
MEMORY = 8 << 30  # bytes of address space


def audit(run: Path, items: int | None = None, out: Path | None = None, as_json: bool = False) -> None:
    """Read, assess, print and draw in this process. Raises `UserError` for a log that cannot be used.

    run: a folder or a log file. items: held-out problems behind each accuracy, None where the log says or implies it.
    out: where the picture and the page go, None for ./audit-NAME. as_json: print one line of JSON in place of text.
    """
    from counterpoint.audit import readers, report, verdict

    result = verdict.audit(readers.read(run, items))
    picture, page = _write(result, out or Path(f"audit-{run.resolve().stem or 'run'}"))
    if as_json:
        print(json.dumps(report.record(result, {"picture": str(picture), "page": str(page)})))
    else:
        print(report.text(result))
        print(f"  {'written':<13} {picture}, {page}")


def _write(result, out: Path) -> tuple[Path, Path]:
    from counterpoint.audit import picture, report

    drawn, written = out / "audit.png", out / "audit.html"
    try:
        out.mkdir(parents=True, exist_ok=True)
        picture.draw(result, drawn)
        report.write_page(result, drawn, written)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error.strerror or error})") from None
    return drawn, written


def audit_apart(run: Path, seconds: int = SECONDS, **options) -> int:
    """`audit` in a process of its own, within `seconds` and `MEMORY`; the exit code, 2 after one line on stderr."""
    child = multiprocessing.get_context("fork").Process(target=_limited, args=(run, options))
    child.start()
    child.join(seconds)
    if child.is_alive():
        child.kill()
        child.join()
        return _fail(f"{run}: not done within {seconds} s; shorten the log, or give more --seconds")
    if child.exitcode < 0:
        return _fail(f"{run}: the audit was ended by signal {-child.exitcode}; shorten the log")
    return child.exitcode


def _limited(run: Path, options: dict) -> None:
    with contextlib.suppress(ValueError, OSError):  # where the system has no such limit, or a lower one
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        audit(run, **options)
    except MemoryError:
        sys.exit(_fail(f"{run}: takes more than {MEMORY >> 30} GB of memory; shorten the log"))
    except UserError as error:
        sys.exit(_fail(str(error)))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> int:
    """Print an error in one line; a log's own words may be long, or move the cursor."""
    line = "".join(c if c.isprintable() else "?" for c in f"error: {message}")
    print(line if len(line) <= 600 else f"{line[:600]} …", file=sys.stderr)
    return 2
