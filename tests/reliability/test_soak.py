"""`kill -9` of everything at random moments: the next command always goes on, and ends in the same bytes.

COUNTERPOINT_KILLS says how many kills (default 10); the moments follow from COUNTERPOINT_SEED.
"""

import os
import random
import shutil
import subprocess
import time

import killing
import pytest

KILLS = int(os.environ.get("COUNTERPOINT_KILLS", "10"))
SEED = int(os.environ.get("COUNTERPOINT_SEED", "0"))


@pytest.mark.slow
def test_every_killed_study_ends_in_the_same_bytes(ready, undisturbed, tmp_path):
    wanted, length = undisturbed
    drawn, kills, same = random.Random(SEED), 0, 0
    while kills < KILLS:
        folder = shutil.copytree(ready, tmp_path / "killed", symlinks=True)
        began, moment = time.monotonic(), drawn.uniform(0.0, length)
        study = killing.start(folder, *killing.MAKE)
        try:
            study.wait(moment)
            length = time.monotonic() - began  # it was faster than the one before: nothing was killed
        except subprocess.TimeoutExpired:
            killed = killing.kill_all(folder)
            study.wait()
            healed = killing.command(folder, *killing.MAKE)
            kills, outcome = kills + 1, killing.results(folder) == wanted
            same += outcome
            print(
                f"kill {kills}/{KILLS} at {moment:.1f} of {length:.1f} s: {killed} processes, "
                f"{'SAME' if outcome else 'DIFFERENT'}; {healed.stdout.splitlines()[-2]}",
                flush=True,
            )
        shutil.rmtree(folder)
    assert same == KILLS
