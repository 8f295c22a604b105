"""Reward terms. A new one is a file with `reward(completion, problem, verdict) -> float` and its line here; its weight
stands in params.yaml under `rl.rewards`."""

from counterpoint.rewards import accuracy, format

REWARDS = {"accuracy": accuracy.reward, "format": format.reward}
