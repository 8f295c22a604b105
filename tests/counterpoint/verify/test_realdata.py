"""Gold answers of real data sets in the styles that models write them in, judged by the judge that fits."""

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest

from counterpoint.verify import judge, judge_leniently

REALDATA = Path(os.environ.get("COUNTERPOINT_REALDATA", Path(__file__).parents[4] / "shared" / "realdata"))
ENOUGH = 0.995

STRICT = {
    "plain": lambda gold, letter: gold,
    "full stop": lambda gold, letter: f"{gold}.",
    "spaces and lines": lambda gold, letter: f"\n  {gold} \n",
    "case and commas": lambda gold, letter: f"{int(gold):,}" if gold.isdigit() and not letter else gold.upper(),
    "letter": lambda gold, letter: f"({letter})" if letter else f"+{gold}" if gold[0].isdigit() else gold,
}
LENIENT = {
    "boxed": lambda gold, letter: f"So it is \\boxed{{{gold}}}.",
    "sentence": lambda gold, letter: f"I add them up.\n\nThe answer is {gold}.",
    "bold": lambda gold, letter: f"Then **the final answer is: {gold}**",
    "letter": lambda gold, letter: f"Answer: ({letter})" if letter else f"#### {gold}",
    "last line": lambda gold, letter: f"Step 1: I look.\nStep 2: I count.\n\n**{gold}**\n",
}


def puzzlevqa() -> list[tuple[str, str, list[str] | None]]:
    files = sorted((REALDATA / "puzzlevqa" / "data").glob("*.json"))
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [(str(row["answer"]), "choice", [str(option) for option in row["options"]]) for row in rows]


def gsm8k() -> list[tuple[str, str, list[str] | None]]:
    lines = [
        line for part in ("train", "test") for line in (REALDATA / "gsm8k" / f"{part}.jsonl").read_text().splitlines()
    ]
    return [(json.loads(line)["answer"].rpartition("#### ")[2].strip(), "integer", None) for line in lines]


@pytest.mark.skipif(not REALDATA.is_dir(), reason="the real data is not here")
@pytest.mark.parametrize("read", [puzzlevqa, gsm8k], ids=["PuzzleVQA", "GSM8K"])
def test_gold_answers_in_five_styles_are_right_for_the_judge_that_fits(read, capsys):
    rows = read()
    assert len(rows) == {"puzzlevqa": 2000, "gsm8k": 8792}[read.__name__]
    shares, crossed = {}, 0
    for judged, styles in ((judge, STRICT), (judge_leniently, LENIENT)):
        for style, write in styles.items():
            right = 0
            for gold, kind, options in rows:
                letter = chr(ord("A") + options.index(gold)) if options else ""
                written = write(gold, letter)
                text = f"<think>I look .</think><answer>{written}</answer>" if judged is judge else written
                right += judged(text, gold, kind, options).correct
                crossed += judge_leniently(text, gold, kind, options).correct if judged is judge else 0
            shares[f"{judged.__name__} {style}"] = right / len(rows)
    with capsys.disabled():
        print(f"\n{read.__name__}: " + ", ".join(f"{name} {share:.4f}" for name, share in shares.items()))
    assert min(shares.values()) >= ENOUGH
    assert crossed >= ENOUGH * len(rows) * len(STRICT)  # what the strict judge accepts is right for the lenient one


@pytest.mark.skipif(not REALDATA.is_dir(), reason="the real data is not here")
@pytest.mark.parametrize("read", [puzzlevqa, gsm8k], ids=["PuzzleVQA", "GSM8K"])
def test_the_answer_of_the_next_row_is_not_right(read):
    rows = read()
    for (gold, kind, options), (other, _, _) in pairwise(rows):
        if other.replace(",", "") != gold.replace(",", ""):
            assert not judge(f"</think><answer>{other}</answer>", gold, kind, options).correct
            assert not judge_leniently(f"The answer is {other}.", gold, kind, options).correct
            assert not judge_leniently(f"<think>The answer is {gold}</think>{other}", gold, kind, options).correct
