import re
from dataclasses import replace

import duckdb
import pyarrow.parquet as pq
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
    assert not re.search(r"src=\"(?!data:image/)|href=\"(?!#)|url\(|@import|javascript:", page)


def test_every_suite_shows_eight_problems_with_every_run(page, full):
    assert page.count('<article class="problem ') == 8 * 5
    assert page.count('class="answer ') == 8 * 5 * len(full.results.runs)
    assert page.count("<img ") == 8 * 4  # the text twin shows words
    for name in viewer.VERDICTS:
        assert f'class="answer {name} verdict-' in page


def test_of_several_seeds_the_first_is_shown_and_that_is_said(seeds, tmp_path):
    path = tmp_path / "samples.html"
    viewer.write(seeds.results, seeds.tables, seeds.problems, path)
    page, results = path.read_text(encoding="utf-8"), seeds.results
    assert page.count('<article class="problem ') == 6 * len(results.suites)
    assert page.count('class="answer ') == 6 * len(results.suites) * len(results.arms)
    assert "of the first seed of every arm" in page and "seed 1" in page and "seed 2" not in page
    assert f"the {len(results.runs) - len(results.arms)} runs with\nother seeds" in page
    assert len(page) < 2_000_000


def test_one_seed_is_shown_whole(page):
    assert "first seed" not in page and "of every run" in page


def test_both_families_are_shown(page):
    assert page.count("<small>count,") == page.count("<small>grid,") == 20


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
    with duckdb.connect() as db:
        db.execute(
            "create table evals as select 'r' as run_id, 'in_domain' as suite, 'p' as problem_id, "
            "'normal' as condition, 'greedy' as decoding, 0 as sample_index, "
            "repeat('x', 2500) as completion, null as extracted, false as correct, false as parsed, true as truncated"
        )
        db.execute(
            "create table traces as select run_id, suite, problem_id, decoding, sample_index, 0 as step_index, "
            "'compute' as kind, 'xx' as text, true as correct from evals"
        )
        answer = viewer._answers(db, "in_domain", ["p"])["r", "p"]
    assert answer["pieces"] == [("x" * viewer.LONGEST, False)]
    assert (answer["left_out"], answer["verdict"]) == (500, "truncated")


def test_false_steps_are_marked_where_they_stand():
    text = "<think>1 + 1 = 3 . 2 + 2 = 4 . 1 + 1 = 3 .</think>"
    assert viewer.marked(text, ["1 + 1 = 3", "not in it", "1 + 1 = 3"]) == [
        ("<think>", False), ("1 + 1 = 3", True), (" . 2 + 2 = 4 . ", False), ("1 + 1 = 3", True), (" .</think>", False),
    ]  # fmt: skip
    assert viewer.marked("abc", []) == [("abc", False)] and viewer.marked("", ["x"]) == []


def test_each_answer_marks_the_steps_that_the_table_calls_false(page, full):
    assert '<mark title="a false step">seven</mark>' in page
    rows = [row for row in pq.read_table(full.tables / "traces.parquet").to_pylist() if row["suite"] == "in_domain"]
    assert any(not row["correct"] for row in rows if row["kind"] == "answer")
    assert "the answer does not follow from this reasoning" in page


def test_every_problem_has_an_anchor_that_is_linked(page):
    anchors = re.findall(r'<article class="problem [^"]*" id="([^"]+)">', page)
    assert len(anchors) == len(set(anchors)) == 8 * 5
    assert re.findall(r'<a href="#([^"]+)">', page) == anchors


def test_there_is_a_filter_for_each_verdict_model_family_and_arm_and_for_problems_on_which_arms_differ(page, full):
    arms = {arm.name for arm in full.results.arms}
    for prefix, count in (("verdict", 4), ("model", 3), ("family", 2), ("arm", len(arms))):
        boxes = re.findall(rf'<input type="checkbox" id="{prefix}-(\d+)">', page)
        assert boxes == [str(number) for number in range(count)]
        for number in boxes:
            rule = f"body:has(.{prefix} :checked):not(:has(#{prefix}-{number}:checked)) .{prefix}-{number}"
            assert f"{rule} {{ display: none; }}" in page
        assert f'<fieldset class="{prefix}">' in page
    assert '<input type="checkbox" id="differ">' in page
    for article in page.split("<article ")[1:]:
        differs = any(
            len(set(re.findall(r'<div class="answer (\w+) ', section))) > 1
            for section in article.split("<section ")[1:]
        )
        assert (" differs" in article.split(">")[0]) == differs


def test_it_has_a_dark_form(page):
    assert "@media (prefers-color-scheme: dark)" in page and 'name="color-scheme" content="light dark"' in page
    style = page.split("<style>")[1].split("</style>")[0]
    colours = re.findall(r"#[0-9a-fA-F]{3,6}\b", re.sub(r":root \{[^}]*\}", "", style))
    assert set(colours) <= {"#fff"}  # everything else is a variable; a picture keeps its white ground
