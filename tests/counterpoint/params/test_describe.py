"""What the models say of themselves is current, complete and true: the page, the JSON Schema, the comments."""

import json
import re
import subprocess
import sys

import pytest

from counterpoint import params
from counterpoint.files import read_yaml
from counterpoint.params import compose, describe

WRITE = "`python -m counterpoint.params.describe` writes it anew"


@pytest.fixture(scope="module")
def default(root):
    return read_yaml(root / "studies/default.yaml")


def test_the_page_is_current(root, default):
    assert (root / "docs/params.md").read_text(encoding="utf-8") == describe.page(default), WRITE


def test_the_schema_is_current(root):
    # by a process of its own: other tests put names into the registries of this one
    code = "from counterpoint.params import describe; print(describe.schema_text(), end='')"
    made = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert (root / "params.schema.json").read_text(encoding="utf-8") == made, WRITE


def test_the_program_writes_both(root, default, tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "studies").symlink_to(root / "studies")
    monkeypatch.chdir(tmp_path)
    describe.main()
    assert (tmp_path / "docs/params.md").read_text(encoding="utf-8") == describe.page(default)
    assert (tmp_path / "params.schema.json").read_text(encoding="utf-8") == describe.schema_text()


def test_the_comments_of_params_yaml_are_current(root):
    text = (root / "params.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=params.schema.json\n")
    assert compose.dump(read_yaml(root / "params.yaml")) == text, "`compose.dump` writes it anew"


def test_every_key_is_described_in_a_short_first_sentence_and_no_two_of_a_section_alike():
    for name, model in {"Params": describe.ROOT, **describe.ROOT["$defs"]}.items():
        descriptions = {key: node.get("description", "") for key, node in model["properties"].items()}
        for key, text in descriptions.items():
            assert text.endswith(".") and 10 < len(describe.comment({"description": text})) < 110, (
                f"{name}.{key}: {text}"
            )
        assert len(set(descriptions.values())) == len(descriptions), name


def test_the_page_has_every_key_its_range_its_choices_and_its_default(root, default):
    rows = {}
    for line in (root / "docs/params.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            key, *cells = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
            assert len(cells) == 4 and key not in rows
            rows[key.strip("`")] = cells
    assert rows["rl.top_p"][0] == "number" and rows["rl.top_p"][1] == "above 0 and at most 1"
    assert rows["rl.loss_type"][1] == "`grpo` `dapo` `dr_grpo` `bnpo`" and rows["evaluation.base_conditions"][1]
    assert rows["sft.stop_at"][0] == "number, or null" and rows["sft.lora.rank"][1] == "at least 1"
    assert rows["arms.NAME.traces"][3] == '`"oracle"`' and rows["arms.NAME.method"][3] == ""
    assert "those of `sft.lora`" in rows["rl.lora"][2] and "rl.lora.rank" not in rows
    for key, value in default.items():
        if isinstance(value, dict):
            for name, inner in value.items():
                if f"{key}.{name}" in rows and not isinstance(inner, dict) and key != "runs":
                    assert rows[f"{key}.{name}"][3] == f"`{json.dumps(inner, ensure_ascii=False)}`", f"{key}.{name}"
        else:
            assert key in rows or any(row.startswith(f"{key}.") for row in rows)
    listed = {key.rpartition(".")[2] for key in rows} | {key.partition(".")[0] for key in rows}
    for model in (describe.ROOT, *describe.ROOT["$defs"].values()):
        assert set(model["properties"]) <= listed


@pytest.fixture(scope="module")
def checked():
    """The mistakes that the JSON Schema finds in parameters, each as its place and message."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(describe.schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return lambda data: [
        ("/".join(map(str, error.absolute_path)), error.message)
        for error in jsonschema.Draft202012Validator(schema).iter_errors(data)
    ]


def test_the_schema_takes_every_study(root, checked):
    for file in sorted((root / "studies").glob("*.yaml")):
        assert checked(compose.study(file.stem, root / "studies")) == [], file
    assert checked(read_yaml(root / "params.yaml")) == []


def test_the_schema_takes_names_that_yaml_reads_as_numbers(composed, checked):
    data = composed("default")
    data["sampling"]["sizes"] = {200: 200, 2000: 2000}
    data["runs"]["train"] = [{"arm": "rl", "model": "tiny", "sample": "2000", "seed": 0}]
    data["kinds"]["sibling"]["teacher"] = None
    data["kinds"]["sibling"]["way"] = "oracle"
    assert checked(data) == [] and params.parse(data).sampling.sizes == {"200": 200, "2000": 2000}


@pytest.mark.parametrize(
    ("key", "value", "position"),
    [
        ("threds", 1, ""),
        ("rl.learning_rat", 1.0, "rl"),
        ("rl.learning_rate", "fast", "rl/learning_rate"),
        ("rl.learning_rate", -1, "rl/learning_rate"),
        ("rl.group_size", 1, "rl/group_size"),
        ("rl.top_p", 0, "rl/top_p"),
        ("rl.loss_type", "gpro", "rl/loss_type"),
        ("rl.rewards", {"acuracy": 1.0}, "rl/rewards"),
        ("threads", True, "threads"),
        ("threads", 1.5, "threads"),
        ("suites", ["in_domian"], "suites/0"),
        ("sft.lora", {"rank": 8}, "sft/lora"),
        ("sft.stop_at", 2, "sft/stop_at"),
        ("sampling.sizes", {200: 0}, "sampling/sizes/200"),
        ("arms.rl.method", "lr", "arms/rl/method"),
        ("arms.rl.settings", {"bta": 1}, "arms/rl/settings"),
        ("arms.rl.settings", {"beta": -1}, "arms/rl/settings"),
        ("runs.train", [{"arm": "rl", "model": "tiny", "sample": "2k", "seed": -1}], "runs/train/0"),
        ("bases.tiny.batch", 0, "bases/tiny/batch"),
        ("tune.sft.epochs", {"choises": [1]}, "tune/sft/epochs"),
        ("source.fields", {"anwser": "a"}, "source/fields"),
        ("source.fields", {"answer": {"column": "a", "with": "index1"}}, "source/fields/answer"),
        ("source.fields", {"answer": {"column": "a", "first": ["b"]}}, "source/fields/answer"),
        ("source.fields", {"difficulty": {"column": "l", "map": {"Easy": [1]}}}, "source/fields/difficulty"),
        ("source.family", {"template": "games"}, "source/family"),
    ],
)
def test_the_schema_flags_a_wrong_key_type_or_range_in_its_place(changed, checked, key, value, position):
    assert [where for where, _ in checked(changed(key, value))] == [position]


def test_the_schema_takes_every_way_of_mapping_and_says_where_positions_start(changed, checked):
    ways = [
        "a", ["a", "b"], {"column": "a"}, {"first": ["a", "b"], "optional": True}, {"template": "{a}-{b}"},
        {"value": 1},
        {"column": ["a", "b"], "with": "letter", "map": {"x": 1, "y": None, "z": True}},
        {"column": "a", "with": ["letter", "index_from_1"]},
    ]  # fmt: skip
    for way in ways:
        assert checked(changed("source.fields", {"answer": way})) == [] == checked(changed("source.family", way))
    starts = {"index": "counted from 0: 0 is the first", "index_from_1": "counted from 1: 1 is the first"}
    converters = json.loads(describe.schema_text())["$defs"]["Mapped"]["anyOf"][2]["properties"]["with"]["anyOf"][0]
    shown = {entry["const"]: entry["description"] for entry in converters["oneOf"]}
    assert all(start in shown[name] for name, start in starts.items())


def test_a_comment_stands_on_the_line_of_its_key_where_it_is_first_needed(composed):
    lines = compose.dump(composed("default")).splitlines()
    assert "threads: 1  # Torch threads of each process" in lines
    assert "  max_grad_norm: 1.0  # Norm to which larger gradients are cut; 0: none is" in lines
    assert any(line.startswith("suites: [in_domain, ") and line.endswith("  # What is evaluated") for line in lines)
    assert any(line.startswith("rl:  # ") for line in lines)
    weights = [line for line in lines if line.strip().startswith("weight_decay: ")]
    assert len(weights) == 2 and all("# Decoupled" in line for line in weights)  # of two models
    assert not any("#" in line for line in lines if line.startswith("  - {") or line.startswith("  rl: {"))
    assert not any("#" in line for line in lines if line.startswith("    '200'") or line.startswith("  tiny: data"))
    for section in ("sft", "rl", "probe", "evaluation", "distill", "problems"):
        start = next(position for position, line in enumerate(lines) if line.startswith(f"{section}:"))
        end = next(position for position in range(start + 1, len(lines)) if not lines[position].startswith("  "))
        keys = [line for line in lines[start:end] if re.match(r"  \w", line)]
        assert len(keys) > 4 and all("  # " in line for line in keys)


HARD = [
    "a # b", "x: y", "one\ntwo", "one\n\n two\n", " ", "", "'", '"#"', "é # ü", "a\u2028b # c", "- x",
    "# all", "word " * 60, "word # " * 60, "x" * 300, "null", "2k", "1e5", "\t#", "{a: 1}",
]  # fmt: skip


@pytest.mark.parametrize("word", HARD, ids=range(len(HARD)))
def test_comments_change_no_value_and_stay_where_they_are(composed, tmp_path, word):
    data = composed("default")
    data["prompt"]["instruction"] = data["source"]["name"] = word
    data["suites"] = [word, "in_domain", word]
    data["source"]["fields"] = {"question": word, "images": [word, word], word: {word: word}}
    data["models"][word] = word
    text = compose.dump(data)
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8", newline="")
    with (tmp_path / "params.yaml").open(encoding="utf-8", newline="") as file:
        assert file.read() == text
    again = read_yaml(tmp_path / "params.yaml")
    assert again == data and compose.dump(again) == text


def test_a_mapping_on_one_line_has_no_comments_within():
    assert describe.commented("rl: {beta: 1}\n").endswith("train\n")
