from counterpoint import columns


def test_columns_are_as_wide_as_their_widest_cell_and_ranged_as_asked():
    rows = [("arm", "n", ""), ("sft", "100", "x"), ("a", "7", "")]
    assert columns.aligned(rows, right=[1], indent=2) == ["  arm    n", "  sft  100  x", "  a      7"]
    assert columns.aligned([("only",)]) == ["only"]
