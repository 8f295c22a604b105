"""Stages take no more memory for many large pictures than a few of them need: peaks of processes of their own."""

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from counterpoint.params import compose

ROOT = Path(__file__).parents[2]
STATUS = Path("/proc/self/status")
# the peak of the process's own memory: what `resource` tells of a child counts what its parent held at the fork
RUN = """
import atexit, runpy, sys
atexit.register(lambda: print(open("/proc/self/status").read(), file=sys.stderr))
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""
FIELDS = 'source.fields={"question": q, "answer": a, "reasoning": r, "images": i, "text_twin": t}'
MINE = ["source.kind=folder", "source.path=rows", FIELDS, "suites=[in_domain]", "probe.suites=[in_domain]",
        "evaluation.samples=0", "evaluation.sampled_suites=[]", "evaluation.base_conditions=[normal]"]  # fmt: skip

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="no /proc, which tells a process's peak")


def peak(folder: Path, stage: str, *arguments: str) -> float:
    """Runs a stage; the most memory that it took, in GB."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, f"stages.{stage}", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(re.search(r"VmHWM:\s+(\d+) kB", done.stderr)[1]) / 1e6


def jpeg(width: int, height: int, quality: int, seed: int) -> bytes:
    """A photograph's like: colours that change slowly, and grain."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 40, width // 40, 3), dtype=np.uint8))
    grain = rng.normal(0, 6, (height, width, 1)).astype(np.float32)
    pixels = np.asarray(coarse.resize((width, height)), dtype=np.float32) + grain
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def fill(folder: Path, number: int, width: int, height: int, quality: int) -> int:
    """A folder `rows` of problems, each with a JPEG of its own; their bytes.

    Few are drawn: a comment makes each of their copies another picture.
    """
    rows = folder / "rows"
    rows.mkdir()
    drawn, lines, size = [jpeg(width, height, quality, seed) for seed in range(4)], [], 0
    for place in range(number):
        data, note = drawn[place % 4], f"{place:06}".encode()
        data = data[:2] + b"\xff\xfe" + (2 + len(note)).to_bytes(2, "big") + note + data[2:]
        (rows / f"{place}.jpg").write_bytes(data)
        one, two, size = place % 10, place % 7, size + len(data)
        told = {"q": f"{one} + {two} ?", "a": one + two, "r": f"{one} + {two} = {one + two} .", "t": f"{one} , {two} ."}
        lines.append(json.dumps({**told, "i": f"{place}.jpg"}))
    (rows / "sums.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "data/models").mkdir(parents=True)
    (folder / "data/models/base").symlink_to(ROOT / "data/models/base")
    return size


def write_study(folder: Path, *settings: str) -> None:
    compose.write("quick", [*MINE, *settings], folder / "params.yaml", ROOT / "studies")


def test_neither_problems_nor_samples_hold_the_pools_pictures(tmp_path):
    size = fill(tmp_path, 30, 2400, 1600, quality=97)
    write_study(tmp_path, "problems.per_suite=4", "problems.per_probe=4", 'sampling.sizes={"100": 10, "1k": 22}')
    assert size > 60e6
    assert max(peak(tmp_path, stage) for stage in ("problems", "sample")) < 0.25


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A project whose problems are 560 pictures of 12 megapixels, 800 MB of JPEG."""
    folder = tmp_path_factory.mktemp("world")
    assert fill(folder, 560, 4000, 3000, quality=65) > 750e6
    write_study(folder, "problems.per_suite=16", "problems.per_probe=16", 'sampling.sizes={"100": 100, "1k": 400}')
    assert peak(folder, "problems") < 0.5
    return folder


@pytest.mark.slow
def test_800_mb_of_pictures_train_in_a_fraction_of_that(world):
    assert peak(world, "sample") < 0.4
    assert peak(world, "distill", "oracle-100") < 0.4
    assert peak(world, "train", "sft-tiny-100-0") < 1.5
    assert peak(world, "train", "rl-tiny-100-0") < 1.5


@pytest.mark.slow
def test_512_pictures_of_12_megapixels_are_evaluated_in_less_than_2_gb(world):
    from counterpoint import problem

    file = world / "data/problems/problems.parquet"
    shown = [p for p in problem.load(file) if p.split != "in_domain"][:512]
    problem.write([dataclasses.replace(p, split="in_domain") for p in shown], file)
    assert peak(world, "evaluate", "base-tiny") < 2
