"""ReLIFT: RL, interleaved with SFT on what it cannot solve.

A prompt whose whole group earned no correct answer waits in a buffer. After each RL update, as soon as `batch` of them
wait, they leave it for one update on L = -1/N Σ log p(y_t | x, y_<t) over the N tokens of their demonstrations.

As in the authors' code (github.com/TheRoadQaQ/ReLIFT) the mean is over tokens and no more than one such update follows
an RL step. That code has two versions: the first shares RL's optimizer, as here, and takes the newest of the buffer;
the later one takes what has waited longest, as here, with an optimizer of its own, and skips large gradients. Changed:
RL's optimizer and moments with the oldest first, no skip; "correct" is the strict judge's word, not a reward of zero;
a `learning_rate` of its own follows RL's schedule. Their script has batches of 64.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from counterpoint.methods.method import Method


@dataclass(frozen=True)
class Options:
    batch: int  # problems of one update on demonstrations
    learning_rate: float | None  # of that update, at the peak of RL's schedule; null: RL's own


def check(options: Options) -> str | None:
    """What is wrong with the options, in words."""
    if options.batch < 1:
        return f"batch must be at least 1, not {options.batch}"
    if options.learning_rate is not None and options.learning_rate < 0:
        return f"learning_rate must be at least 0 or null, not {options.learning_rate}"
    return None


def unsolved(answers: Iterable[tuple[str, bool]], among: Container[str]) -> list[str]:
    """The problems, in order, none of whose answers (problem_id, correct) is correct, as far as they are `among`."""
    solved: dict[str, bool] = {}
    for key, correct in answers:
        solved[key] = solved.get(key, False) or correct
    return [key for key, any_correct in solved.items() if not any_correct and key in among]


def extend(trainer: type, options: Options, steps: int) -> type:
    """A GRPO trainer that makes updates on demonstrations between its own."""

    class Relift(trainer):
        saved_state = (*trainer.saved_state, "waiting")
        waiting: Sequence[str] = ()  # problems that no completion solved, the oldest first

        def _generate_and_score_completions(self, inputs):
            output = super()._generate_and_score_completions(inputs)
            answers = [(row["problem_id"], row["correct"]) for row in self.scored]
            self.waiting = [*self.waiting, *unsolved(answers, self.demonstrations.rows)]
            return output

        def after_update(self):
            if len(self.waiting) >= options.batch:
                due, self.waiting = self.waiting[: options.batch], self.waiting[options.batch :]
                self.demonstrations.update(due, options.learning_rate)

    return Relift


METHOD = Method(name="relift", stage="mixed", paper="arXiv 2506.07527", options=Options, check=check, extend=extend)
