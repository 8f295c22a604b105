import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint.report import read
from counterpoint.report.text import page

PUBLISHED = Path("metrics/published/published")


def report(made, folder: Path, **changes) -> str:
    page.write(replace(made.results, **changes), made.tables, folder / "report.md")
    return (folder / "report.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> list[list[str]]:
    """The cells of the table below a heading, without its header."""
    below = text[text.index(f"\n## {title}\n") + 1 :].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows][2:]


def with_table(made, folder: Path, name: str, change):
    """The study with the rows of a table changed; `change` gives the new values of a row."""
    tables = folder / "tables"
    tables.mkdir()
    for path in made.tables.iterdir():
        (tables / path.name).symlink_to(path)
    table = pq.read_table(made.tables / f"{name}.parquet")
    rows = [{**row, **change(row)} for row in table.to_pylist()]
    (tables / f"{name}.parquet").unlink()
    pq.write_table(pa.Table.from_pylist(rows, table.schema), tables / f"{name}.parquet")
    return type(made)(tables=tables, results=read.load(tables, "fake"))


def test_it_is_the_same_each_time_and_says_what_was_run(full, tmp_path):
    text = report(full, tmp_path)
    assert text == report(full, tmp_path / "again")
    assert text.startswith("# Study `fake`\n") and "2k (4), 20k (8)." in text
    rows = section(text, "What was run")
    assert [row[0] for row in rows] == full.results.models
    assert rows[0][1:5] == ["100", "6", "6", "0"]
    for name in ("findings", "shift_curves", "reward_vs_accuracy", "accuracy_by_arm", "sft_2k_vs_rl_20k"):
        assert f"(plots/{name}.png)" in text
    assert text.count("\n![") == 3


def test_the_findings_stand_as_the_mart_has_them(seeds, tmp_path):
    text, rows = report(seeds, tmp_path), seeds.results.marts["findings"]
    primary = [
        row for row in rows if row["role"] == "primary" and row["effect"] is not None and row["matched_on"] == "end"
    ]
    shown = section(text, "Findings")
    findings = {row["finding"] for row in rows}
    untested = findings - {row["finding"] for row in primary}
    assert len(shown) == len(primary) + len(findings) + len(untested)
    for row in primary:
        what = [row["contrast"], row["model"], row["suite"]]
        (cells,) = [cells for cells in shown if [cell.removesuffix(" †") for cell in cells[:3]] == what]
        assert cells[6] == str(row["seeds"]) and cells[8] == row["verdict"]
        if row["finding"] == "reward_truth":
            assert cells[3] == f"{row['effect']:.1f} % ({row['low']:.1f} to {row['high']:.1f})"
            assert (cells[4], cells[7]) == ("10 %", f"{row['n']} runs")
            continue
        number, places = (row["effect"], 1) if row["unit"] == "points" else (row["effect_logits"], 2)
        assert cells[3].startswith(f"{number:+.{places}f} (".replace("-", "−")) and cells[7] == str(row["n"])
    for row in rows:
        heads = [cells for cells in shown if cells[0] == f"**{row['finding']}**: {row['claim']}"]
        assert len(heads) == 1 and heads[0][8].startswith(f"**{row['finding_verdict']}")


def test_what_a_clock_decides_is_not_in_it(seeds, tmp_path):
    timed = with_table(
        seeds, tmp_path, "findings", lambda row: {"effect": 77.7} if row["matched_on"] == "seconds" else {}
    )
    assert report(timed, tmp_path) == report(seeds, tmp_path / "unchanged")


@pytest.mark.parametrize("name", ["one model", "no rl", "bases only", "two seeds", "one problem"])
def test_any_grid_is_reported(name, small_studies, tmp_path):
    text = report(small_studies[name], tmp_path)
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    rewards = [] if name in ("no rl", "bases only") else ["Does the reward tell the truth?"]
    costs = [] if name == "bases only" else ["What accuracy costs"]
    assert titles == [
        "Findings", "Pictures", "What was run", "Before you rely on it", "Accuracy",
        "Suites and their blind baselines", *rewards, *costs, "Everything else", "Glossary",
    ]  # fmt: skip
    assert "None" not in text and "nan" not in text
    assert all(line.count(" | ") == text.splitlines()[number - 1].count(" | ") for number, line in
               enumerate(text.splitlines()) if line.startswith("| ---"))  # fmt: skip


def test_a_finding_that_cannot_be_tested_says_why(small_studies, tmp_path):
    shown = section(report(small_studies["bases only"], tmp_path), "Findings")
    assert sum(cells[0].startswith("No model of this study") for cells in shown) == 4
    assert sum(cells[0].startswith("No honest RL run of this study has the ten probes") for cells in shown) == 1


def test_accuracy_is_that_of_the_mart_with_its_interval(seeds, tmp_path):
    shown = {cells[0]: cells for cells in section(report(seeds, tmp_path), "Accuracy")}
    assert list(shown) == [arm.title for arm in seeds.results.arms]
    mart = pq.read_table(seeds.tables / "arm_accuracy.parquet").to_pylist()
    for arm in seeds.results.arms:
        for column, suite in enumerate(seeds.results.core):
            (row,) = [r for r in mart if (r["model"], r["arm"], r["sample"], r["suite"]) == (
                arm.model, arm.arm, arm.sample, suite)]  # fmt: skip
            numbers = [f"{100 * row[name]:.1f}" for name in ("accuracy", "low", "high")]
            mark = " †" if seeds.results.measurable(arm.model, suite) is False else ""
            assert shown[arm.title][5 + column] == "{} ({}–{})".format(*numbers) + mark
    assert shown["tiny · sft 2k"][1] == "3" and shown["tiny · base"][2] == "–"


def test_a_suite_that_the_base_cannot_do_is_marked_and_listed(full, tmp_path):
    text = report(full, tmp_path)
    suites = {(cells[0], cells[1]): cells for cells in section(text, "Suites and their blind baselines")}
    assert len(suites) == 3 * 5
    for row in full.results.marts["blind"]:
        numbers = [f"{100 * row[name]:.1f}" for name in ("no_image", "shuffled_image", "majority")]
        assert suites[row["model"], row["suite"]][4:7] == numbers
    assert suites["small", "text_twin"][7] == "no †" and suites["small", "in_domain"][7] == "yes"
    checks = {cells[0]: cells for cells in section(text, "Before you rely on it")}
    unmeasurable = [row for row in full.results.marts["blind"] if not row["measurable"]]
    count, places = checks["suites of a model that are not measurable"][1:]
    assert count == str(len(unmeasurable)) and set(places.split(", ")) == {
        f"{row['suite']} ({row['model']})" for row in unmeasurable
    }
    accuracy = next(cells for cells in section(text, "Accuracy") if cells[0] == "small · sft 2k")
    assert [cell.endswith(" †") for cell in accuracy[5:]] == [
        full.results.measurable("small", suite) is False for suite in full.results.core
    ]


def test_judges_that_disagree_often_are_counted_with_the_worst_place(full, tmp_path):
    worst = full.tables / "judges.parquet"
    first = pq.read_table(worst).to_pylist()[3]
    key = {name: first[name] for name in ("run_id", "suite", "decoding")}
    for rate, count, where in ((0.021, "1", "{run_id} on {suite}, {decoding} (2.1 %)"), (0.02, "0", "–")):
        folder = tmp_path / count
        folder.mkdir()
        changed = with_table(
            full, folder, "judges",
            lambda row, rate=rate: {"disagreement": rate if key.items() <= row.items() else 0.0},
        )  # fmt: skip
        (cells,) = [c for c in section(report(changed, folder), "Before you rely on it") if "two judges" in c[0]]
        assert cells[1] == count and cells[2].removeprefix("most: ") == where.format(**key)


def test_runs_that_did_not_complete_and_few_seeds_are_said(small_studies, tmp_path):
    made = with_table(
        small_studies["two seeds"], tmp_path, "runs",
        lambda row: {"status": "stopped"} if row["run_id"] == "rl-tiny-2k-1" else {},
    )  # fmt: skip
    stopped, seeds, *_ = section(report(made, tmp_path), "Before you rely on it")
    assert stopped[1:] == ["1", "rl-tiny-2k-1 (stopped)"] and seeds[1] == "2"


def test_rewards_are_told_as_the_mart_has_them_and_planted_ones_with_their_exploits(planted, tmp_path):
    *shown, total = section(report(planted, tmp_path), "Does the reward tell the truth?")
    mart = {
        row["arm"]: row for row in pq.read_table(planted.tables / "deceptive_arms.parquet").to_pylist()
        if row["suite"] == "in_domain"
    }  # fmt: skip
    assert {cells[0] for cells in shown} == {f"tiny · {arm} 2k" for arm in mart} and len(shown) == 5
    for cells in shown:
        row = mart[cells[0].split()[2]]
        counts = [row[verdict] for verdict in ("aligned", "deceptive", "saturated", "inconclusive")]
        assert cells[1:6] == ["2", *(str(count or "–") for count in counts)]
        assert cells[6] == row["verdict"]
        assert cells[8].startswith(f"{row['reward_slope']:+.3f} (".replace("-", "−"))
        ends = [f"{100 * row[f'accuracy_slope_{end}']:+.1f}".replace("-", "−") for end in ("low", "high")]
        assert cells[9].endswith(f"({ends[0]} to {ends[1]})")
        assert cells[10] == ("–" if row["arm"] == "rl" else f"{row['exploits_found']} of 2")
    assert total[:2] == ["all 5 arms", "10"]


def test_hostile_names_stay_in_their_cell_and_are_no_html():
    assert page.cell("a|b\nc") == "a\\|b c" and page.cell(None) == "–" and page.cell(3) == 3
    assert page.cell("<script>x</script><!--") == "&lt;script>x&lt;/script>&lt;!--"
    assert page.cell("< 0.001") == "< 0.001"


def test_a_hostile_status_is_escaped_in_the_report(small_studies, tmp_path):
    made = with_table(small_studies["no rl"], tmp_path, "runs", lambda row: {"status": "<img src=x>\n| stopped"})
    text = report(made, tmp_path)
    assert "&lt;img src=x> \\| stopped" in text and "<img" not in text


def test_of_many_arms_the_bases_and_the_representative_ones_are_printed(seeds, monkeypatch, tmp_path):
    monkeypatch.setattr(page, "MOST", 3)
    other = replace(seeds.results, runs=[replace(run, arm="rl_other") if run.arm == "sft_then_rl" else run
                                         for run in seeds.results.runs])  # fmt: skip
    assert not any(arm.arm == "rl_other" for arm in page._printed(other))
    assert f"Of {len(seeds.results.arms)} arms the bases" not in report(seeds, tmp_path)


def test_the_published_study_is_reported_on_a_page_that_one_reads(tmp_path):
    results = read.load(PUBLISHED, "published")
    page.write(results, PUBLISHED, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    committed = (PUBLISHED / "report.md").read_text(encoding="utf-8")
    assert text.replace("](published/", "](") == committed
    for target in re.findall(r"\]\(([^)#]+)\)", committed):
        assert (PUBLISHED / target).is_file(), target


def test_every_query_and_table_that_it_names_is_there():
    text = (page.HERE / "report.md.jinja").read_text(encoding="utf-8")
    queries = {path.stem for path in Path("counterpoint/warehouse/sql/queries").glob("*.sql")}
    below = text.split("## Everything else")[1].split("## Glossary")[0]
    rows = [line.split(" | ")[1] for line in below.splitlines() if line.startswith("| ") and "?" in line]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(rows) == 12 and named <= queries
    assert set(re.findall(r"Q=(\w+)`", text)) - {"NAME"} <= queries
    assert all((PUBLISHED / f"{name}.parquet").is_file() for name in re.findall(r'link\("(\w+)"\)', text))
