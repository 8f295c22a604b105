"""Audit a run from its logs, wherever it was trained.

    python -m counterpoint.audit RUN_DIR [--items N] [--out FOLDER] [--json] [--seconds N]

RUN_DIR is a TRL output folder, a verl or EasyR1 log, a CSV with step, reward and accuracy, or a run of this study.
Writes audit.png and audit.html into FOLDER (./audit-NAME). Exit codes: 0 done, 2 the log cannot be used.

The audit runs in a process of its own, which is ended when it takes too long or too much memory: what no limit of
counterpoint.audit.files foresaw.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import resource
import sys
from pathlib import Path

from counterpoint.errors import UserError

SECONDS = 60
MEMORY = 8 << 30  # bytes of address space


def main(arguments: list[str]) -> None:
    """Read, assess, say and draw. Raises `UserError` for a log that cannot be used."""
    audit(options(arguments))


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked. Raises `UserError` for a number that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m counterpoint.audit", description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=Path, help="a folder or a log file")
    parser.add_argument("--items", type=int, help="held-out problems behind each accuracy, where the log does not say")
    parser.add_argument("--out", type=Path, help="where the picture and the page go (default: ./audit-NAME)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"after which it gives up (default {SECONDS})")
    asked = parser.parse_args(arguments)
    for name in ("items", "seconds"):
        if (number := getattr(asked, name)) is not None and number < 1:
            raise UserError(f"--{name}: at least 1, not {number}")
    return asked


def audit(asked: argparse.Namespace) -> None:
    """Read, assess, say and draw. Raises `UserError` for a log that cannot be used."""
    from counterpoint.audit import find, verdicts, words

    found = verdicts.audit(find.read(asked.run_dir, asked.items))
    out = asked.out or Path(f"audit-{asked.run_dir.resolve().stem or 'run'}")
    picture, page = _write(found, out)
    if asked.json:
        print(json.dumps(words.record(found, {"picture": str(picture), "page": str(page)})))
    else:
        print(words.text(found))
        print(f"  {'written':<13} {picture}, {page}")


def _write(found, out: Path) -> tuple[Path, Path]:
    from counterpoint.audit import page, picture

    drawn, written = out / "audit.png", out / "audit.html"
    try:
        out.mkdir(parents=True, exist_ok=True)
        picture.draw(found, drawn)
        page.write(found, drawn, written)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error.strerror or error})") from None
    return drawn, written


def _said(error: UserError) -> int:
    """Say it in one line; a log's own words may be long, or move the cursor."""
    line = "".join(c if c.isprintable() else "?" for c in f"error: {error}")
    print(line if len(line) <= 600 else f"{line[:600]} …", file=sys.stderr)
    return 2


def _alone(asked: argparse.Namespace) -> None:
    """The audit as a process that may take no more than `MEMORY`."""
    with contextlib.suppress(ValueError, OSError):  # where the system has no such limit, or a lower one
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        audit(asked)
    except MemoryError:
        sys.exit(_said(UserError(f"{asked.run_dir}: takes more than {MEMORY >> 30} GB of memory; shorten the log")))
    except UserError as error:
        sys.exit(_said(error))
    except KeyboardInterrupt:
        sys.exit(130)


def program(arguments: list[str]) -> int:
    """Audit in a process of its own, within its time and memory; the exit code."""
    try:
        asked = options(arguments)
        child = multiprocessing.get_context("fork").Process(target=_alone, args=(asked,))
        child.start()
        child.join(asked.seconds)
        if child.is_alive():
            child.kill()
            child.join()
            raise UserError(
                f"{asked.run_dir}: not done within {asked.seconds} s; shorten the log, or give more --seconds"
            )
        if child.exitcode < 0:
            raise UserError(f"{asked.run_dir}: the audit was ended by signal {-child.exitcode}; shorten the log")
        return child.exitcode
    except UserError as error:
        return _said(error)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(program(sys.argv[1:]))
