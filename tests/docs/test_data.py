"""The page about one's own problems: its tables are whole, and its recipe reads rows of the shape it speaks of."""

import json
import re

import pytest
import yaml
from figures import ROOT
from PIL import Image

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import compose
from counterpoint.problem import encode_png
from counterpoint.sources import converters, folder, load, mapping

PAGE = (ROOT / "docs/data.md").read_text(encoding="utf-8")
COLOURS = ["green", "white", "cyan", "orange"]


def section(title: str, end: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition(end)[0]


@pytest.fixture
def games(tmp_path):
    """Three games as GameQA has them, twelve rows each: positions from 1, letters, and words without options."""
    own = {
        "hue": lambda n: {"answer": 1 + n % 4, "options": COLOURS, "plot_level": "Easy"},
        "sokoban": lambda n: {"answer": "ABCD"[n % 4], "Options": COLOURS, "plot_level": "medium"},
        "maze": lambda n: {"answer": ["seven", 7, "3.5"][n % 3], "plot_level": "Hard"},
    }
    for number, (game, of) in enumerate(own.items()):
        home = tmp_path / game / f"{game}_dataset_example"
        (home / "images").mkdir(parents=True)
        rows = []
        for n in range(12):
            image = f"images/{n}.png"
            (home / image).write_bytes(encode_png(Image.new("RGB", (4, 4), (number, n, 7))))
            same = {"data_id": f"{game}-{n}", "question": f"{game} {n} ?", "analysis": "so", "image": image}
            rows.append(same | {"state": f"states/{n}.json"} | of(n))
        (home / "data.json").write_text(json.dumps(rows, indent=1))
    return tmp_path


def test_the_recipe_for_many_kinds_of_rows_reads_them_all_rightly(games):
    (text,) = re.findall(r"^```yaml\n(source:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    data = compose.study("default", ROOT / "studies")
    data["source"] |= yaml.safe_load(text)["source"] | {"path": str(games)}
    data["problems"] |= {"per_suite": 4, "per_probe": 2}
    data["suites"] = ["in_domain", "rule_shift"]
    study = params.parse(data)
    problems, rejects = folder.read(study.source)
    assert rejects == [] and len(problems) == 36
    answers = {p.problem_id: p.answer for p in problems}
    assert [answers[f"hue-{n}"] for n in range(4)] == [answers[f"sokoban-{n}"] for n in range(4)] == COLOURS
    assert [answers[f"maze-{n}"] for n in range(3)] == ["seven", "7", "3.5"]
    assert {p.family: p.difficulty for p in problems} == {"hue": 1, "sokoban": 2, "maze": 3}
    assert all(len(p.images) == 1 and p.reasoning == "so" for p in problems)
    split = list(load(study)[0])
    assert {p.family for p in split if p.split == "rule_shift"} == {"maze", "sokoban"}
    assert {p.family for p in split if p.split in ("train", "in_domain")} == {"hue"}


def test_the_doubt_on_the_page_is_told_in_its_very_words(tmp_path):
    directions = ["left", "right", "up", "down"]
    answers = [(4, directions), ("3", ["5", "4", "3", "6"]), ("2", ["7", "1", "2", "9"]), (1, directions)]
    rows = [{"question": f"{n} ?", "answer": a, "options": options} for n, (a, options) in enumerate(answers)]
    (tmp_path / "sokoban").mkdir()
    (tmp_path / "sokoban/data.json").write_text(json.dumps(rows))
    data = compose.study("default", ROOT / "studies")
    data["source"] |= {"kind": "folder", "path": str(tmp_path), "pattern": "*/data.json", "family": "folder"}
    data["source"]["name"] = "gameqa"
    data["source"]["fields"] = {name: name for name in ("question", "answer", "options")}
    with pytest.raises(UserError) as error:
        load(params.parse(data))
    (message,) = re.findall(r"^```\nerror: (params.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert " ".join(message.split()) == str(error.value)


def test_every_converter_and_every_way_of_mapping_is_explained():
    text = section("How a field is read", "\n### ")
    listed = set(re.findall(r"`(\w+)`", text))
    assert listed >= set(converters.CONVERTERS)
    assert all(f"{key}:" in text for key in mapping.KEYS)


def test_the_ways_of_mapping_on_the_page_are_right():
    fields = {"question": "q", "answer": "a", "options": "o"}
    text = section("How a field is read", "\n### ")
    examples = [yaml.safe_load(example) for example in re.findall(r"^\| `(\w+: .*?)` \|", text, re.MULTILINE)]
    assert len(examples) == 9
    for example in examples:
        assert not list(mapping.mistakes(fields | example)), example
    families = re.findall(r"^\| `(.+?)` \|", section("Families", "\n## "), re.MULTILINE)[1:]
    assert len(families) == 4
    for example in families:
        assert not list(mapping.spec_mistakes(yaml.safe_load(example), "family")), example
