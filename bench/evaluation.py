"""The benchmark of evaluation: this repository's decoding beside a plain `generate` loop at batch 16, in one run.

    python -m bench.evaluation                          # both bases; writes metrics/bench_eval.json (make bench-eval)
    python -m bench.evaluation --model data/models/base/tiny --problems 64 --rounds 1     # a trial; writes nothing

Both arms answer the same problems of `in_domain` from the same loaded model, pictures decoded, prompts tokenised and
answers judged within the time: once greedily, once with eight samples each. The plain loop is what a reader of
transformers' documentation writes: 16 problems at a time in the file's order, padded, `num_return_sequences` for
samples. Rounds run the arms in turn. The store of generations is not used.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from statistics import median

from counterpoint.errors import UserError
from counterpoint.evaluation.evaluate import item
from counterpoint.generation.completion import Completion
from counterpoint.problem import Problem
from counterpoint.prompt import THINK, with_images
from counterpoint.sources import procedural
from counterpoint.suites.views import View, views

OUT = Path("metrics/bench_eval.json")
MODELS = ("data/models/base/tiny", "data/models/base/small")
BATCH = {"ours": 512, "plain": 16}  # ours: evaluation.batch_size of the default study
MAX_TOKENS, SAMPLES = 64, 8


def ours(model, processor, shown: list[View], samples: int) -> list[list[Completion]]:
    """Counterpoint's decoding; `samples` 0 is greedy. Completions by view."""
    from counterpoint.evaluation.answers import Decoding, Model, answer

    return answer(Model("", lambda: (model, processor)), shown, Decoding(MAX_TOKENS, samples), BATCH["ours"])


def plain(model, processor, shown: list[View], samples: int) -> list[list[Completion]]:
    """transformers' `generate`, 16 problems at a time in their order."""
    import torch

    end, found = processor.tokenizer.eos_token_id, []
    choice = {"do_sample": True, "temperature": 1.0, "top_k": 0, "num_return_sequences": samples} if samples else {}
    for start in range(0, len(shown), BATCH["plain"]):
        batch = shown[start : start + BATCH["plain"]]
        texts = [
            processor.apply_chat_template(
                with_images(view.text, len(view.images)), add_generation_prompt=True, tokenize=False
            )
            for view in batch
        ]
        pictures = [[picture.decode() for picture in view.images] for view in batch]
        inputs = processor(text=texts, images=pictures, padding=True, return_tensors="pt")
        with torch.no_grad():
            ids = model.generate(
                **inputs, max_new_tokens=MAX_TOKENS, **({"do_sample": False} | choice),
                suppress_tokens=[model.config.image_token_id],
            )  # fmt: skip
        rows = ids[:, inputs["input_ids"].shape[1] :].tolist()
        for place in range(0, len(rows), samples or 1):
            found.append([_completion(processor, row, end) for row in rows[place : place + (samples or 1)]])
    return found


def _completion(processor, row: list[int], end: int) -> Completion:
    cut = row.index(end) if end in row else None
    text = processor.tokenizer.decode(row[:cut], skip_special_tokens=True)
    return Completion(text, len(row) if cut is None else cut + 1, cut is None)


def timed(arm, model, processor, problems: list[Problem], samples: int) -> tuple[float, list[list[Completion]]]:
    """Seconds to answer and judge all problems, and the completions."""
    began = time.perf_counter()
    found = arm(model, processor, views(problems, THINK), samples)
    for problem, completions in zip(problems, found, strict=True):
        for completion in completions:
            item(problem, completion)
    return time.perf_counter() - began, found


def measure(path: str, problems: list[Problem], samples: int, rounds: int) -> dict:
    """Medians over rounds of both arms on one model, and how many greedy completions are the same."""
    from counterpoint.models import checkpoint

    model, processor = checkpoint.load(path)
    arms = {"ours": ours, "plain": plain}
    for arm in arms.values():  # warm up
        timed(arm, model, processor, problems[:32], samples)
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    found = {}
    for number in range(rounds):
        for name, arm in arms.items():
            spent, found[name] = timed(arm, model, processor, problems, samples)
            seconds[name].append(spent)
            print(f"{path} round {number + 1}/{rounds} {name}: {len(problems) / spent:.0f} problems/s", file=sys.stderr)
    same = None
    if not samples:
        pairs = zip(found["ours"], found["plain"], strict=True)
        same = sum(a[0].text == b[0].text for a, b in pairs) / len(problems)
    return {
        "model": path,
        "problems": len(problems),
        "samples": samples,
        "problems_per_second": {name: len(problems) / median(spent) for name, spent in seconds.items()},
        "ratios": [theirs / own for theirs, own in zip(seconds["plain"], seconds["ours"], strict=True)],
        "ratio": median(theirs / own for theirs, own in zip(seconds["plain"], seconds["ours"], strict=True)),
        "same_greedy_completions": same,
    }


def main(arguments: list[str]) -> int:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.evaluation", description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="a checkpoint (both shipped bases, unless named)")
    parser.add_argument("--problems", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    if min(options.problems, options.rounds, options.threads) < 1:
        raise UserError("bench.evaluation: --problems, --rounds and --threads must be at least 1")
    import torch

    torch.set_num_threads(options.threads)
    problems = list(procedural.suite_problems(0, "in_domain", options.problems))
    print(f"{'model':6} {'samples':>7} {'ours/s':>8} {'plain/s':>8} {'ratio':>6}  rounds        same greedily")
    rows = []
    for path in options.model or MODELS:
        for samples in (0, SAMPLES):
            row = measure(
                path, problems if not samples else problems[: len(problems) // 4 or 1], samples, options.rounds
            )
            rows.append(row)
            rates, same = row["problems_per_second"], row["same_greedy_completions"]
            spread = ", ".join(f"{ratio:.1f}" for ratio in row["ratios"])
            agreed = "" if same is None else f"{100 * same:.2f} %"
            print(
                f"{Path(path).name:6} {samples or 'greedy':>7} {rates['ours']:8.0f} {rates['plain']:8.0f} "
                f"{row['ratio']:6.1f}  {spread:12}  {agreed}"
            )
    if arguments:
        return 0
    record = {"machine": platform.processor() or platform.machine(), "threads": options.threads, "rows": rows}
    OUT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
