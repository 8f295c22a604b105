"""The command `counterpoint`: its help, its errors, its exit codes and what its commands print."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import click
import pytest

import counterpoint
from counterpoint import cli
from counterpoint.errors import UserError

SECONDS = 0.5  # that the help may take on an idle machine


def started(*words):
    """The command, run as a user does."""
    return subprocess.run([sys.executable, "-m", "counterpoint.cli", *words], capture_output=True, text=True)


def test_help_imports_nothing_but_the_parser():
    code = (
        "import sys, time; start = time.process_time(); import counterpoint.cli as cli\n"
        "cli.run(['--help']); print(time.process_time() - start)\n"
        "heavy = {'torch', 'numpy', 'duckdb', 'pyarrow', 'jinja2', 'pydantic'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    *_, seconds, heavy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert heavy == "[]"
    assert float(seconds) < SECONDS


def test_help_is_there_at_once():
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        assert started("--help").returncode == 0
        durations.append(time.perf_counter() - start)
    assert min(durations) < 2 * SECONDS  # other tests run beside it


@pytest.mark.parametrize("name", sorted(cli.commands.commands))
def test_every_command_shows_examples_of_itself_that_parse(name, capsys, root, monkeypatch):
    monkeypatch.chdir(root)
    command = cli.commands.commands[name]
    cli.run([name, "--help"])
    shown = capsys.readouterr().out
    examples = [line.strip() for line in shown.split("Examples:")[1].splitlines() if line.strip()]
    assert examples
    for example in examples:
        assert example.startswith(f"counterpoint {name} ")
        options = {word for word in example.split() if word.startswith("--")}
        assert options <= {text for option in command.params for text in option.opts}


def test_without_a_command_they_are_listed(capsys):
    cli.run([])
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in cli.commands.commands)


def test_the_version_is_the_packages(capsys):
    cli.run(["--version"])
    assert capsys.readouterr().out == f"counterpoint {counterpoint.__version__}\n"
    assert counterpoint.__version__ == "0.2.0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["audti", "x"], "No such command 'audti'"),
        (["query", "accuracy"], "Missing option '--tables'"),
        (["query", "accuracy", "--tables", "nowhere"], "'nowhere' does not exist"),
        (["findings"], "Missing option '--tables'"),
        (["audit", "x", "--items", "0"], "--items"),
        (["push", "base-small", "--tables", "."], "give --to USER/NAME, or --dry-run"),
        (["judge"], "give a FILE, or --completion and --answer"),
        (["judge", "--completion", "4"], "--completion needs --answer"),
    ],
)
def test_a_mistake_is_told_in_one_line(words, message):
    with pytest.raises(UserError) as raised:
        cli.run(words)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_the_exit_code_of_a_mistake_is_2():
    done = started("query", "accuracy")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: Missing option '--tables'.\n"


def test_queries_are_listed_and_asked_of_a_folder_of_tables(root, capsys):
    tables = str(root / "metrics/published/published")
    cli.run(["query", "--tables", tables])
    assert "when_sft_wins" in capsys.readouterr().out
    cli.run(["query", "select count(*) as runs from runs", "--tables", tables, "--csv"])
    assert capsys.readouterr().out == "runs\n526\n"
    with pytest.raises(UserError, match=r"evals.completion is not in the published study"):
        cli.run(["query", "select completion from evals", "--tables", tables])


def test_findings_of_a_folder_of_tables(root, capsys):
    cli.run(["findings", "--tables", str(root / "metrics/published/published"), "--all"])
    shown = capsys.readouterr().out
    assert "  primary\n" in shown and "  secondary\n" in shown
    with pytest.raises(UserError, match="no such file; name a folder"):
        cli.run(["findings", "--tables", str(root / "docs")])


@pytest.mark.parametrize(
    ("words", "correct", "extracted"),
    [
        (["--completion", "<think>2+2</think><answer>4</answer>", "--answer", "4"], True, "4"),
        (["--completion", "The answer is 4.", "--answer", "4"], False, None),
        (["--completion", "The answer is 4.", "--answer", "4", "--lenient"], True, "4"),
        (["--completion", "<think>so</think><answer>B</answer>", "--answer", "B", "--option", "A", "--option", "B"],
         True, "B"),
    ],
)  # fmt: skip
def test_one_completion_is_judged(words, correct, extracted, capsys):
    cli.run(["judge", *words])
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["correct"], verdict["extracted"]) == (correct, extracted)


def test_a_file_of_completions_is_judged(tmp_path, capsys):
    rows = [
        {"completion": "<think>a</think><answer>7</answer>", "answer": "7", "answer_type": "integer"},
        {"completion": "<think>a</think><answer>8</answer>", "answer": 7},
        {"completion": "no idea", "answer": "red"},
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    cli.run(["judge", str(path)])
    shown = capsys.readouterr()
    verdicts = [json.loads(line) for line in shown.out.splitlines()]
    assert [(row["line"], row["correct"], row["parsed"]) for row in verdicts] == [
        (1, True, True), (2, False, True), (3, False, False),
    ]  # fmt: skip
    assert shown.err.startswith("3 completions: 1 right (33.3 %, 95 % interval 6.1 to 79.2), 1 without a readable")
    path.write_text(json.dumps({"completion": 3, "answer": "7"}) + "\n")
    with pytest.raises(UserError, match=r"answers.jsonl, line 1: its completion is no text but 3"):
        cli.run(["judge", str(path)])


def test_a_command_of_another_program_is_run_alike(capsys):
    @click.command()
    @click.option("--study")
    def show(study):
        print(study)

    cli.run(["--study", "quick"], show)
    assert capsys.readouterr().out == "quick\n"
    with pytest.raises(UserError, match="No such option"):
        cli.run(["--sutdy", "quick"], show)
