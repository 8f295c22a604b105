"""Expressions: refused before any algebra, compared in a process that is held to its time and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from counterpoint.errors import UserError
from counterpoint.verify import expression, judge, judge_leniently, matches, server


def heavy(number: int) -> str:
    """An expression that passes every check, and whose value would take for ever."""
    return f"x*exp(exp(exp({99 + number})))"


def slowness() -> float:
    """How many times longer than its processor time a computation takes at present."""
    began, busy = time.perf_counter(), time.process_time()
    while time.process_time() - busy < 0.1:
        pass
    return (time.perf_counter() - began) / 0.1


def running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not running(pid)


def forks(pid: int, seconds: float = 5) -> list[str]:
    """The worker's comparisons that still run after a while."""
    until, left = time.monotonic() + seconds, ["?"]
    while left and time.monotonic() < until:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            left = file.read().split()
    return left


@pytest.fixture
def worker() -> int:
    """The process that compares, running."""
    server._asked.cache_clear()
    assert matches("x+1", "1+x", "expression")
    return server._worker[0].pid


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("9^9^9", "a tower of powers"),
        ("9^{9^9}", "a tower of powers"),
        ("9^{9}^{9}", "a tower of powers"),
        ("9^(9^9)", "a tower of powers"),
        ("9^{x^{99}}", "a tower of powers"),
        ("2^{9!}", "a tower of powers"),
        ("2^9!", "a tower of powers"),
        ("9**9**9", "a tower of powers"),
        ("2^{100}", "too large an exponent"),
        ("2^{10*10}", "too large an exponent"),
        ("((9^9)^9)^9", "too large an exponent"),
        ("{{{x^9}^9}^9}", "too large an exponent"),
        ("|x^{50}|^{50}", "too large an exponent"),
        ("2^", "a power without an exponent"),
        ("21!", "a factorial of more than a small number"),
        ("(3!)!", "a factorial of more than a small number"),
        ("3!!", "a factorial of more than a small number"),
        ("x!", "a factorial of more than a small number"),
        ("1" * 21 + "x", "a number of too many digits"),
        ("5 5x", "numbers without a sign between them"),
        ("1.2.3x", "numbers without a sign between them"),
        ("(" * 7 + "x" + ")" * 7, "brackets that do not match or nest too deeply"),
        ("(x]]", "brackets that do not match or nest too deeply"),
        ("\\text{x}", "an unknown command"),
        ("\\input{x}", "an unknown command"),
        ("\\", "a lone backslash"),
        ("eval(x)", "a word"),
        ("no", "a word"),
        ("52_8", "a subscript of what is no name"),
        ("(x+1)_2", "a subscript of what is no name"),
        ("5!_2", "a subscript of what is no name"),
        ("|x|_1", "a subscript of what is no name"),
        ("\\sin_2 x", "a subscript of what is no name"),
        ("x^T", "an exponent that is no power"),
        ("x^{T}", "an exponent that is no power"),
        ("x^(T)", "an exponent that is no power"),
        ("F^{-1}(x)", "an exponent that is no power"),
        ("1^{st}", "an exponent that is no power"),
        ("x^{(2)}", "an exponent that is no power"),
        ("f^{-1}(x)", "an exponent that is no power"),
        ("f(x,)", "a comma without a member"),
        ("x{2}", "braces that hold no argument"),
        ("\\Omega", "an unknown command"),
        ("⟨1,2⟩", "an unknown command"),
        ("x;y", "a character that has no place in one"),
        ("х+1", "a character that has no place in one"),
        ("x'", "a character that has no place in one"),
    ],
)
def test_what_is_hostile_never_reaches_algebra(answer, reason, monkeypatch):
    monkeypatch.setattr(server, "ask", lambda *_: pytest.fail("asked"))
    for written, gold, whose in ((answer, "k+1", "the answer"), ("k+1", answer, "the gold answer")):
        verdict = judge(f"</think><answer>{written}</answer>", gold, "expression")
        assert (verdict.correct, verdict.parsed) == (False, True)
        assert verdict.reason == f"{whose} is not compared as an expression: {reason}"
    assert matches(answer, answer, "expression")  # quoted it is right all the same


def test_text_and_numbers_need_no_algebra(monkeypatch):
    monkeypatch.setattr(server, "ask", lambda *_: pytest.fail("asked"))
    for written, gold in (("\\frac{1}{2}", "\\frac{1}{2}."), ("X + 1", "x + 1"), ("0.5", "1/2"), ("1,000", "1000")):
        assert matches(written, gold, "expression")
        assert judge_leniently(f"<answer>{written}</answer>", gold, "expression").correct
    assert not matches("0.333333", "1/3", "expression")
    assert not matches("x" * 200, "x+" * 150 + "x", "expression")


def test_what_people_write_is_not_refused():
    plain = (
        "e^{-x^2}",
        "(x+1)^{12}(x-2)^{10}",
        "2^{x}",
        "x^{-1/2}",
        "x_{10}",
        "5!+20!",
        "\\sqrt[3]{x}",
        "1.5x",
        "(0,1]",
        "\\frac x{2}",
        "\\log_2{8}",
        "\\log_{10} x",
        "x_{1}+a_n",
        "e^{-T}",
        "sqrt{x}{y}",
    )
    assert [expression.refusal(expression.normal(text)) for text in plain] == [""] * len(plain)


def test_importing_the_judges_starts_nothing_and_loads_no_algebra():
    code = (
        "import sys\nfrom counterpoint.verify import matches, expression\n"
        "assert matches('5', '5.0', 'expression') and not matches('9^9^9', '1', 'expression')\n"
        "assert not {'sympy', 'math_verify', 'subprocess'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow
def test_a_hundred_hostile_ones_in_a_row_take_half_a_second_each_at_most(worker):
    others = ("9^{9^{%d}}", "(((((((%d)))))))", "((9^9)^9)^{%d}", "\\lim_{x\\to %d}", "%d\u202e")
    times, before = [], slowness()
    for number in range(100):
        written = heavy(number) if number % 4 == 0 else others[number % 5] % number
        began = time.perf_counter()
        verdict = judge(f"</think><answer>{written}</answer>", f"{written}+0y", "expression")
        times.append(time.perf_counter() - began)
        assert not verdict.correct
        assert number % 4 or verdict.reason == "the comparison did not end in time"
    # worker.SECONDS of processor time each, on a machine that may have other work
    assert sorted(times)[-5] < 0.5 * max(1.0, 2 * before, 2 * slowness())
    assert matches("x+2", "2+x", "expression")
    assert server._worker[0].pid == worker and not forks(worker)


def test_threads_are_answered_side_by_side(worker):
    right, wrong = [], []

    def ask(number: int) -> None:
        for turn in range(2):
            wrong.append(matches(heavy(100 + 2 * number + turn), "x", "expression"))
            right.append(matches(f"x+{number}+{turn}", f"{number + turn}+x", "expression"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 8 and right == [True] * 8
    assert server._worker[0].pid == worker


def test_a_dead_worker_or_one_in_trouble_is_replaced_and_leaves_no_zombie(worker, monkeypatch):
    monkeypatch.setattr(server, "SECONDS", 0.3)
    server._worker[1].settimeout(0.3)
    os.kill(worker, signal.SIGSTOP)
    verdict = judge("</think><answer>x+3</answer>", "3+x", "expression")
    assert (verdict.correct, verdict.parsed, verdict.reason) == (False, True, "the comparison was not answered")
    monkeypatch.undo()
    assert server._worker is None and not os.path.exists(f"/proc/{worker}")
    assert matches("x+3", "3+x", "expression")  # trouble is not remembered
    second = server._worker[0].pid
    os.kill(second, signal.SIGKILL)
    assert ends(second)
    monkeypatch.setattr(server, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"math-verify.*make setup"):
        matches("x+5", "5+x", "expression")
    assert not os.path.exists(f"/proc/{second}")


PROGRAM = (
    "import os, sys, time\nfrom counterpoint.verify import matches, server\n"
    "assert matches('x+1', '1+x', 'expression')\nprint(server._worker[0].pid, flush=True)\n"
)


def test_the_worker_ends_with_its_parent():
    for last, how in (("", None), ("time.sleep(60)", signal.SIGKILL)):
        parent = subprocess.Popen([sys.executable, "-c", PROGRAM + last], stdout=subprocess.PIPE, text=True)
        pid = int(parent.stdout.readline())
        if how:
            parent.send_signal(how)
        parent.wait(timeout=60)
        parent.stdout.close()
        assert ends(pid), last


def test_a_fork_of_the_parent_has_no_worker_and_leaves_the_parents_alone():
    code = PROGRAM + (
        "if os.fork() == 0:\n"
        "    forgot = server._worker is None\n"
        "    server.stop()\n"
        "    os._exit(0 if forgot else 1)\n"
        "assert os.wait()[1] == 0\n"
        "pid = server._worker[0].pid\n"
        "assert matches('x+3', '3+x', 'expression') and server._worker[0].pid == pid\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, stdout=subprocess.DEVNULL)
