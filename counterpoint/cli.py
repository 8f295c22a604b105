"""The command `counterpoint`: audit a run, ask and read results, judge answers, publish a checkpoint.

    counterpoint --help

Each command imports what it needs when it runs. Exit codes: 0 done, 2 a user's mistake, told in one line, 130
interrupted.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import click

from counterpoint.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (default: `sys.argv`) and exit."""
    try:
        code = commands.main(arguments, prog_name="counterpoint", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except click.Abort:
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        sys.exit(_fail(error.format_message()))
    except UserError as error:
        sys.exit(_fail(str(error)))


def _fail(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        import counterpoint

        click.echo(f"counterpoint {counterpoint.__version__}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print it.")
def commands() -> None:
    """Does SFT or RL buy a vision-language model more reasoning, and does the RL reward tell the truth?

    \b
    counterpoint COMMAND --help shows examples.
    """


def command(*examples: str) -> Callable:
    """A decorator: a command of the group, whose help ends with these examples."""
    return commands.command(epilog="\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples))


@command("counterpoint audit outputs/grpo", "counterpoint audit train.log --items 500 --out audit")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--items", type=click.IntRange(1), help="Held-out problems per accuracy, where the log does not say.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of picture and page  [default: ./audit-NAME].")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.option("--seconds", type=click.IntRange(1), default=60, show_default=True, help="After which it gives up.")
def audit(run: Path, items: int | None, out: Path | None, as_json: bool, seconds: int) -> int:
    """Does the reward of a finished or running training run tell the truth?

    RUN is a TRL output folder, a verl or EasyR1 log, a CSV with step, reward and accuracy, or a run of this study.
    Writes audit.png and audit.html.
    """
    from counterpoint.audit.command import audit_apart

    return audit_apart(run, seconds, items=items, out=out, as_json=as_json)


def _stage(name: str) -> ModuleType:
    """A program of the repository. Raises `UserError` where this package runs from no checkout of it."""
    if not (ROOT / "stages" / f"{name}.py").is_file():
        raise UserError("--tables: name a folder of tables; without it a study is asked, and this is no checkout")
    sys.path.append(str(ROOT))
    return importlib.import_module(f"stages.{name}")


def _words(**options: object) -> list[str]:
    """Options as words of a command line; what is None or False is left out."""
    words = []
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False:
            words += [f"--{name}", str(value)]
    return words


@command(
    "counterpoint query accuracy --tables metrics/published/published",
    "counterpoint query \"select arm, avg(accuracy) from accuracy where suite = 'in_domain' group by arm\"",
)
@click.argument("question", default="")
@click.option("--tables", type=FOLDER, help="A folder of Parquet tables  [default: those of the checkout's study].")
@click.option("--study", metavar="NAME", help="Another study of the checkout.")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="Rows to print.")
@click.option("--csv", "as_csv", is_flag=True, help="All rows as CSV, with full precision.")
def query(question: str, tables: Path | None, study: str | None, limit: int, as_csv: bool) -> None:
    """Ask the results of a study in SQL, read-only, or by the name of a published query.

    Without a question the published queries are listed.
    """
    from counterpoint.warehouse.query import listing, of_folder, published, show

    if not question.strip():
        print(listing())
    elif tables is None:
        _stage("query").program([question, *_words(study=study, limit=limit, csv=as_csv)])
    else:
        show(of_folder(tables, published(question), None if as_csv else limit), as_csv)


@command("counterpoint findings --tables metrics/published/published", "counterpoint findings --all")
@click.option("--tables", type=FOLDER, help="A folder of Parquet tables  [default: those of the checkout's study].")
@click.option("--study", metavar="NAME", help="Another study of the checkout.")
@click.option("--finding", metavar="NAME", help="This one alone.")
@click.option("--all", "everything", is_flag=True, help="The secondary contrasts too.")
def findings(tables: Path | None, study: str | None, finding: str | None, everything: bool) -> None:
    """What a study found: each claim, its verdict, and the contrasts that decide it."""
    if tables is None:
        _stage("findings").program(_words(study=study, finding=finding, all=everything))
        return
    from counterpoint.findings import printed

    print(printed.text(printed.read(tables, "name a folder such as metrics/STUDY/tables"), finding, everything))


@command(
    "counterpoint judge --completion '<think>2+2</think><answer>4</answer>' --answer 4",
    "counterpoint judge answers.jsonl --lenient > verdicts.jsonl",
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--completion", help="What a model wrote.")
@click.option("--answer", help="The right answer.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["integer", "number", "choice", "text", "expression"]),
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
    """Extract the answers of completions and judge them.

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


if __name__ == "__main__":
    main()
