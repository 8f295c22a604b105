"""Start measurements in processes of their own, and describe the machine. Imports nothing heavy: on Linux a child's
peak memory begins at what its parent held."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from counterpoint.errors import UserError


def worker(arm: str, case: str, folder: Path, threads: int, **options: Any) -> dict:
    """What `bench.worker` prints for the arm; `options` are its flags (True for a bare one, None for none).

    All arms run with the same thread count and a passive wait policy; cases on the CPU see no GPU. Raises `UserError`
    with the worker's last line when it fails.
    """
    command = [sys.executable, "-m", "bench.worker", "--arm", arm, "--case", case, "--folder", str(folder)]
    command += ["--threads", str(threads)]
    for name, value in options.items():
        if value is not None and value is not False:
            command += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    if case != "g":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word on stderr"])[-1].removeprefix("error: ")
        raise UserError(f"{' '.join(command[1:])}: {last}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def device() -> str:
    """The name of the GPU, or "" where there is none."""
    program = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def machine(threads: int) -> dict:
    """Processor, cores, threads used, versions, revision of the code, date and the load before the start."""
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "gpu": device() or None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "trl", "transformers")},
        "revision": revision or "unknown",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def processor() -> str:
    """The processor's model name as Linux tells it, else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
