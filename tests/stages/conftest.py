"""Stage programs that run inside the tests' own process leave nothing frozen in it (see `stages.common.loading`)."""

import gc

import pytest


@pytest.fixture(autouse=True)
def unfrozen():
    yield
    gc.unfreeze()
