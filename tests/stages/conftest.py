"""Stage programs that run inside the tests' own process leave nothing frozen in it (see `stages.common.loading`); disks
that are soon full."""

import gc
import subprocess

import pytest

from tests.toy_repository import toy  # noqa: F401


@pytest.fixture(autouse=True)
def unfrozen():
    yield
    gc.unfreeze()


@pytest.fixture
def disk(tmp_path):
    """Mounts a disk of so many KB; called again, makes it as large as is said then."""
    place = tmp_path / "disk"

    def sized(kilobytes: int):
        how = f"size={kilobytes}k" if not place.exists() else f"remount,size={kilobytes}k"
        place.mkdir(exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", how, "tmpfs", place], capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
        return place

    yield sized
    subprocess.run(["umount", "--lazy", place], capture_output=True)
