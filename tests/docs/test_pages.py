"""Every page of the documentation: its links lead somewhere, and the commands that it names exist."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from figures import ROOT

from bench.__main__ import table

DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", text)
    missing = [path for path, _ in links if path and not (page.parent / path).exists()]
    assert not missing
    for path, anchor in links:
        target = page if not path else page.parent / path
        if anchor and target.suffix == ".md":
            assert anchor[1:] in _anchors(target), f"{path}{anchor}"


def _anchors(page: Path) -> set[str]:
    """Of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    code = re.findall(r"`[^`\n]+`|^make .*$|^    make .*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for line in code for name in re.findall(r"^`? *make ([a-z][\w-]*)", line)}
    assert named <= targets


def test_the_files_that_contributors_are_sent_to_exist():
    code = re.findall(
        r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|yaml|lock))`", (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    )
    assert len(code) > 20
    assert not [path for path in code if path != "__init__.py" and not (ROOT / path).exists()]


def test_the_version_is_one():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[1] == version


def test_the_index_lists_every_page():
    listed = set(re.findall(r"\]\((\w[\w-]*\.md)\)", (DOCS / "README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


def test_the_published_queries_are_listed():
    published = {path.stem for path in (ROOT / "counterpoint/warehouse/sql/queries").glob("*.sql")}
    page = (DOCS / "reading-results.md").read_text(encoding="utf-8")
    section = page.partition("## Published queries")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == published


def test_the_times_of_a_step_are_those_of_the_benchmark():
    rows = json.loads((ROOT / "metrics/bench.json").read_text(encoding="utf-8"))["rows"]
    assert table(rows) in (DOCS / "cost.md").read_text(encoding="utf-8")


def test_the_times_of_the_evaluation_are_those_of_its_benchmark():
    page = (DOCS / "cost.md").read_text(encoding="utf-8")
    for row in json.loads((ROOT / "metrics/bench_eval.json").read_text(encoding="utf-8"))["rows"]:
        kind = f"{row['samples']} samples" if row["samples"] else "one, greedy"
        start = f"| `{Path(row['model']).name}` | {kind} | "
        rates = row["problems_per_second"]
        assert f"{start}{rates['ours']:.0f} | {rates['plain']:.0f} | **{row['ratio']:.1f}**" in page
