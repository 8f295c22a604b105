"""One short program per DVC stage: read params, call counterpoint, publish the outs."""

from stages import record

START = record.begin()  # before any other code of the project is read
