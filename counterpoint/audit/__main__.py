"""Audit a run from its logs, wherever it was trained.

    python -m counterpoint.audit RUN_DIR [--items N] [--out FOLDER] [--json]

RUN_DIR is a TRL output folder, a verl or EasyR1 log, a CSV with step, reward and accuracy, or a run of this study.
Writes audit.png and audit.html into FOLDER (./audit-NAME). Exit codes: 0 done, 2 the log cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from counterpoint.errors import UserError


def main(arguments: list[str]) -> None:
    """Read, assess, say and draw. Raises `UserError` for a log that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m counterpoint.audit", description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=Path, help="a folder or a log file")
    parser.add_argument("--items", type=int, help="held-out problems behind each accuracy, where the log does not say")
    parser.add_argument("--out", type=Path, help="where the picture and the page go (default: ./audit-NAME)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    asked = parser.parse_args(arguments)
    if asked.items is not None and asked.items < 1:
        raise UserError(f"--items: at least 1, not {asked.items}")
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


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
