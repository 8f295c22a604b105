import pytest

from counterpoint.errors import UserError
from counterpoint.sources import check_rejects


def test_rejects_are_counted_against_what_is_allowed():
    rejects = [{"file": "a.jsonl", "line": n, "reason": "broken JSON"} for n in (3, 5)]
    check_rejects(rejects, 2, "rejects.parquet")
    with pytest.raises(UserError, match=r"2 rows .*a\.jsonl, line 3: broken JSON.*SET='source\.rejects_allowed=2'"):
        check_rejects(rejects, 1, "rejects.parquet")
