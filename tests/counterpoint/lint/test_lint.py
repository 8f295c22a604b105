"""The lint as users run it: leaky rewards fail, the strict judge passes, a reward that misbehaves is a finding."""

import json
import time
from pathlib import Path

import pytest

from counterpoint import cli
from counterpoint.errors import UserError
from counterpoint.lint import apart, golds, report
from counterpoint.lint.lint import lint

LEAKY = ("leaky_list", "leaky_empty", "leaky_anywhere", "leaky_cards")


@pytest.fixture(scope="module")
def folder(root):
    return root / "tests/fixtures/lint"


@pytest.fixture
def linted(folder, capsys, monkeypatch):
    """A run of the command from the folder of the user's module: exit code and what its JSON says."""
    monkeypatch.chdir(folder)

    def run(reward, *words, data="golds.jsonl"):
        code = 0
        try:
            cli.run(["lint-reward", reward, "--data", data, "--json", *words])
        except SystemExit as stopped:
            code = stopped.code
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture(scope="module")
def mixed(folder, tmp_path_factory):
    """The golds whose comparison takes no algebra."""
    path = tmp_path_factory.mktemp("data") / "mixed.jsonl"
    lines = (folder / "golds.jsonl").read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line for line in lines if '"expression"' not in line or "options" in line))
    return str(path)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "numbers.csv"
    path.write_text('question,answer,level\nhow many ?,18,1\nhow much ?,"1,234",2\n', encoding="utf-8")
    return str(path)


def test_the_strict_judge_passes_without_a_single_leak(linted):
    code, said = linted("accuracy", "--within", "60", "--rows", "5")
    assert (code, said["passed"], said["format"], said["signature"]) == (0, True, "tags", "term")
    assert (said["tpr"], said["fpr"], said["youden_j"], said["faults"]) == (1.0, 0.0, 1.0, [])
    assert said["golds"] == 5 and said["wrong"] > 400


@pytest.mark.parametrize("term", LEAKY)
def test_every_planted_leak_is_caught_by_its_own_attack(linted, mixed, term):
    code, said = linted(term, data=mixed)
    attack = {
        "leaky_list": "all candidates", "leaky_empty": "no answer",
        "leaky_anywhere": "gold in the reasoning, another answer",
        "leaky_cards": "the value without the given numbers",
    }[term]  # fmt: skip
    assert code == 1 and not said["passed"] and said["fpr"] > 0 and said["format"] == "tags"
    assert attack in {case["why"] for case in said["false_positives"]}
    assert said["youden_j"] == pytest.approx(said["tpr"] - said["fpr"])


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        ("for_trl", "trl"), ("for_chats", "trl"), ("awaited", "trl"), ("compute_score", "verl"), ("plain", "plain"),
        ("two", "plain"), ("with_level", "plain"), ("negative", "plain"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("module", ["my_rewards", "my_rewards.py"])
def test_every_usual_signature_is_called_as_its_trainer_does(linted, numbers, module, function, signature):
    code, said = linted(f"{module}:{function}", data=numbers)
    assert (said["signature"], said["format"], said["faults"]) == (signature, "hash", [])
    assert said["formats"]["hash"] == 1.0 and said["formats"]["boxed"] == 0.0
    # it reads the last ####: what is written as 18 is right, and nothing else
    assert code == 0 and said["fpr"] == 0 and 0.5 < said["tpr"] < 1
    assert {case["why"] for case in said["false_negatives"]} == {"a final full stop", "a decimal point"}


def test_a_reward_of_easyr1_is_asked_in_its_own_format(linted):
    code, said = linted("boxed_math:compute_score")
    assert (code, said["signature"], said["format"]) == (1, "easyr1", "think-boxed")
    assert said["threshold"] == pytest.approx(0.55)  # the format alone earns 0.1
    assert {case["why"] for case in said["false_positives"]} <= {"another unit", "equal-looking expressions"}


@pytest.mark.parametrize(
    ("function", "attack"),
    [
        ("substring", "all candidates"),
        ("first_number", "another scale"),
        pytest.param("evaluates", "gold within another number", marks=pytest.mark.slow),
    ],
)
def test_common_leaks_are_named(linted, numbers, function, attack, monkeypatch):
    monkeypatch.setattr(apart, "PATIENCE", 0.5)
    code, said = linted(f"my_rewards:{function}", "--style", "hash", data=numbers)
    if function != "evaluates":
        assert attack in {case["why"] for case in said["false_positives"]}
    else:  # it raises at most of what is no number
        assert any("SyntaxError" in case["fault"] for case in said["faults"])
    assert code == 1


def test_a_reward_that_hangs_is_ended_and_said(linted, numbers, monkeypatch):
    monkeypatch.setattr(apart, "PATIENCE", 0.5)
    start = time.monotonic()
    code, said = linted("my_rewards:hangs", "--seconds", "0.3", "--style", "hash", data=numbers)
    assert time.monotonic() - start < 8
    assert code == 1 and said["given_up"] and len(said["faults"]) == apart.HANGS
    assert said["faults"][0]["fault"] == "did not end within 0.3 s"


def test_a_reward_that_ends_its_process_is_a_finding(linted, numbers):
    code, said = linted("my_rewards:dies", data=numbers)
    assert code == 1 and {case["fault"] for case in said["faults"]} == {"ended the process"}


def test_rewards_that_never_pay_or_pay_no_number_fail(linted, numbers, capsys):
    for function in ("nothing", "is_nan"):
        code, said = linted(f"my_rewards:{function}", data=numbers)
        assert code == 1 and said["tpr"] == said["fpr"] == 0
    assert said["faults"][0]["fault"] == "raised ValueError: it returned NaN"


def test_limit_and_skip_decide_what_fails(linted, numbers):
    _, said = linted("my_rewards:first_number", "--style", "hash", data=numbers)
    most = str(len(said["false_positives"]))
    assert linted("my_rewards:first_number", "--style", "hash", "--limit", most, data=numbers)[0] == 0
    _, fewer = linted("my_rewards:first_number", "--style", "hash", "--skip", "another scale", data=numbers)
    assert "another scale" not in {case["why"] for case in fewer["false_positives"]}


def test_a_format_of_ones_own_is_a_template(linted, numbers):
    code, said = linted("my_rewards:plain", "--style", "I think {reasoning}\nso #### {answer}", data=numbers)
    assert (code, said["format"], said["formats"]) == (0, "yours", {"yours": 1.0})
    assert said["tpr"] > 0.5


def test_golds_are_read_as_an_import_reads_them(linted, tmp_path):
    data = tmp_path / "gsm8k.jsonl"
    data.write_text('{"question": "q ?", "answer": "2 + 3 = <<2+3=5>>5\\n#### 5"}\n', encoding="utf-8")
    assert linted("accuracy", "--with", "gsm8k_answer", data=str(data))[1]["tpr"] == 1.0
    (gold,) = golds.read(data, converter="gsm8k_answer")
    assert (gold.answer, gold.answer_type, gold.question) == ("5", "number", "q ?")


def test_what_is_printed_is_understood_at_once(mixed, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.run(["lint-reward", "leaky_list", "--data", mixed])
    shown = capsys.readouterr().out
    assert stopped.value.code == 1 and shown.startswith("leaky_list: FAILED, ")
    assert "WRONG ANSWERS THAT ARE ACCEPTED, by attack" in shown and "by answer type: " in shown
    assert "gold '5': '<think>I look at it .</think><answer>4 or 5 or 6</answer>'" in shown
    cli.run(["lint-reward", "accuracy", "--data", mixed])
    assert capsys.readouterr().out.startswith("accuracy: passed\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["my_rewards:plian"], "my_rewards has no 'plian'; did you mean 'plain'?"),
        (["no_such_module:f"], "no module 'no_such_module' here"),
        (["no_such.py:f"], "no_such.py: no such file"),
        (["acuracy"], "no reward term 'acuracy'; did you mean 'accuracy'?"),
        (["my_rewards:NO_FUNCTION"], "is no function but 3"),
        (["my_rewards:with_level", "--signature", "verl"], "wants 'completion'"),
        (["accuracy", "--style", "boxd"], "did you mean 'boxed'?"),
        (["accuracy", "--skip", "all candidate"], "did you mean 'all candidates'?"),
        (["accuracy", "--with", "boxd"], "did you mean 'boxed'?"),
        (["accuracy", "--answer-column", "anser"], "line 1: no column 'anser'; did you mean 'answer'?"),
    ],
)
def test_a_mistake_is_one_line(folder, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    with pytest.raises(UserError) as raised:
        cli.run(["lint-reward", *words, "--data", "golds.jsonl"])
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_a_solution_is_no_gold_answer(tmp_path):
    data = tmp_path / "long.csv"
    data.write_text("answer\n" + "so " * 100 + "#### 5\n", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"long.csv, line 2: its 'answer' is 306 characters long, no gold answer; --with"
    ):
        golds.read(data)


def test_the_time_is_kept_and_what_was_left_out_is_said(mixed):
    pool = golds.read(Path(mixed))
    result = lint("accuracy", golds.spread(pool, 40), within=0.0, style="tags")
    assert result.golds == 1 and result.wanted_golds == 18 and len(result.tried) == 1 and result.left > 500
    assert f"left out       {result.left:,} cases" in report.text(result, 0)


def test_every_attack_comes_once_before_any_comes_again(mixed):
    result = lint("accuracy", golds.spread(golds.read(Path(mixed)), 5), style="tags")
    kinds = [case.why for case, _ in result.tried]
    rounds = [kinds[:at].count(kind) for at, kind in enumerate(kinds)]
    assert rounds == sorted(rounds) and rounds[-1] > 1 and not result.left
