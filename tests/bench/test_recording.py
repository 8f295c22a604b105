"""The benchmark of recording measures two arms that do the same."""

import pytest

from bench import recording
from counterpoint.errors import UserError


@pytest.mark.slow
def test_a_round_of_it(capfd):
    assert recording.main(["--entries", "3", "--rounds", "1"]) == 0
    head, row = capfd.readouterr().out.splitlines()
    assert head.split()[0] == "entries"
    size, theirs, ours, ratio, *_ = row.split()
    assert size == "3" and float(ratio) == pytest.approx(float(theirs) / float(ours), abs=0.1)


@pytest.mark.parametrize("arguments", [["--entries", "0"], ["--entries", "ten"], ["--rounds", "0"]])
def test_what_cannot_be_measured_is_refused(arguments):
    with pytest.raises(UserError, match=r"bench\.recording: --entries"):
        recording.main(arguments)
