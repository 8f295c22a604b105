"""What is measured: the cases a–d, their model, processor and problems, the reward that all arms share.

Cases b and c are VLM-like: a random LLaVA of 3.3 M parameters, 196 image tokens and a vocabulary of 16,384 learnt from
pseudo-words. A random model hardly ever ends by itself, so all arms generate to the full length there, with the end
token suppressed. Cases a and d are the study's own: the shipped base on generated problems, lengths as they fall.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from random import Random

from counterpoint import params, problem, rewards
from counterpoint.models.micro import PATCH, Shape
from counterpoint.params import compose
from counterpoint.problem import Picture, Problem
from counterpoint.prompt import THINK, user_text, with_images
from counterpoint.verify import judge

STUDIES = Path(__file__).resolve().parents[1] / "studies"
SHIPPED = "data/models/base/small"
WORDS = 11  # pseudo-words in a question of the VLM-like cases: some 30 tokens with the instruction


@dataclass(frozen=True)
class Case:
    """One shape of step. `batch` counts completions (RL) or rows (SFT); lengths in tokens.

    `checkpoint` is a folder, or None for a random model of `shape`; `fixed_length` suppresses the end token; `device`
    is "cpu" (float32) or "cuda" (bfloat16, a Qwen2-VL of 2B shape).
    """

    name: str
    title: str
    method: str
    batch: int
    group: int
    max_tokens: int
    checkpoint: str | None = None
    shape: Shape | None = None
    fixed_length: bool = False
    device: str = "cpu"

    @property
    def prompts(self) -> int:
        """Distinct prompts in a step."""
        return self.batch // self.group


def vlm_shape(image_tokens: int = 196, vocabulary: int = 16384) -> Shape:
    """The random LLaVA of cases b and c. Raises `ValueError` unless `image_tokens` is a square."""
    side = math.isqrt(image_tokens)
    if side * side != image_tokens:
        raise ValueError(f"{image_tokens} image tokens are no square of patches")
    return Shape(
        text_width=128, text_layers=4, text_inner=384, vision_width=96, vision_layers=3, vision_inner=288,
        vocabulary=vocabulary, image_size=side * PATCH, positions=2048,
    )  # fmt: skip


def study() -> params.Params:
    """The default study's, whatever params.yaml holds at the moment."""
    return params.parse(compose.study("default", STUDIES))


def cases() -> dict[str, Case]:
    """The cases by letter; a and d take their batch and lengths from the default study."""
    rl, sft = study().rl, study().sft
    known = [
        Case("a", "RL, default micro shape", "rl", rl.batch_size, rl.group_size, rl.max_completion_tokens, SHIPPED),
        Case("b", "RL, VLM-like shape, G = 8", "rl", 64, 8, 40, shape=vlm_shape(), fixed_length=True),
        Case("c", "RL, VLM-like shape, G = 16", "rl", 64, 16, 40, shape=vlm_shape(), fixed_length=True),
        Case("d", "SFT, default micro shape", "sft", sft.batch_size, 1, 0, SHIPPED),
        Case("g", "RL, Qwen2-VL-2B shape, bf16", "rl", 64, 8, 256, fixed_length=True, device="cuda"),
    ]
    return {case.name: case for case in known}


def prepare(case: Case, steps: int, folder: Path) -> None:
    """Write the case's problems for `steps` steps, and its random checkpoint if it has one, into `folder`."""
    number = case.prompts * steps
    if case.checkpoint:
        from counterpoint.sources.procedural import split_problems

        drawn = list(split_problems(0, "train", "train", "in_domain", number))
    else:
        size = case.shape.image_size if case.shape else 448
        drawn = [_noise_problem(index, size) for index in range(number)]
    problem.write(drawn, folder / "problems.parquet")
    if case.shape:
        import torch

        from counterpoint.models import checkpoint, micro

        processor = micro.build_processor(pseudo_corpus(case.shape.vocabulary), case.shape)
        torch.manual_seed(0)
        checkpoint.save(micro.build_model(case.shape, processor.tokenizer), processor, folder / "model")


def load(case: Case, folder: Path):
    """The case's model (in training mode), its processor and its problems."""
    problems = problem.load(folder / "problems.parquet")
    if case.device == "cuda":
        from bench.gpu import build

        return *build(), problems
    from counterpoint.models import checkpoint

    model, processor = checkpoint.load(case.checkpoint or str(folder / "model"))
    return model.train(), processor, problems


def scorer(case: Case, problems: list[Problem], lengths: list[int]):
    """The reward function of every arm, as TRL calls it; it notes each completion's length in `lengths`.

    Real problems earn the default study's weighted terms. A random model on noise would always earn 0, and with it no
    gradient; there the reward is the share of even token ids.
    """
    by_id, weights = {p.problem_id: p for p in problems}, study().rl.rewards
    ready = rewards.ready(weights, problems)

    def reward(completions, completion_ids, problem_id, **_) -> list[float]:
        lengths.extend(len(ids) for ids in completion_ids)
        if case.checkpoint is None:
            return [sum(token % 2 == 0 for token in ids) / len(ids) for ids in completion_ids]
        scores = []
        for completion, key in zip(completions, problem_id, strict=True):
            text, asked = completion[0]["content"], by_id[key]
            verdict = judge(text, asked.answer, asked.answer_type, list(asked.options) if asked.options else None)
            scores.append(sum(weight * ready[term](text, asked, verdict) for term, weight in weights.items()))
        return scores

    return reward


def prompt_text(processor, asked: Problem) -> str:
    """The prompt of a problem as text, by the processor's chat template."""
    turn = with_images(user_text(asked, THINK), len(asked.images))
    return processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)


def pseudo_corpus(vocabulary: int) -> list[str]:
    """Lines of pseudo-words, enough of them that a byte-level BPE learns `vocabulary` entries."""
    words = pseudo_words(max(400, 3 * vocabulary // 2))
    return [" ".join(words[start : start + 12]) for start in range(0, len(words), 12)] * 2


def pseudo_words(number: int) -> list[str]:
    """Deterministic pronounceable words of two or three syllables."""
    rng = Random(0)
    syllables = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r", "s")]
    return ["".join(rng.choices(syllables, k=rng.choice((2, 3)))) for _ in range(number)]


def _noise_problem(index: int, size: int) -> Problem:
    """A problem of pseudo-words with a picture of noise, `size` pixels a side."""
    from PIL import Image

    rng, words = Random(index), pseudo_words(2000)
    buffer = io.BytesIO()
    Image.frombytes("RGB", (size, size), rng.randbytes(3 * size * size)).save(buffer, format="PNG")
    return Problem(
        state_id=problem.digest("bench", index), problem_id=problem.digest("bench", index), source="bench",
        family="noise", split="train", difficulty=1, question=" ".join(rng.choices(words, k=WORDS)) + " ?",
        images=(Picture.of(buffer.getvalue()),), answer="0", answer_type="integer",
        reasoning=" ".join(rng.choices(words, k=WORDS)),
    )  # fmt: skip
