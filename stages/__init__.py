"""One short program per DVC stage: read params, call counterpoint, publish the outs."""
