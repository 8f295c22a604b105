import pytest

from counterpoint import files


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder" / "file.json"
    files.replace(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as scratch:
        scratch.write_text("half")
        assert path.read_text() == "old"
        raise RuntimeError
    assert path.read_text() == "old"
    files.replace(path, "new")
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]
