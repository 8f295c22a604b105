"""The command `counterpoint`: audit a run, ask and read results, judge answers, publish a checkpoint.

    counterpoint --help

Each command imports what it needs when it runs. Exit codes: 0 done, 2 a user's mistake, told in one line, 130
interrupted; `lint-reward` 1 for a reward that fails.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from counterpoint.errors import UserError

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
ANSWER_TYPE = click.Choice(["integer", "number", "choice", "text", "expression"])


def main() -> None:
    """Run the command line of `sys.argv` and exit."""
    try:
        run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except click.Abort:
        sys.exit(130)
    except UserError as error:
        line = "".join(c if c.isprintable() else "?" for c in str(error))  # a log's own words may move the cursor
        print(f"error: {line:.600}", file=sys.stderr)
        sys.exit(2)


def run(arguments: Sequence[str], command: click.Command | None = None, name: str = "counterpoint") -> None:
    """Run a command line, by default of all commands.

    Raises `UserError` in one line for a user's mistake. name: the program's, as its help has it.
    """
    try:
        (command or commands).main(arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        raise UserError(" ".join(error.format_message().split())) from None


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        import counterpoint

        click.echo(f"counterpoint {counterpoint.__version__}")
        context.exit()


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print it.")
@click.pass_context
def commands(context: click.Context) -> None:
    """Does SFT or RL buy a vision-language model more reasoning, and does the RL reward tell the truth?

    \b
    counterpoint COMMAND --help shows examples.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def command(*examples: str) -> Callable:
    """A decorator: a command of the group, whose help ends with these examples."""
    return commands.command(epilog="\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples))


@command("counterpoint audit outputs/grpo", "counterpoint audit train.log --items 500 --out audit")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--items", type=click.IntRange(1), help="Held-out problems per accuracy, where the log does not say.")
@click.option("--reward", metavar="NAME", help="The metric that is the reward, where its name is not known.")
@click.option("--accuracy", metavar="NAME", help="The metric that is the held-out accuracy.")
@click.option("--run", "of_run", metavar="NAME", help="The run that is meant, where the log has several.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of picture and page  [default: ./audit-NAME].")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.option("--seconds", type=click.IntRange(1), default=60, show_default=True, help="After which it gives up.")
def audit(run: Path, seconds: int, **options: object) -> None:
    """Audit a run: does its reward tell the truth?

    RUN is a file or folder: a TRL output folder; a console log of TRL, ms-swift, verl, EasyR1 or OpenRLHF; JSON lines;
    a CSV; a run of Weights & Biases, TensorBoard or Trackio; or a run of this study. Writes audit.png and audit.html.
    """
    from counterpoint.audit.command import audit_apart

    print(audit_apart(run, seconds, **options))


tables_option = click.option(
    "--tables",
    type=FOLDER,
    required=True,
    help="A folder of Parquet tables, such as metrics/STUDY/tables or metrics/published/NAME.",
)


def question_options(function: Callable) -> Callable:
    """A decorator: the question and the form of the answer, for every command that asks in SQL."""
    function = click.option("--csv", "as_csv", is_flag=True, help="All rows as CSV, with full precision.")(function)
    limit = click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="Rows to print.")
    return click.argument("question", default="")(limit(function))


@command(
    "counterpoint query --tables metrics/published/published accuracy",
    'counterpoint query --tables metrics/quick/tables "select arm, avg(accuracy) from accuracy group by arm"',
)
@tables_option
@question_options
def query(question: str, tables: Path, limit: int, as_csv: bool) -> None:
    """Ask a study in SQL or by a published query's name.

    Only reading is possible. Without a question the published queries are listed.
    """
    from counterpoint.warehouse.query import listing, of_folder, published, show

    if question.strip():
        show(of_folder(tables, published(question), None if as_csv else limit), as_csv)
    else:
        print(listing())


def findings_options(function: Callable) -> Callable:
    """A decorator: which findings are shown, for every command that shows them."""
    function = click.option("--all", "everything", is_flag=True, help="The secondary contrasts too.")(function)
    return click.option("--finding", metavar="NAME", help="This one alone.")(function)


@command(
    "counterpoint findings --tables metrics/published/published",
    "counterpoint findings --tables metrics/quick/tables --all",
)
@tables_option
@findings_options
def findings(tables: Path, finding: str | None, everything: bool) -> None:
    """Show what a study found: claims and verdicts.

    Each with the contrasts that decide it.
    """
    from counterpoint.analysis import printed
    from counterpoint.tables import read

    rows = read(tables / "findings.parquet", "name a folder such as metrics/STUDY/tables")
    print(printed.text(rows, finding, everything))


@command(
    "counterpoint judge --completion '<think>2+2</think><answer>4</answer>' --answer 4",
    "counterpoint judge answers.jsonl --lenient > verdicts.jsonl",
)
@click.argument("file", required=False, type=FILE)
@click.option("--completion", help="What a model wrote.")
@click.option("--answer", help="The right answer.")
@click.option(
    "--type",
    "kind",
    type=ANSWER_TYPE,
    help="How answers are compared  [default: the row's answer_type, else a number or text].",
)
@click.option("--option", "options", multiple=True, help="One of a choice's options; repeat it.")
@click.option("--lenient", is_flag=True, help="Take any wording of the answer, not <answer> tags alone.")
def judge(
    file: Path | None,
    completion: str | None,
    answer: str | None,
    kind: str | None,
    options: tuple[str, ...],
    lenient: bool,
) -> None:
    """Extract and judge the answers of completions.

    FILE has a row for each completion (JSON lines, JSON, CSV or Parquet) with the columns completion and answer, and
    optionally answer_type and options. A verdict is printed as a line of JSON, a summary of a file on stderr.
    """
    from counterpoint.evaluation import judging

    if (file is None) == (completion is None):
        raise click.UsageError("give a FILE, or --completion and --answer")
    if completion is not None:
        if answer is None:
            raise click.UsageError("--completion needs --answer")
        verdict = judging.verdict(completion, answer, kind, list(options), lenient)
        print(json.dumps(verdict, ensure_ascii=False))
        return
    verdicts = []
    for verdict in judging.of_file(file, kind, lenient):
        print(json.dumps(verdict, ensure_ascii=False))
        verdicts.append(verdict)
    print(judging.summary(verdicts), file=sys.stderr)


@command(
    "counterpoint lint-reward my_rewards:accuracy --data problems.jsonl",
    "counterpoint lint-reward my_rewards.py:score --data train.jsonl --with gsm8k_answer --style hash",
    "counterpoint lint-reward trl.rewards:accuracy_reward --data train.parquet --answer-column solution",
    "counterpoint lint-reward leaky_list --data problems.csv --json",
)
@click.argument("reward")
@click.option("--data", type=FILE, required=True, help="Gold answers: JSON lines, JSON, CSV or Parquet.")
@click.option("--answer-column", default="answer", show_default=True, help="The column of the gold answers.")
@click.option("--with", "converter", help="How that column is read: gsm8k_answer (#### N), boxed, letter, index.")
@click.option("--type", "kind", type=ANSWER_TYPE, help="The type of all answers  [default: the row's, or as it looks].")
@click.option("--style", help="Format the reward expects: its name, or a template with {answer}  [default: found].")
@click.option("--signature", type=click.Choice(["trl", "verl", "easyr1", "plain"]), help="[default: by its parameters]")
@click.option("--accept", type=float, help="Least reward of an accepted answer  [default: half-way wrong to right].")
@click.option("--rows", type=click.IntRange(1), default=40, show_default=True, help="Gold answers tried at most.")
@click.option("--limit", type=click.IntRange(0), default=0, show_default=True, help="Wrong answers it may accept.")
@click.option("--skip", multiple=True, metavar="ATTACK", help="An attack to leave out; repeat it.")
@click.option("--seconds", type=float, default=2.0, show_default=True, help="After which a call counts as hanging.")
@click.option("--within", type=float, default=8.0, show_default=True, help="Seconds after which the rest is left out.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON, with every case.")
def lint_reward(reward: str, data: Path, as_json: bool, limit: int, rows: int, **options: Any) -> None:
    """Test a reward function before training: what it pays for.

    REWARD is module:function, file.py:function, or a reward term of this project. It is called with right answers to
    the data's gold answers and with wrong ones that leaky judges accept. Exit code 1: it accepts more than --limit
    wrong answers, a call fails, or less than half of the gold answers are accepted as they are.
    """
    from counterpoint.lint import golds, report
    from counterpoint.lint.lint import lint

    pool = golds.read(data, options.pop("answer_column"), options.pop("converter"), options.pop("kind"))
    result = lint(reward, golds.spread(pool, rows), call_seconds=options.pop("seconds"), **options)
    print(report.as_json(result, limit) if as_json else report.text(result, limit))
    if result.fails(limit):
        sys.exit(1)


@command(
    "counterpoint push base-small --tables metrics/published/published --dry-run",
    "counterpoint push rl-small-2k-0 --tables metrics/default/tables --to me/rl-small",
)
@click.argument("run")
@tables_option
@click.option("--to", "repository", metavar="USER/NAME", help="The model repository on the hub.")
@click.option("--checkpoint", type=FOLDER, help="The run's checkpoint  [default: the folder that its row names].")
@click.option("--license", "licence", default="apache-2.0", show_default=True, help="As the hub names it.")
@click.option("--private", is_flag=True, help="A repository that is not public.")
@click.option("--dry-run", is_flag=True, help="Print the card and the files, and send nothing.")
def push(
    run: str,
    tables: Path,
    repository: str | None,
    checkpoint: Path | None,
    licence: str,
    private: bool,
    dry_run: bool,
) -> None:
    """Publish a checkpoint and its model card on the hub.

    The hub is Hugging Face's; the card is made from the tables of the study. RUN is a run_id of the table runs. The
    token is that of `hf auth login`.
    """
    from counterpoint.hub import push as hub

    if not (repository or dry_run):
        raise click.UsageError("give --to USER/NAME, or --dry-run")
    row = hub.find_run(tables, run)
    checkpoint = checkpoint or Path(row["checkpoint"])
    files = hub.files(checkpoint)
    card = hub.card(row, tables, checkpoint, repository or f"USER/{run}", licence)
    if dry_run:
        print(card)
        print(*(f"{path} ({path.stat().st_size:,} bytes)" for path in files), sep="\n", file=sys.stderr)
    else:
        print(hub.push(checkpoint, card, repository, private))


if __name__ == "__main__":
    main()
