"""Holm's correction runs the garbage collector each time (statsmodels): keep what tests have loaded out of it."""

import gc

import pytest


@pytest.fixture(autouse=True, scope="module")
def frozen():
    import statsmodels.stats.multitest  # noqa: F401

    gc.freeze()
    yield
    gc.unfreeze()
