import pytest

from counterpoint.sources.converters import CONVERTERS, IN_THE_PICTURE, NLVR_FRAME
from counterpoint.sources.parsing import Refusal

ABC = ("left", "right", "A")
CHOICES = "What is x ?\nChoices:\nA:40°\nB:60°\nC:120° or\nmore"
BLUE, BLUE_SAID = (
    {"type": "circle", "color": "#0099FF", "size": 30, "x_loc": 1, "y_loc": 2}, "large blue circle at 1 2"
)  # fmt: skip
GSM8K = "Half is 48/2 = <<48/2=24>>24.\nAll is $<<48+24=72>>72.\n#### 1,072"


@pytest.mark.parametrize(
    ("name", "cell", "options", "wanted"),
    [
        ("gsm8k_answer", GSM8K, None, "1,072"),
        ("gsm8k_reasoning", GSM8K, None, "Half is 48/2 = 24. All is $72."),
        ("boxed", r"so \boxed{1}, no: \boxed{\frac{1}{2}}.", None, r"\frac{1}{2}"),
        ("letter", "B", ABC, "right"),
        ("letter", "A", ABC, "left"),
        ("letter", "C", None, "C"),
        ("letter", "6", None, "6"),
        ("index", 2, ABC, "A"),
        ("index", "0", ABC, "left"),
        ("index", 2.0, ABC, "A"),
        ("index", 7, None, 7),
        ("index_from_1", 1, ABC, "left"),
        ("index_from_1", "3", ABC, "A"),
        ("index_from_1", "seven", None, "seven"),
        ("text", "A", ABC, "A"),
        ("text", 9.0, ("4", "9"), 9.0),
        ("text", "up", None, "up"),
        ("before_dash", "1572-0", None, "1572"),
        ("with_unit", ["how much ?", "g"], None, "how much ? (unit: g)"),
        ("with_unit", ["how much ?", None], None, "how much ?"),
        ("question_before_choices", CHOICES, None, "What is x ?"),
        ("question_before_choices", "Find L.", None, "Find L."),
        ("question_before_choices", "", None, IN_THE_PICTURE),
        ("choices", CHOICES, None, ["40°", "60°", "120° or more"]),
        ("choices", "Which ?\nChoice:\nA.5 cm\nB.5 m", None, ["5 cm", "5 m"]),
        ("choices", "Find L.", None, []),
        ("choices", ["Find L.", CHOICES], None, []),
        ("choices", ["", CHOICES], None, ["A", "B", "C"]),
        ("choices", ["", None], None, []),
        ("nlvr_scene", [[], [BLUE], []], None, f"{NLVR_FRAME} box 1 : empty . box 2 : {BLUE_SAID} . box 3 : empty ."),
        (
            "nlvr_counts",
            [[], [BLUE, BLUE], []],
            None,
            "in left : nothing . in middle : 2 blue circle . in right : nothing .",
        ),
    ],
)
def test_cells_as_published_are_read(name, cell, options, wanted):
    assert CONVERTERS[name](cell, options) == wanted


@pytest.mark.parametrize(
    ("name", "cell", "options"),
    [
        ("gsm8k_answer", "no mark", None),
        ("gsm8k_answer", "#### ", None),
        ("gsm8k_answer", 7, None),
        ("boxed", "none", None),
        ("boxed", r"\boxed{1", None),
        ("letter", "D", ABC),
        ("letter", "a", ABC),
        ("letter", "left", ABC),
        ("index", 3, ABC),
        ("index", -1, ABC),
        ("index", "x", ABC),
        ("index_from_1", 0, ABC),
        ("index_from_1", 4, ABC),
        ("index_from_1", "A", ABC),
        ("index_from_1", "٢", ABC),
        ("text", "up", ABC),
        ("text", None, ABC),
        ("choices", "Which ?\nChoices:\nA:40° B:60°", None),
        ("choices", "Which ?\nChoices:\nA:1\nC:2", None),
        ("nlvr_scene", [[{"type": "star", "color": "Black", "size": 10, "x_loc": 1, "y_loc": 2}]], None),
        ("nlvr_scene", [[{"type": "circle", "color": "Red", "size": 10, "x_loc": 1, "y_loc": 2}]], None),
        ("nlvr_scene", [[{"type": "circle", "color": "Black", "size": 10, "x_loc": "1 2", "y_loc": 2}]], None),
        ("nlvr_scene", [["circle"]], None),
        ("nlvr_scene", None, None),
        ("nlvr_counts", [[{"type": "circle", "color": 3, "size": 10, "x_loc": 1, "y_loc": 2}]], None),
    ],
)
def test_other_cells_are_refused_never_guessed(name, cell, options):
    with pytest.raises(Refusal):
        CONVERTERS[name](cell, options)
