"""Run a command that dies with whoever asked for it: `python supervise.py LOG COMMAND …`, standard library only.

Standard input is the lifeline. When it closes, because the asker closed it or was killed, the command's process group
gets SIGINT (DVC ignores it and waits, the stage saves) and after `GRACE` seconds SIGKILL. This process and the command
have sessions of their own, so neither Ctrl-C in a terminal nor a signal to the asker's group reaches them by another
way. Output goes to LOG and to standard output; when the asker is gone, LOG still receives the end of it.
Exit code: the command's own, 128 + n when signal n ended it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from subprocess import DEVNULL, PIPE, STDOUT

GRACE = 20.0  # seconds; Prefect itself kills a cancelled flow after 30
REDRAW = 5.0  # seconds between the states shown of a progress bar
LINE_END = re.compile(rb"(\r?\n|\r(?!\Z))")  # a final carriage return may be the first half of \r\n
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def lines(descriptor: int, redraw: float = REDRAW) -> Iterator[str]:
    """Lines read from a file descriptor, blank ones left out.

    A bar that redraws itself with carriage returns yields at most one state every `redraw` seconds, and its last.
    """
    pending, shown = b"", -redraw
    while chunk := os.read(descriptor, 65536):
        *parts, pending = LINE_END.split(pending + chunk)
        for raw, end in zip(parts[::2], parts[1::2], strict=True):
            text = COLOURS.sub("", raw.decode("utf-8", "replace")).rstrip()
            now = time.monotonic()
            if text and (end != b"\r" or now - shown >= redraw):
                shown = now if end == b"\r" else shown
                yield text
    if last := COLOURS.sub("", pending.decode("utf-8", "replace")).rstrip():
        yield last


def copy(descriptor: int, log: str, command: list[str]) -> None:
    """Append the lines to the file `log` under a heading with the time, and write them to standard output."""
    listening = True
    os.makedirs(os.path.dirname(log) or ".", exist_ok=True)
    with open(log, "a", encoding="utf-8", buffering=1) as file:
        file.write(f"=== {datetime.now().astimezone().isoformat(timespec='seconds')} {' '.join(command)}\n")
        for line in lines(descriptor):
            file.write(f"{line}\n")
            try:
                if listening:
                    os.write(1, f"{line}\n".encode())
            except OSError:
                listening = False


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group, if any of it is left."""
    # macOS answers "not permitted" for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def end(group: int) -> None:
    """Ask the group to stop; kill it when it has not after `GRACE` seconds."""
    signal_group(group, signal.SIGINT)
    time.sleep(GRACE)
    signal_group(group, signal.SIGKILL)


def watch_lifeline(stop: threading.Event) -> None:
    """Wait until standard input closes, then ask for the end."""
    while os.read(0, 1024):
        pass
    stop.set()


def end_when(stop: threading.Event, group: int) -> None:
    """End the group once it is asked for."""
    stop.wait()
    end(group)


def main(log: str, *command: str) -> int:
    """Run the command to its end, and leave nothing of its group alive."""
    stop = threading.Event()
    # Before the child is there: a shell makes its background jobs ignore SIGINT, and the child would inherit that.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    environment = {**os.environ, "COUNTERPOINT_SUPERVISOR": str(os.getpid())}  # stages/lifeline.py
    child = subprocess.Popen(
        command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=environment, start_new_session=True
    )
    copying = threading.Thread(target=copy, args=(child.stdout.fileno(), log, command), daemon=True)
    copying.start()
    threading.Thread(target=watch_lifeline, args=(stop,), daemon=True).start()
    threading.Thread(target=end_when, args=(stop, child.pid), daemon=True).start()
    code = child.wait()
    signal_group(child.pid, signal.SIGKILL)
    copying.join(5)  # only a process that left the group could still hold the pipe
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
