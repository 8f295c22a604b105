"""Calling a reward function of any usual signature, decided by its parameters' names.

trl     f(completions, **columns) -> list             TRL's GRPOTrainer
verl    f(data_source, solution_str, ground_truth, extra_info)
easyr1  f(reward_input) or f(reward_inputs) -> dict or list of dicts
plain   f(completion, answer)
term    a reward term of this project, by its name
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from counterpoint import rewards
from counterpoint.errors import UserError, nearest
from counterpoint.lint.battery import Gold
from counterpoint.problem import Problem
from counterpoint.verify import judge

SIGNATURES = ("trl", "verl", "easyr1", "plain")
# what parameters and columns with the gold answer are called, and those with what the model wrote
GOLDS = (
    "answer", "solution", "ground_truth", "reference", "gold", "gold_answer", "target", "label", "labels", "answers",
    "solutions", "ground_truths", "references", "golds", "targets", "reference_answer", "expected",
)  # fmt: skip
COMPLETIONS = ("completion", "response", "solution_str", "predict_str", "prediction", "output", "text", "pred")
_SCORES = ("score", "overall", "reward", "accuracy", "acc")
Call = Callable[[str, Gold, bool], float]  # completion, gold, whether the completion is a conversation


def load(name: str, golds: Sequence[Gold], signature: str | None) -> tuple[str, Call]:
    """The reward's signature and how it is called.

    name: `module:function`, `file.py:function` or a reward term. golds: the pool, for a term that needs it whole.
    Raises `UserError` for what is not there or cannot be called; what the user's module raises is let through.
    """
    module, colon, attribute = name.rpartition(":")
    if not colon:
        return "term", _term(name, golds)
    function = _found(module, attribute)
    if not callable(function):
        raise UserError(f"{name} is no function but {function!r:.60}")
    signature = signature or signature_of(function)
    call = {"trl": _trl, "verl": _verl, "easyr1": _easyr1, "plain": _plain}[signature](function, name)
    return signature, lambda completion, gold, chat: score(call(completion, gold, chat))


def _found(module: str, attribute: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    if module.endswith(".py"):
        path = Path(module).resolve()
        if not path.is_file():
            raise UserError(f"{module}: no such file")
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        loaded = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
    else:
        try:
            loaded = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name and module.startswith(error.name):
                raise UserError(
                    f"no module {module!r} here; name it as `python` would import it, or a file.py"
                ) from None
            raise
    value = loaded
    for part in attribute.split("."):
        if not hasattr(value, part):
            public = [key for key, item in vars(loaded).items() if callable(item) and key[0] != "_"]
            raise UserError(f"{module} has no {attribute!r}{nearest(attribute, public)}")
        value = getattr(value, part)
    return value


def signature_of(function: Callable) -> str:
    """Which of `SIGNATURES` a function has. Raises `UserError` for one that takes no two arguments."""
    names = set(_parameters(function))
    if "solution_str" in names:
        return "verl"
    if names & {"reward_input", "reward_inputs"}:
        return "easyr1"
    return "trl" if names & {"completions", "prompts"} else "plain"


@cache
def _parameters(function: Callable) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        raise UserError(f"{function!r:.60}: its parameters cannot be read; wrap it in a function of your own") from None


def _given(function: Callable, name: str, arguments: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """A call with those of the arguments that the function takes, by name. Raises `UserError` where it wants others."""
    parameters = _parameters(function)
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key, p in parameters.items():
        if p.default is p.empty and key not in arguments and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
            raise UserError(f"{name} wants {key!r}, which is no column of the data; add it, or name --signature")
    keys = set(arguments) if takes_all else set(parameters)
    return lambda values: _awaited(function(**{key: value for key, value in values.items() if key in keys}))


def _awaited(value: Any) -> Any:
    return asyncio.run(value) if inspect.iscoroutine(value) else value


def _columns(gold: Gold) -> dict[str, Any]:
    """The row's columns, and the gold answer under each name that it may have."""
    return dict.fromkeys(GOLDS, gold.answer) | dict(gold.row) | {gold.column: gold.answer}


def _trl(function: Callable, name: str) -> Callable:
    def call(completion: str, gold: Gold, chat: bool) -> Any:
        prompt, text = gold.question, completion
        if chat:
            prompt, text = [{"role": "user", "content": prompt}], [{"role": "assistant", "content": text}]
        columns = {key: [value] for key, value in _columns(gold).items()}
        values = columns | {
            "prompts": [prompt], "completions": [text], "completion_ids": [list(completion.encode())],
            "trainer_state": None, "log_extra": _nothing, "log_metric": _nothing, "environments": None,
        }  # fmt: skip
        return _given(function, name, values)(values)

    return call


def _nothing(*_: Any) -> None:
    """What a trainer's loggers are here."""


def _verl(function: Callable, name: str) -> Callable:
    def call(completion: str, gold: Gold, chat: bool) -> Any:
        extra = {"question": gold.question, "answer": gold.answer}
        values = {
            "data_source": gold.row.get("data_source", "counterpoint"), "solution_str": completion,
            "ground_truth": gold.answer, "extra_info": gold.row.get("extra_info", extra),
        }  # fmt: skip
        return _given(function, name, values)(values)

    return call


def _easyr1(function: Callable, name: str) -> Callable:
    def call(completion: str, gold: Gold, chat: bool) -> Any:
        item = {"response": completion, "response_length": len(completion), "ground_truth": gold.answer}
        values = {"reward_input": item, "reward_inputs": [item]}
        return _given(function, name, values)(values)

    return call


def _plain(function: Callable, name: str) -> Callable:
    parameters = _parameters(function)
    required = [
        key
        for key, p in parameters.items()
        if p.default is p.empty and p.kind in (0, 1) and key not in ("options", "question")
    ]
    wrote = next((key for key in COMPLETIONS if key in parameters), None)
    wanted = next((key for key in GOLDS if key in parameters and key != wrote), None)
    if wrote is None and wanted is None and len(required) == 2:
        wrote, wanted = required
    if wrote is None and wanted is not None:
        wrote = next((key for key in required if key != wanted), None)
    if wanted is None and wrote is not None:
        wanted = next((key for key in required if key != wrote), None)
    if wrote is None or wanted is None:
        raise UserError(
            f"{name}({', '.join(parameters)}): which of them is the completion, which the gold? Call them so"
        )

    def call(completion: str, gold: Gold, chat: bool) -> Any:
        values = dict(gold.row) | {
            "options": list(gold.options),
            "question": gold.question,
            "answer_type": gold.answer_type,
        }
        values |= {wrote: completion, wanted: gold.answer}
        return _given(function, name, values)(values)

    return call


def _term(name: str, golds: Sequence[Gold]) -> Call:
    if name not in rewards.REWARDS:
        raise UserError(f"no reward term {name!r}{nearest(name, rewards.REWARDS)}; a function is named module:function")
    if any(gold.answer_type == "expression" and not gold.options for gold in golds):
        judge("</think><answer>x+1</answer>", "1+x", "expression")  # starts what compares them
    earned = rewards.ready([name], [_problem(gold) for gold in golds])[name]

    def call(completion: str, gold: Gold, chat: bool) -> float:
        verdict = judge(completion, gold.answer, gold.answer_type, list(gold.options) or None)
        return earned(completion, _problem(gold), verdict)

    return call


def _problem(gold: Gold) -> Problem:
    key = f"{gold.question}\n{gold.answer}\n{gold.options}"
    return Problem(key, key, "data", "data", "train", 1, gold.question, (), gold.answer, gold.answer_type, gold.options)


def score(value: Any) -> float:
    """The number that a reward returned for one completion, whatever it is packed in; None counts as nothing.

    Raises `TypeError` for what is no number and `ValueError` for NaN.
    """
    if value is None:
        return 0.0
    if isinstance(value, dict):
        key = next((key for key in _SCORES if key in value), None)
        if key is None:
            raise TypeError(f"it returned a mapping without {', '.join(_SCORES)}: {sorted(map(str, value))}")
        return score(value[key])
    if isinstance(value, str | bytes):
        raise TypeError(f"it returned a text: {value!r:.60}")
    if isinstance(value, Sequence):
        if len(value) != 1:
            raise TypeError(f"it returned {len(value)} values for one completion")
        return score(value[0])
    number = float(value)
    if math.isnan(number):
        raise ValueError("it returned NaN")
    return number
