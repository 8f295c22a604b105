"""Parameters of the studies with a key changed, and the one line that refuses them."""

import copy
import functools

import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import compose


@pytest.fixture(scope="session")
def composed(root):
    """`composed(study)`: its parameters, to be changed at will."""
    read = functools.cache(lambda study: compose.study(study, root / "studies"))
    return lambda study: copy.deepcopy(read(study))


@pytest.fixture(scope="session")
def changed(composed):
    """`changed("rl.epochs", 2)`: the default study with one key set, whatever it held; the value ... deletes it."""

    def change(key: str, value, study: str = "default") -> dict:
        data = composed(study)
        *path, last = key.split(".")
        mapping = data
        for name in path:
            mapping = mapping.setdefault(name, {})
        if value is ...:
            del mapping[last]
        else:
            mapping[last] = value
        return data

    return change


@pytest.fixture(scope="session")
def refused():
    """`refused(data)`: the line that refuses these parameters."""

    def refuse(data: dict, where: str = "params.yaml") -> str:
        with pytest.raises(UserError) as caught:
            params.parse(data, where)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refuse
