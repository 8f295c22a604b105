"""One measurement in a process of its own; prints one JSON line.

python -m bench.worker --arm stock --case b --folder work/x --prepare        # problems and model, once
python -m bench.worker --arm stock --case b --folder work/x --steps 5        # an arm's steps
python -m bench.worker --arm floor --case b --folder work/x --length 40      # the floor at that mean length
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

from bench import cases
from bench.clock import Clock
from counterpoint.errors import UserError

ARMS = ("shared", "stock", "compact", "plain")


def rss() -> tuple[float, float]:
    """Resident memory of this process in MB (10^6 bytes): now, and its peak."""
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measure(arm: str, case: cases.Case, folder: Path, warmup: int, steps: int, limit: float | None) -> dict:
    """Run the arm and return seconds of the timed steps and of their phases, mean completion length and memory."""
    import torch
    from transformers import set_seed

    if arm == "plain":
        from bench import plain
    else:
        from trl import GRPOTrainer, SFTTrainer  # noqa: F401 (their import belongs to the memory of these arms)

        from bench import trainers
    imported = rss()[0]
    model, processor, problems = cases.load(case, folder)
    set_seed(0)
    lengths: list[int] = []
    reward, clock, total = cases.scorer(case, problems, lengths), Clock(limit), warmup + steps
    if arm != "plain":
        trainers.train(arm, model, processor, problems, case, reward, total, clock)
    elif case.method == "rl":
        plain.train_grpo(model, processor, problems, case, reward, total, clock)
    else:
        plain.train_sft(model, processor, problems, case, total, clock)
    if clock.too_slow:
        return {"arm": arm, "case": case.name, "too_slow": clock.too_slow}
    timed = lengths[warmup * case.batch :]
    cuda = case.device == "cuda"
    return {
        "arm": arm,
        "case": case.name,
        "steps": clock.steps[warmup:],
        **{
            name: [phases[name] for phases in clock.phases[warmup:]] for name in clock.phases[-1]
        },
        "completion_tokens": sum(timed) / len(timed) if timed else None,
        "import_mb": imported,
        "peak_mb": torch.cuda.max_memory_allocated() / 1e6 if cuda else rss()[1],
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Parse, run, print one JSON line. Exit code 2 on a mistake in the arguments."""
    parser = argparse.ArgumentParser(prog="bench.worker", description=__doc__.splitlines()[0])
    parser.add_argument("--arm", choices=(*ARMS, "floor"), required=True)
    parser.add_argument("--case", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, help="give up when the first step takes longer, in seconds")
    parser.add_argument("--length", type=float, help="floor: mean tokens of a completion")
    parser.add_argument("--batch", type=int, help="another batch than the case's")
    parser.add_argument("--group", type=int, help="another group size")
    parser.add_argument("--image-tokens", type=int, help="another picture, in image tokens (a square number)")
    options = parser.parse_args(arguments)
    try:
        print(json.dumps(run(options)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def run(options: argparse.Namespace) -> dict:
    """What the options ask for."""
    case = varied(options.case, options.batch, options.group, options.image_tokens)
    import torch  # it takes seconds: a mistake has been told by now

    torch.set_num_threads(options.threads)
    if options.prepare:
        cases.prepare(case, options.warmup + options.steps, options.folder)
        return {"prepared": case.name}
    if options.arm == "floor":
        from bench import floor

        return floor.of_case(case, options.folder, options.length)
    return measure(options.arm, case, options.folder, options.warmup, options.steps, options.limit)


def varied(
    name: str, batch: int | None = None, group: int | None = None, image_tokens: int | None = None
) -> cases.Case:
    """The case of that letter with what is given changed. Raises `UserError` for no such case or an odd batch."""
    known = cases.cases()
    if name not in known:
        raise UserError(f"--case {name}: no such case; known are {', '.join(known)}")
    case = known[name]
    changes = {key: value for key, value in (("batch", batch), ("group", group)) if value is not None}
    if image_tokens is not None:
        try:
            changes["shape"] = cases.vlm_shape(image_tokens)
        except ValueError as error:
            raise UserError(f"--image-tokens {image_tokens}: {error}") from None
    case = dataclasses.replace(case, **changes)
    if case.batch < 1 or case.group < 1 or case.batch % case.group:
        raise UserError(f"--batch {case.batch}: not a multiple of the group size {case.group}")
    return case


if __name__ == "__main__":
    main()
