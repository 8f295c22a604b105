"""The default study as typed parameters, and trials as they end."""

import pytest

from counterpoint import params
from counterpoint.params import compose
from counterpoint.tuning.trial import DONE, Trial


@pytest.fixture(scope="session")
def data(root):
    """The default study as plain mappings."""
    return compose.study("default", root / "studies")


@pytest.fixture(scope="session")
def settings(data):
    return params.parse(data)


@pytest.fixture(scope="session")
def ended():
    """A trial that is done, with so many right of 100."""

    def make(number: int, right: int, **values) -> Trial:
        return Trial(number, values, DONE, right="1" * right + "0" * (100 - right), before=0.3, seconds=1.0)

    return make
