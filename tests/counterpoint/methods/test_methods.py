"""The registry, and what every method of it declares."""

import dataclasses
import subprocess
import sys

import pytest

from counterpoint.methods import METHODS, NoOptions, chord, relift
from counterpoint.params import STAGES

GOOD = {"chord": chord.Options("mu", 0.9, 0.05, 0.5), "relift": relift.Options(4, None)}


def test_the_room_is_entered_without_torch(root):
    code = "import sys, counterpoint.methods; print({'torch', 'trl', 'counterpoint.params'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is(name):
    method = METHODS[name]
    assert method.name == name and method.stage in STAGES and "arXiv" in method.paper
    options = GOOD.get(name, NoOptions())
    assert type(options) is method.options and dataclasses.is_dataclass(options)
    assert method.check(options) is None
    assert method.arguments(options) == ({"loss_type": "dft"} if name == "dft" else {})


@pytest.mark.parametrize("name", ["sft", "rl", "sft_then_rl", "dft"])
def test_a_method_that_only_has_other_inputs_or_arguments_leaves_the_trainer_as_it_is(name):
    assert METHODS[name].extend(dict, NoOptions(), None) is dict


@pytest.mark.parametrize(
    ("name", "changes", "wrong"),
    [
        ("chord", {"variant": "psi"}, "variant must be mu or phi, not 'psi'"),
        ("chord", {"first": 1.5}, "first must be between 0 and 1, not 1.5"),
        ("chord", {"last": -0.1}, "last must be between 0 and 1, not -0.1"),
        ("chord", {"over": 0.0}, "over must be above 0 and at most 1, not 0.0"),
        ("relift", {"batch": 0}, "batch must be at least 1, not 0"),
        ("relift", {"learning_rate": -1.0}, "learning_rate must be at least 0 or null, not -1.0"),
    ],
)
def test_wrong_options_are_told_in_words(name, changes, wrong):
    assert METHODS[name].check(dataclasses.replace(GOOD[name], **changes)) == wrong
