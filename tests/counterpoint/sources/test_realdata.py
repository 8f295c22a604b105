"""The importers on real files that nobody made for them: counts as their README has them."""

import dataclasses
import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import compose
from counterpoint.problem import Picture
from counterpoint.sources import folder, load
from counterpoint.sources.converters import nlvr_scene

STUDIES = Path(__file__).parents[3] / "studies"


def settings(study: str, path: Path) -> params.Params:
    data = compose.study(study, STUDIES)
    data["source"]["path"] = str(path)
    return params.parse(data)


def sizes_hold(study: params.Params, splits: Counter) -> None:
    assert splits["train"] >= max(study.sampling.sizes.values())
    assert splits["in_domain"] == study.problems.per_suite


def test_puzzlevqa_gives_300_problems_and_1700_rejects(realdata):
    study = settings("puzzlevqa", realdata("puzzlevqa"))
    found, rejects = load(study)
    problems = list(found)
    assert (len(problems), len(rejects)) == (300, 1700)
    assert all("is missing" in r["reason"] for r in rejects) and {r["line"] for r in rejects} == set(range(16, 101))
    assert len({p.family for p in problems}) == 20
    assert all(p.text_twin and p.reasoning and p.answer in p.options for p in problems)
    assert {p.family for p in problems if p.split == "rule_shift"} == set(study.source.held_out_families)
    sizes_hold(study, Counter(p.split for p in problems))


def test_nlvr_gives_989_problems_whose_groups_and_pictures_never_part(realdata):
    study = settings("nlvr", realdata("nlvr"))
    found, rejects = load(study)
    problems = list(found)
    assert (len(problems), rejects) == (989, [])
    assert all(p.text_twin and p.reasoning and p.options == ("true", "false") and len(p.images) == 1 for p in problems)
    assert Counter(p.answer for p in problems) == {"true": 547, "false": 442}
    for key in (lambda p: p.problem_id.partition("-")[0], lambda p: p.images[0]):
        together: dict = {}
        for p in problems:
            together.setdefault(key(p), set()).add((p.state_id, p.split))
        assert {len(group) for group in together.values()} == {1}
    # 267 presentations; three pairs of them share a picture
    assert len({p.state_id for p in problems}) == 264
    sizes_hold(study, Counter(p.split for p in problems))


def test_nlvr_scenes_say_what_the_pictures_show(realdata):
    """The colour at each object's middle, where the words place it, is the one they name."""
    root = realdata("nlvr")
    colours = {"blue": (0, 153, 255), "black": (0, 0, 0), "yellow": (255, 255, 0)}
    sizes = {"small": 10, "medium": 20, "large": 30}
    right = seen = 0
    for line in (root / "dev.jsonl").read_text().splitlines()[:60]:
        row = json.loads(line)
        picture = root / "images" / row["directory"] / f"dev-{row['identifier']}-0.png"
        pixels = np.asarray(Picture.of(picture.read_bytes()).decode())
        boxes = nlvr_scene(row["structured_rep"], None).split("box ")[1:]
        assert [len(box.split(" ; ")) for box in boxes] == [len(box) for box in row["structured_rep"]]
        for left, box in zip((0, 150, 300), boxes, strict=True):
            for thing in box.partition(":")[2].rstrip(" .").split(" ; "):
                size, colour, _, _, x, y = thing.split()
                middle = sizes[size] // 2
                seen += 1
                right += tuple(pixels[int(y) + middle, left + int(x) + middle]) == colours[colour]
    assert seen > 400 and right == seen


def test_puzzles_whose_answers_are_written_otherwise_come_back_as_they_were(realdata, tmp_path):
    """In the shape of GameQA: letters, numbers from 1, or no options at all; and a column under two names."""
    wanted = {}
    ways, numbered = itertools.cycle(["text", "letter", "number"]), itertools.cycle(["number", "letter", "none"])
    for file in sorted((realdata("puzzlevqa") / "data").glob("*.json")):
        rows, puzzles = [], [json.loads(line) for line in file.read_text().splitlines()]
        words = not any(str(puzzle["answer"]).isdigit() for puzzle in puzzles)
        way = next(ways) if words else next(numbered)
        for number, row in enumerate(puzzles):
            options, name = [str(option) for option in row["options"]], f"{file.stem}-{number}"
            position, wanted[name] = options.index(str(row["answer"])), str(row["answer"])
            answers = {"letter": "ABCDEF"[position], "number": position + 1}
            rows.append({"id": name, "q": row["question"], "a": answers.get(way, row["answer"])})
            if way != "none":
                rows[-1]["options" if way == "letter" else "Options"] = options
        (tmp_path / file.stem).mkdir()
        (tmp_path / file.stem / "data.json").write_text(json.dumps(rows))
    study = settings("puzzlevqa", tmp_path)
    fields = {"id": "id", "question": "q", "options": {"first": ["options", "Options"], "optional": True}}

    def read(*converters: str) -> dict[str, str]:
        answer = {"column": "a", "with": list(converters)} if converters else "a"
        source = dataclasses.replace(
            study.source, fields={**fields, "answer": answer}, family="folder", held_out_families=[]
        )
        problems, rejects = folder.read(source)
        assert rejects == []
        return {p.problem_id: p.answer for p in problems}

    assert read("letter", "index_from_1", "text") == wanted
    for converters in (["letter", "index", "text"], ["letter", "index"], []):
        with pytest.raises(UserError, match=r"of 100 answers of family '\w+' .*index_from_1 \(1 is the first\) 100;"):
            read(*converters)


def test_gsm8k_gives_7473_and_1319_problems_with_answers_and_reasoning(realdata):
    study = settings("gsm8k", realdata("gsm8k"))
    problems, rejects = folder.read(study.source)
    assert rejects == [] and Counter(p.split for p in problems) == {"train": 7473, "in_domain": 1319}
    assert Counter(p.answer_type for p in problems) == {"integer": len(problems)}
    assert not any(p.images or "<<" in p.reasoning or "####" in p.reasoning for p in problems)
    with_commas = [p for p in problems if "," in p.answer]
    assert len(with_commas) > 50 and all(p.answer.replace(",", "").lstrip("-").isdigit() for p in with_commas)
    splits = Counter(p.split for p in load(study)[0])
    assert splits == {"train": 7473 - 16, "probe": 16, "in_domain": 64}


@pytest.mark.parametrize("study", ["gsm8k", "math500"])
def test_studies_of_words_alone_are_asked_blind_too(study):
    """Blind is then without the question, or with another's: `counterpoint.suites.views`."""
    assert {"normal", "no_image"} <= set(compose.study(study, STUDIES)["evaluation"]["base_conditions"])
