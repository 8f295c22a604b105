import datasets
import pytest

from counterpoint.errors import UserError
from counterpoint.sources import hub

FIELDS = {"question": "q", "answer": "a", "images": "i"}


@pytest.fixture
def saved(png):
    """A data set of three rows with pictures, the last of them broken."""
    cells = [{"bytes": png(n), "path": None} for n in range(2)] + [{"bytes": b"no picture", "path": None}]
    columns = {"q": ["one ?", "two ?", "three ?"], "a": [1, 2, 3], "i": cells}
    features = datasets.Features({"q": datasets.Value("string"), "a": datasets.Value("int64"), "i": datasets.Image()})
    return datasets.Dataset.from_dict(columns, features=features)


def check(problems, rejects, png, where):
    assert [(p.question, p.answer, p.images) for p in problems] == [
        ("one ?", "1", (png(0),)),
        ("two ?", "2", (png(1),)),
    ]
    assert [(r["file"], r["line"]) for r in rejects] == [(where, 3)] and "cannot be read" in rejects[0]["reason"]


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
    assert problems[0].images == (png(1), png(2)) and problems[0].family == "mine"


def test_a_picture_by_path_must_lie_in_the_data_set(source, png, tmp_path):
    (tmp_path / "outside.png").write_bytes(png())
    cells = [{"bytes": None, "path": str(tmp_path / "outside.png")}]
    features = datasets.Features({"q": datasets.Value("string"), "a": datasets.Value("string"), "i": datasets.Image()})
    data = datasets.Dataset.from_dict({"q": ["q ?"], "a": ["x"], "i": cells}, features=features)
    data = data.cast_column("i", datasets.Image(decode=False))
    problems, rejects = hub.read_rows(data, source(fields=FIELDS), "set", (tmp_path / "set",))
    assert problems == [] and "outside" in rejects[0]["reason"]


def test_what_is_no_data_set_is_the_users_error(source, tmp_path):
    with pytest.raises(UserError, match=r"source\.path"):
        hub.read(source(kind="hub", path=str(tmp_path / "nowhere"), fields=FIELDS))
    (tmp_path / "code.py").write_text("raise SystemExit('code of a data set was run')")
    with pytest.raises(UserError, match="cannot be loaded"):
        hub.read(source(kind="hub", path=str(tmp_path), fields=FIELDS))
