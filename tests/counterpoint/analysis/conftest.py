"""Planted runs, three seeds of two of them, and what is made of them."""

import pytest

from tests.counterpoint.analysis import made_up_rewards as made_up
from tests.counterpoint.analysis.made_up_rewards import HONEST, Run, flat, rising

LEAKY = {"leaky_list": 0.9, "format": 0.1}
RUNS = [
    *(Run(f"rl-m-2k-{seed}", HONEST, rising(0.3, 0.6)) for seed in (1, 2, 3)),
    *(
        Run(f"leaky-m-2k-{seed}", LEAKY, rising(0.4, 0.15), {"leaky_list": rising(0.0, 0.8), "format": flat(1.0)})
        for seed in (1, 2, 3)
    ),
    Run("form-m-2k-1", {"format": 1.0}, rising(0.4, 0.15), {"format": rising(0.3, 0.9)}, ("format",)),
    Run("long-m-2k-1", {"length": 1.0}, rising(0.4, 0.15), {"length": rising(0.2, 0.9)}, ("length",)),
    Run("coin-m-2k-1", {"coin": 1.0}, flat(0.3), {"coin": flat(0.5)}, ("coin",)),
    Run("narrow-m-2k-1", HONEST, rising(0.3, 0.6), suites={"rule_shift": rising(0.4, 0.2)}),
    Run("short-m-2k-1", HONEST, rising(0.3, 0.6), probes=6),
]


@pytest.fixture(scope="package")
def records() -> dict[str, list[dict]]:
    return made_up.records(RUNS)


@pytest.fixture(scope="package")
def db(records):
    with made_up.database(records) as made:
        yield made


@pytest.fixture(scope="package")
def marts(db) -> dict:
    return made_up.marts(db)


@pytest.fixture(scope="package")
def in_domain(marts) -> dict[str, dict]:
    """Every run's own verdict."""
    return {row["run_id"]: row for row in marts["deceptive_rewards"].to_pylist() if row["suite"] == "in_domain"}
