import io

import datasets
import pyarrow as pa
import pytest
from PIL import Image

from counterpoint.errors import UserError
from counterpoint.sources import check_all, hub

FIELDS = {"question": "q", "answer": "a", "images": "i"}


@pytest.fixture
def saved(png):
    """A data set of three rows with pictures, the last of them broken."""
    cells = [{"bytes": png(n), "path": None} for n in range(2)] + [{"bytes": b"no picture", "path": None}]
    columns = {"q": ["one ?", "two ?", "three ?"], "a": [1, 2, 3], "i": cells}
    features = datasets.Features({"q": datasets.Value("string"), "a": datasets.Value("int64"), "i": datasets.Image()})
    return datasets.Dataset.from_dict(columns, features=features)


def bytes_of(problem):
    return [picture.read() for picture in problem.images]


def check(problems, rejects, png, where):
    assert [(p.question, p.answer, bytes_of(p)) for p in problems] == [
        ("one ?", "1", [png(0)]),
        ("two ?", "2", [png(1)]),
    ]
    assert [(r["file"], r["line"]) for r in rejects] == [(where, 3)] and "none of PNG" in rejects[0]["reason"]


def test_a_folder_of_save_to_disk(saved, source, png, tmp_path):
    saved.save_to_disk(tmp_path / "one")
    check(*hub.read(source(kind="hub", path=str(tmp_path / "one"), fields=FIELDS)), png, "one:train")
    datasets.DatasetDict({"test": saved}).save_to_disk(tmp_path / "two")
    check(*hub.read(source(kind="hub", path=str(tmp_path / "two"), split="test", fields=FIELDS)), png, "two:test")
    with pytest.raises(UserError, match=r"source\.split"):
        hub.read(source(kind="hub", path=str(tmp_path / "two"), fields=FIELDS))


def test_a_folder_of_parquet(saved, source, png, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "set").mkdir()
    saved.to_parquet(tmp_path / "set" / "train.parquet")
    check(*hub.read(source(kind="hub", path=str(tmp_path / "set"), fields=FIELDS)), png, "set:train")


def test_a_list_of_pictures(source, png, tmp_path):
    features = datasets.Features(
        {"q": datasets.Value("string"), "a": datasets.Value("string"), "i": datasets.List(datasets.Image())}
    )
    cells = [[{"bytes": png(1), "path": None}, {"bytes": png(2), "path": None}]]
    datasets.Dataset.from_dict({"q": ["q ?"], "a": ["x"], "i": cells}, features=features).save_to_disk(tmp_path / "s")
    problems, _ = hub.read(source(kind="hub", path=str(tmp_path / "s"), fields=FIELDS))
    assert bytes_of(problems[0]) == [png(1), png(2)] and problems[0].family == "mine"


def test_a_picture_by_path_must_lie_in_the_data_set(source, png, tmp_path):
    (tmp_path / "outside.png").write_bytes(png())
    cells = [{"bytes": None, "path": str(tmp_path / "outside.png")}]
    features = datasets.Features({"q": datasets.Value("string"), "a": datasets.Value("string"), "i": datasets.Image()})
    data = datasets.Dataset.from_dict({"q": ["q ?"], "a": ["x"], "i": cells}, features=features)
    data = data.cast_column("i", datasets.Image(decode=False))
    problems, rejects = hub.read_rows({"train": data}, source(fields=FIELDS), "set", (tmp_path / "set",))
    assert problems == [] and "outside" in rejects[0]["reason"]


def test_splits_joined_by_a_plus_are_parts(saved, source, tmp_path):
    data = datasets.DatasetDict({"train": saved.select([0]), "test": saved.select([1])})
    data.save_to_disk(tmp_path / "s")
    parts = {"train": "train", "test": "in_domain"}
    keys = {"kind": "hub", "path": str(tmp_path / "s"), "fields": FIELDS, "split": "train+test", "part": "file"}
    problems, rejects = hub.read(source(**keys, parts=parts))
    assert [(p.question, p.split) for p in problems] == [("one ?", "train"), ("two ?", "in_domain")] and rejects == []
    rejects = hub.read(source(**keys, parts={"train": "train"}))[1]
    assert [(r["file"], r["line"]) for r in rejects] == [("s:test", 1)]


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "2b6ad69", "G" * 40])
def test_a_data_set_on_the_hub_must_be_pinned_to_a_commit(source, revision):
    with pytest.raises(UserError, match=r"source\.revision of A/B .*40 hex digits"):
        check_all(source(kind="hub", repository="A/B", revision=revision))
    check_all(source(kind="hub", repository="A/B", revision="0123456789abcdef" * 2 + "01234567"))
    check_all(source(kind="hub", revision=revision))


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_a_folder_that_is_not_there_is_told_before_anything_is_read(source, kind, tmp_path):
    (tmp_path / "file").touch()
    own = {"fields": {"question": "q", "answer": "a"}}
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        missing = source(kind=kind, path=str(path))
        for gone in (missing, source(kind=kind, benchmarks={"more": {**own, "path": str(path)}})):
            with pytest.raises(
                UserError, match=rf"^source\.path: {path} is no folder; set SET='source\.path=FOLDER' to"
            ):
                check_all(gone)
    check_all(source(kind=kind, benchmarks={"more": own}))
    check_all(source(kind="procedural", path="nowhere"))


def test_a_repository_is_loaded_at_its_commit_and_configuration(saved, source, monkeypatch):
    asked = {}

    def load_dataset(*names, **keys):
        asked.update(keys, names=names)
        return saved

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    keys = {"repository": "A/B", "revision": "a" * 40, "config": "main", "split": "test"}
    assert len(hub.read(source(kind="hub", fields=FIELDS, **keys))[0]) == 2
    assert asked == {"names": ("A/B", "main"), "split": "test", "revision": "a" * 40}


def test_what_is_no_data_set_is_the_users_error(source, tmp_path):
    with pytest.raises(UserError, match=r"source\.path"):
        hub.read(source(kind="hub", path=str(tmp_path / "nowhere"), fields=FIELDS))
    (tmp_path / "code.py").write_text("raise SystemExit('code of a data set was run')")
    with pytest.raises(UserError, match="cannot be loaded"):
        hub.read(source(kind="hub", path=str(tmp_path), fields=FIELDS))


def nested(features, **cells):
    text = datasets.Value("string")
    columns = {"q": ["1 ?", "2 ?"], "a": ["x", "y"], **cells}
    return datasets.Dataset.from_dict(columns, features=datasets.Features({"q": text, "a": text, **features}))


@pytest.mark.parametrize("shape", ["struct", "list of structs", "unmapped"])
def test_pictures_within_structs_meet_every_limit(source, png, tmp_path, shape):
    """`datasets` would decode them itself: a broken one ends the import, a path opens any file, no limit holds."""
    (tmp_path / "outside.png").write_bytes(png(9))
    big = io.BytesIO()
    Image.new("1", (1200, 1200)).save(big, "PNG")
    cells = [
        *({"bytes": data, "path": None} for data in (png(1), b"no picture", big.getvalue())),
        *({"bytes": None, "path": path} for path in (str(tmp_path / "outside.png"), "/etc/passwd")),
    ]
    inner = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    listed = shape == "list of structs"
    column = pa.array(
        [[{"image": c}] if listed else {"image": c} for c in cells],
        pa.list_(pa.struct([("image", inner)])) if listed else pa.struct([("image", inner)]),
    )
    struct = {"image": datasets.Image()}
    text = datasets.Value("string")
    features = datasets.Features({"q": text, "a": text, "m": datasets.List(struct) if listed else struct})
    table = pa.table({"q": [f"{n} ?" for n in range(5)], "a": ["x"] * 5, "m": column})
    data = datasets.Dataset(table.cast(features.arrow_schema), info=datasets.DatasetInfo(features=features))
    fields = {"question": "q", "answer": "a"}
    if shape != "unmapped":
        fields["images"] = "m" if listed else "m.image"
    problems, rejects = hub.read_rows({"train": data}, source(fields=fields), "set", (tmp_path / "set",))
    if shape == "unmapped":
        assert len(problems) == 5 and rejects == []
    elif listed:  # the picture's place within is not said: refused, and never opened
        assert problems == [] and all("its picture" in r["reason"] for r in rejects) and len(rejects) == 5
    else:
        assert [bytes_of(p) for p in problems] == [[png(1)]]
        wanted = ["none of PNG", "1200 × 1200 pixels", "lies outside", "lies outside"]
        assert all(want in r["reason"] for want, r in zip(wanted, rejects, strict=True))


def test_a_sound_is_not_decoded_either(source):
    text = datasets.Value("string")
    features = datasets.Features({"q": text, "a": text, "s": datasets.Audio()})
    table = pa.table({"q": ["1 ?"], "a": ["x"], "s": [{"bytes": b"no sound", "path": None}]})
    data = datasets.Dataset(table.cast(features.arrow_schema), info=datasets.DatasetInfo(features=features))
    with pytest.raises(ImportError, match="torchcodec"):  # what decoding it asks for
        data[0]
    assert len(hub.read_rows({"train": data}, source(fields={"question": "q", "answer": "a"}), "set", ())[0]) == 1


def test_json_cells_classes_and_lists_are_read_as_they_were(source):
    features = {"j": datasets.Json(), "c": datasets.ClassLabel(names=["u", "v"]), "l": [datasets.Value("int64")]}
    data = nested(features, j=[{"k": "why"}, {"k": ["how"]}], c=[0, 1], l=[[7], [8]])
    fields = {"question": "q", "answer": "l", "reasoning": "j.k", "difficulty": "c"}
    problems, rejects = hub.read_rows({"train": data}, source(fields=fields), "set", ())
    assert rejects == []
    assert [(p.answer, p.reasoning, p.difficulty) for p in problems] == [("7", "why", 0), ("8", "how", 1)]


def test_text_that_is_not_utf8_is_one_reject(source):
    data = nested({})
    broken = pa.table({"q": pa.array([b"1 ?", b"\xff ?"]).view(pa.string()), "a": ["x", "y"]})
    data = datasets.Dataset(broken, info=data.info)
    problems, rejects = hub.read_rows({"train": data}, source(fields={"question": "q", "answer": "a"}), "set", ())
    assert [p.question for p in problems] == ["1 ?"] and "a cell cannot be read" in rejects[0]["reason"]
