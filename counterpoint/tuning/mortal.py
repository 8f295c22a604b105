"""Run a module as a program that does not outlive the process which started it:

    python -m counterpoint.tuning.mortal stages.train rl-tiny-2k-1000

The parent holds the other end of this process's standard input. When that closes, by the parent's will or its death,
the program gets SIGTERM, at which a training run finishes its step, saves and ends.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def watch() -> None:
    """Wait for the end of standard input, then end this process."""
    while os.read(0, 4096):  # sys.stdin's lock, held by this thread, would stop the interpreter from ending
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    del sys.argv[0]
    threading.Thread(target=watch, daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
