import re
from dataclasses import replace

import pytest

from counterpoint import problem
from counterpoint.report import viewer


@pytest.fixture(scope="module")
def page(full, tmp_path_factory):
    path = tmp_path_factory.mktemp("viewer") / "samples.html"
    viewer.write(full.results, full.tables, full.problems, path, each=8)
    return path.read_text(encoding="utf-8")


def test_hostile_text_is_escaped_and_nothing_can_run(page):
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "how many &lt;b&gt;" in page and "seven &amp; " in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?!data:image/)", page)


def test_every_suite_shows_eight_problems_with_every_run(page, full):
    assert page.count('class="problem"') == 8 * 5
    assert page.count('class="answer ') == 8 * 5 * len(full.results.runs)
    assert page.count("<img ") == 8 * 4  # the text twin shows words
    for name in viewer.VERDICTS:
        assert f'class="answer {name}"' in page


def test_of_several_seeds_the_first_is_shown_and_that_is_said(seeds, tmp_path):
    path = tmp_path / "samples.html"
    viewer.write(seeds.results, seeds.tables, seeds.problems, path)
    page, results = path.read_text(encoding="utf-8"), seeds.results
    assert page.count('class="problem"') == 6 * len(results.suites)
    assert page.count('class="answer ') == 6 * len(results.suites) * len(results.groups)
    assert "of the first seed of every arm" in page and "seed 1" in page and "seed 2" not in page
    assert f"the {len(results.runs) - len(results.groups)} runs with\nother seeds" in page
    assert len(page) < 2_000_000


def test_one_seed_is_shown_whole(page):
    assert "first seed" not in page and "of every run" in page


def test_both_families_are_shown(page):
    assert page.count("<small>count,") == page.count("<small>grid,") == 20


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ((True, True, False), "right"),
        ((False, True, False), "wrong"),
        ((False, False, False), "unparsed"),
        ((False, False, True), "truncated"),
    ],
)
def test_the_verdict_is_one_word(flags, word):
    assert viewer.verdict(*flags) == word


def test_control_and_direction_characters_are_spelt_out():
    assert viewer.plain("a\x00b\u202ec\nd") == "a\\u0000b\\u202ec\nd"
    assert viewer.plain(None) == ""


def test_options_are_escaped_and_unreadable_pictures_said(study, tmp_path):
    from counterpoint.report import read

    tables = study.write(tmp_path, [study.run("base", "small")], items=2)
    made = [
        replace(
            p, images=(problem.Picture.of(b"no picture"),), answer_type="choice", options=("<i>7", "8"), answer="<i>7"
        )
        for p in study.problems(2)
    ]
    problem.write(made, tmp_path / "problems.parquet")
    viewer.write(read.load(tables, "<b>s"), tables, tmp_path / "problems.parquet", tmp_path / "v.html")
    page = (tmp_path / "v.html").read_text(encoding="utf-8")
    assert "options: &lt;i&gt;7, 8" in page and "<i>" not in page and "<b>s" not in page
    assert "(a picture that cannot be read)" in page and "<img" not in page


def test_long_completions_are_cut_with_a_count():
    row = ("r", "p", "x" * 2500, None, False, False, True)

    class Db:
        def execute(self, *_):
            return self

        def fetchall(self):
            return [row]

    answer = viewer._answers(Db(), "in_domain", ["p"])["r", "p"]
    assert (len(answer["text"]), answer["left_out"]) == (viewer.LONGEST, 500)
