"""What the README promises is there."""

import json
import re
from pathlib import Path

from bench.__main__ import table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readmes_times_are_those_of_the_benchmark():
    rows = json.loads((ROOT / "metrics/bench.json").read_text(encoding="utf-8"))["rows"]
    assert table(rows) in README


def test_the_readmes_ratios_are_those_of_the_evaluation():
    for row in json.loads((ROOT / "metrics/bench_eval.json").read_text(encoding="utf-8"))["rows"]:
        kind = f"{row['samples']} samples" if row["samples"] else "one, greedy"
        start = f"| `{Path(row['model']).name}` | {kind} | "
        rates = row["problems_per_second"]
        assert f"{start}{rates['ours']:.0f} | {rates['plain']:.0f} | **{row['ratio']:.1f}**" in README


def test_the_readme_lists_exactly_the_published_queries():
    published = {path.stem for path in (ROOT / "counterpoint/warehouse/sql/queries").glob("*.sql")}
    answers = README.partition("| Published query |")[2].partition("\n\n")[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", answers, re.MULTILINE))
    assert listed == published


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake (\w+)", README)) <= targets


def test_every_file_that_the_readme_links_exists():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing
