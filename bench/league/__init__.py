"""Our verdict on a reward and its rivals, on the same simulated runs: `make league`."""
