"""The pictures of the factors, and what report.md says of them, on a made-up study."""

from dataclasses import replace
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from counterpoint.errors import UserError
from counterpoint.report import factors, frontier, labels, phase, read, split, style, text
from counterpoint.report.read import rows_of
from tests.counterpoint.factors import made_up

DRAWN = ("phase.png", "frontier_tiny.png", "split.png")


@pytest.fixture(scope="module")
def marts():
    """The marts of the factors over the grid of a published study."""
    return {name: made_up.rows_of(made_up.shared(), name) for name in (*factors.MARTS, "trace_kinds", "arm_contrasts")}


@pytest.fixture(scope="module")
def database(tmp_path_factory, marts):
    """The same marts as Parquet, read as the report reads them; of what accuracy cost, one model's."""
    folder = tmp_path_factory.mktemp("marts")
    for name, rows in {**marts, "cost_curve": [r for r in marts["cost_curve"] if r["model"] == "tiny"]}.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    with read.connect(folder, factors.MARTS) as db:
        yield db


def cell(**changed) -> dict:
    """A row of `phase`."""
    row = {
        "model": "tiny", "sample": "2k", "problems": 2000, "kind": "oracle", "suite": "in_domain", "sft_arm": "sft",
        "seeds": 3, "n": 100, "base_accuracy": 0.3, "sft": 0.5, "rl": 0.4, "difference": 0.1, "low": 0.05,
        "high": 0.15, "p": 0.01, "significant": True,
    }  # fmt: skip
    return {**row, **changed}


def spent(arm: str, accuracy: float, **changed) -> dict:
    """A row of `cost_curve`, efficient by nothing."""
    row = {
        "model": "tiny", "arm": arm, "method": "base" if arm == "base" else "sft", "sample": None if arm == "base" else
        "2k", "problems": 2000, "kind": None, "seeds": 3, "n": 100, "accuracy": accuracy, "low": accuracy - 0.03,
        "high": accuracy + 0.03, "total_prompts": 100.0, "sampled_tokens": 0.0, "spent_seconds": 1.0,
        "efficient_by_prompts": False, "efficient_by_tokens": False, "efficient_by_seconds": False,
    }  # fmt: skip
    return {**row, **changed}


def words(figure: Figure) -> list[str]:
    return [found.get_text() for found in figure.findobj(Text) if found.get_text()]


def test_every_picture_is_drawn_from_the_tables_and_the_same_bytes_each_time(database, tmp_path):
    first, second = (factors.draw(database, tmp_path / name) for name in "ab")
    assert [path.name for path in first] == sorted(DRAWN, key=[path.name for path in first].index)
    assert {path.name for path in first} == set(DRAWN)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        with Image.open(one) as image:
            # at 390 pixels across, as on a phone, the smallest letters are 8 pixels high
            assert 900 <= image.width <= 390 / (8 / (style.SMALLEST / 72)) * 200


def test_nothing_leaves_the_sheet_and_no_letter_is_smaller_than_stated(database, tmp_path, monkeypatch):
    drawn = []

    def look(figure, *_, **__):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        inked = figure.get_tightbbox(canvas.get_renderer())
        assert inked.x0 >= 0 and inked.y0 >= 0
        assert inked.x1 <= figure.get_figwidth() and inked.y1 <= figure.get_figheight()
        assert all(t.get_fontsize() >= style.SMALLEST for t in figure.findobj(Text) if t.get_text())
        drawn.append(figure)

    monkeypatch.setattr(Figure, "savefig", look)
    factors.draw(database, tmp_path)
    assert len(drawn) == len(DRAWN)


def test_a_study_without_such_runs_has_no_picture_and_those_of_another_go(tmp_path, small_grids):
    with duckdb.connect() as db:
        for name, rows in {"phase": [cell()], "cost_curve": [spent("base", 0.3)], "split_curve": [cell()]}.items():
            db.register(f"{name}_rows", pa.Table.from_pylist(rows))
            db.execute(f"create table {name} as from {name}_rows limit 0")
        for name in (*DRAWN, "findings.png"):
            (tmp_path / name).write_bytes(b"of the study before")
        assert factors.draw(db, tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["findings.png"]
    assert factors.section(small_grids["bases only"], "plots") == []


def test_a_table_that_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match=r"phase\.parquet: no such table"), read.connect(tmp_path, factors.MARTS):
        pass


def test_a_cell_says_how_far_which_is_ahead_and_whether_it_is_told_apart(figures, tmp_path):
    rows = [
        cell(), cell(model="small", base_accuracy=0.4, difference=-0.2, low=-0.3, high=-0.1),
        cell(sample="20k", problems=20000, difference=0.02, low=-0.01, high=0.05, significant=False, seeds=1),
        cell(kind="noisy", difference=-0.0004, low=-0.1, high=0.1, significant=False), cell(suite="text_twin", sft=0.9),
    ]  # fmt: skip
    assert phase.draw(rows, tmp_path / "x.png")
    (figure,) = figures
    said = words(figure)
    assert said.count("n.s.") == 2 and {"+10.0", "−20.0", "+2.0¹", "+0.0"} <= set(said)
    assert [axes.get_title("left") for axes in figure.axes[:2]] == ["oracle", "noisy"]
    assert "¹ so many seeds; the intervals of one are over problems alone" in said
    assert "not run" in said  # small on 20k, and small with noisy traces
    assert ("base 40 %" in said) and said.index("tiny") < said.index("small")  # the weakest base lowest
    hatched = [patch for axes in figure.axes for patch in axes.patches if patch.get_hatch()]
    assert len(hatched) == 2


def test_colours_are_the_methods_pale_where_nothing_is_told_apart_and_the_same_about_zero():
    plain, half, full = (cell(difference=d) for d in (0.001, 0.1, 0.2))
    assert phase.tint(full, 20.0) == style.colour("sft")
    assert phase.tint(cell(difference=-0.3), 20.0) == style.colour("rl")
    light = [phase.luminance(phase.tint(row, 20.0)) for row in (plain, half, full)]
    pale = phase.luminance(phase.tint(cell(difference=0.2, significant=False), 20.0))
    assert pale > light[0] > light[1] > light[2] and pale > 0.85
    for share in (0.01, 0.1, 0.19):
        both = [phase.tint(cell(difference=sign * share), 20.0) for sign in (1, -1)]
        assert both[0] != both[1]
    assert (phase.reach([cell(difference=-0.31)]), phase.reach([cell(significant=False)])) == (40.0, 10.0)
    assert phase.luminance("#ffffff") == pytest.approx(1.0) and phase.luminance("#000000") == 0.0
    assert phase.luminance("#767676") == pytest.approx((1 + 0.05) / 4.54 - 0.05, abs=1e-3)  # WCAG's grey of 4.54 : 1


def test_kinds_come_in_their_order_and_panels_stay_in_the_sheet(marts):
    rows = [row for row in marts["phase"] if row["suite"] == "in_domain"]
    panels = phase.laid_out(rows, 1.0, 2.0)
    assert [panel.kind for panel in panels] == list(phase.FIRST)
    assert [name for _, name in panels[0].samples] == ["200", "500", "2k", "5k", "20k"]
    assert all(panel.left + panel.width <= 1.0 + phase.ROOM + 1e-9 for panel in panels)
    for line in {panel.top for panel in panels}:
        beside = sorted((p.left, p.left + p.width) for p in panels if p.top == line)
        assert all(first[1] < second[0] for first, second in pairwise(beside))


def test_what_cost_nothing_has_a_place_of_its_own_before_the_first_decade():
    rows = [
        spent("base", 0.3, total_prompts=0.0),
        spent("a", 0.4, total_prompts=250.0),
        spent("b", 0.5, total_prompts=20000.0),
    ]
    scale = frontier.scale_of(rows, "total_prompts", 4.5)
    assert scale.least == 100.0 and scale.x(100) - scale.x(0) == pytest.approx(frontier.NONE)
    assert scale.x(0) > 0 and scale.x(20000) < 4.5
    assert scale.x(10_000) - scale.x(1000) == pytest.approx(scale.x(1000) - scale.x(100))
    assert 0 <= scale.y(0.27) < scale.y(0.53) <= frontier.PANEL
    without = frontier.scale_of(rows[1:], "total_prompts", 4.5)
    assert without.x(100) < frontier.NONE
    assert [frontier.rounded(n) for n in (0.1, 1, 100, 1e4, 1e6, 1e9)] == ["0.1", "1", "100", "10k", "1M", "1G"]


def test_the_frontier_is_a_step_line_through_the_efficient_arms_which_alone_are_named(figures, tmp_path):
    rows = [
        spent("base", 0.3, total_prompts=0.0, efficient_by_prompts=True),
        spent("good", 0.5, total_prompts=1000.0, efficient_by_prompts=True),
        spent("bad", 0.4, total_prompts=2000.0, sampled_tokens=None),
        spent("best", 0.6, total_prompts=4000.0, efficient_by_prompts=True, efficient_by_tokens=True),
    ]  # fmt: skip
    untimed = [{**row, "spent_seconds": None} for row in rows if row["arm"] != "base"] + rows[:1]
    frontier.draw(untimed, tmp_path / "x.png")
    (figure,) = figures
    assert [axes.get_xlabel() for axes in figure.axes] == [frontier.MEASURES[m][1] for m in list(frontier.MEASURES)[:2]]
    prompts, tokens = figure.axes
    assert {"base", "good 2k", "best 2k"} <= set(words(prompts)) and "bad 2k" not in words(figure)
    assert "best 2k" in words(tokens) and "good 2k" not in words(tokens)
    assert all(axes.get_xticklabels()[0].get_text() == "0" for axes in figure.axes)
    scale = frontier.scale_of(rows, "total_prompts", 4.54)
    (line,) = [line for line in prompts.lines if line.get_drawstyle() == "steps-post"]
    assert list(line.get_ydata()) == pytest.approx([scale.y(a) for a in (0.3, 0.5, 0.6, 0.6)])
    assert list(line.get_xdata()) == pytest.approx([*(scale.x(c) for c in (0, 1000, 4000)), 4.54], abs=0.02)


def test_names_lie_near_their_points_in_the_room_and_on_nothing():
    points = [(0.1, 1.0), (0.4, 1.1), (0.45, 1.12), (4.4, 1.9)]
    names = ["first arm 2k", "second arm 2k", "third arm 20k", "the last one 20k"]
    taken = [labels.Box(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in points]
    boxes = labels.placed(names, points, taken, [labels.Box(0.5, 1.2, 1.5, 1.5)], (4.5, 2.0))
    for place, box in enumerate(boxes):
        assert box.left >= 0 and box.bottom >= 0 and box.right <= 4.5 and box.top <= 2.0
        assert not any(box.meets(other) for other in [*taken, *boxes[:place]])
        x, y = points[place]
        assert np.hypot(max(box.left - x, x - box.right, 0), max(box.bottom - y, y - box.top, 0)) < 1.0
    assert labels.Box(0, 0, 1, 1).meets(labels.Box(1, 0.5, 2, 0.5))
    assert not labels.Box(0, 0, 1, 1).meets(labels.Box(1.1, 0, 2, 1))
    # with no free place at all it still finds one
    assert len(labels.placed(["a"], [(0.2, 0.2)], [labels.Box(0, 0, 9, 9)], [], (0.5, 0.5))) == 1


def test_the_split_has_a_panel_a_sample_and_suite_and_the_costs_below(figures, marts, tmp_path):
    assert split.draw(marts["split_curve"], tmp_path / "x.png")
    (figure,) = figures
    assert [axes.get_title("left") for axes in figure.axes[::2]] == ["in_domain", "text_twin", "rule_shift"]
    assert [axes.get_title("right") for axes in figure.axes[:2]] == ["500 problems", "2,000 problems"]
    ticks = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert ticks == ["0\nall RL", "25", "50", "75", "100\nall SFT"]
    said = words(figure)
    assert {"updates", "s, tiny", "125", "102", "79", "56", "32"} <= set(said)
    thick = [line for line in figure.axes[1].lines if line.get_linewidth() == 2.0]
    assert len(thick) == len(made_up.BASES)
    rows = [r for r in marts["split_curve"] if (r["model"], r["sample"], r["suite"]) == ("tiny", "2k", "in_domain")]
    means = [100 * row["accuracy"] for row in rows]
    assert any(list(line.get_ydata()) == pytest.approx(means) for line in thick)
    assert not split.draw([], tmp_path / "y.png")


def test_the_report_says_what_the_marts_say(full, marts, tmp_path):
    results = replace(full.results, marts={**full.results.marts, **marts})
    text.write(results, tmp_path / "report.md")
    said = (tmp_path / "report.md").read_text(encoding="utf-8").split("## The factors")[1].split("\n## ")[0]
    for name in (*DRAWN, "frontier_small.png", "frontier_small_early.png"):
        assert f"(plots/{name})" in said
    cells = [row for row in marts["phase"] if row["suite"] == "in_domain"]
    sft, rl = (sum(r["significant"] and sign * r["difference"] > 0 for r in cells) for sign in (1, -1))
    assert f"SFT is ahead in {sft} and RL in {rl}; in {len(cells) - sft - rl} the interval holds 0." in said
    kinds = {(r["model"], r["sample"], r["kind"], r["suite"]): r for r in marts["trace_kinds"]}
    own, plain = (kinds["tiny", "2k", kind, "in_domain"] for kind in ("self", "oracle"))
    difference = f"{100 * own['difference']:+.1f}".replace("-", "−")
    assert f"| self | 2k | 50.0 | 75.0 | 0.500 | 0.0 | 3 | {100 * own['accuracy']:.1f} | {difference} (" in said
    assert f"| oracle | 2k | – | – | 0.400 | 0.0 | 3 | {100 * plain['accuracy']:.1f} | – |" in said
    contrasts = [r for r in marts["arm_contrasts"] if r["suite"] == "in_domain"]
    against = [r for r in contrasts if r["against"] == "rl" and r["significant"]]
    worse = sum(r["difference"] < 0 for r in against)
    assert f"against `rl` {len(against) - worse} better, against `rl` {worse} worse, of {len(contrasts)}" in said
    (told,) = [
        r for r in contrasts if (r["model"], r["arm"], r["sample"], r["against"]) == ("tiny", "dft", "2k", "sft")
    ]
    difference = f"{100 * told['difference']:+.1f}".replace("-", "−")
    assert f"| dft | 2k | {told['seeds']} | {100 * told['accuracy']:.1f} | {difference} (" in said
    split_rows = {(r["model"], r["sample"], r["suite"], r["share"]): r["accuracy"] for r in marts["split_curve"]}
    shares = [split_rows["tiny", "2k", "in_domain", share] for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    (line,) = [line for line in said.splitlines() if line.startswith("| tiny | 2k | ")]
    assert [part.split(" ")[0] for part in line.strip("| ").split(" | ")[2:]] == [f"{100 * a:.1f}" for a in shares]
    assert "seconds" not in said.replace("By seconds too", "")  # what a clock decides is not in report.md
    assert "None" not in said and "nan" not in said and "Left out" not in said


def test_kinds_that_were_trained_otherwise_are_named(full, marts):
    held = [r for r in marts["trace_kinds"] if r["kind"] not in ("self", "noisy") or (r["model"], r["sample"]) == (
        "tiny", "2k")]  # fmt: skip
    results = replace(full.results, marts={**full.results.marts, **marts, "trace_kinds": held})
    said = "\n".join(factors.section(results, "plots"))
    (line,) = [line for line in said.splitlines() if line.startswith("Left out")]
    named = dict(part.strip(").").split(" (") for part in line.partition("its traces: ")[2].split("; "))
    places = {"small 500", "small 2k", "small_early 500", "small_early 2k", "tiny 500"}
    assert {kind: set(told.split(", ")) for kind, told in named.items()} == {"self": places, "noisy": places}
    alone = [row for row in held if row["kind"] == "oracle"]  # one kind left: no table of kinds, but it is said
    results = replace(results, marts={**results.marts, "trace_kinds": alone})
    assert "Left out, for SFT on it" in "\n".join(factors.section(results, "plots"))


def test_rows_of_a_query_are_mappings():
    with duckdb.connect() as db:
        assert rows_of(db, "select 1 as a, 'x' as b") == [{"a": 1, "b": "x"}]
