"""What a reward function pays for: right answers in its own format, and the battery's wrong ones."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median

from counterpoint.errors import UserError, nearest
from counterpoint.lint import battery
from counterpoint.lint.apart import Apart, Outcome
from counterpoint.lint.battery import Case, Format, Gold

PROBED = 2  # golds with which the format is found; more where there are more types of answers
AS_IS = "as the gold"
LEAST = 0.5  # of the golds as they are must be accepted
_TEMPLATE = re.compile(r"(?P<before>.*\{reasoning\}(?:</[^>]*>|\s)*)?(?P<answer>.*\{answer\}.*)", re.DOTALL)


@dataclass
class Result:
    """What a reward accepted. `tried`: each case with its outcome; `formats`: by name, of the probed golds the share
    that is accepted as it is; `threshold`: the reward from which an answer counts as accepted."""

    reward: str
    signature: str
    form: Format
    given: bool  # the format is the user's choice
    threshold: float
    formats: dict[str, float]
    wanted_golds: int
    left: int = 0  # cases that there was no time for
    given_up: bool = False
    seconds: float = 0.0
    tried: list[tuple[Case, Outcome]] = field(default_factory=list)

    @property
    def golds(self) -> int:
        """The golds that were tried."""
        return len({(case.gold.answer, case.gold.answer_type) for case, _ in self.tried if case.why == AS_IS})

    def accepted(self, outcome: Outcome) -> bool:
        """Whether so much was paid that the answer counts as right."""
        return outcome.value is not None and outcome.value >= self.threshold

    def cases(self, right: bool | None) -> list[tuple[Case, Outcome]]:
        """The tried cases that are right, wrong (False), or right for a generous judge (None)."""
        return [(case, outcome) for case, outcome in self.tried if case.right is right]

    @property
    def false_positives(self) -> list[Case]:
        """Wrong answers that were accepted."""
        return [case for case, outcome in self.cases(False) if self.accepted(outcome)]

    @property
    def false_negatives(self) -> list[Case]:
        """Right answers, plainly written, that were not."""
        return [case for case, outcome in self.cases(True) if not self.accepted(outcome)]

    @property
    def faults(self) -> list[tuple[Case, str]]:
        """Calls that raised, hung or ended the process."""
        return [(case, outcome.fault) for case, outcome in self.tried if outcome.fault]

    @property
    def tpr(self) -> float:
        """The share of right answers, plainly written, that is accepted."""
        return 1 - len(self.false_negatives) / max(1, len(self.cases(True)))

    @property
    def fpr(self) -> float:
        """The share of the battery's wrong answers that is accepted."""
        return len(self.false_positives) / max(1, len(self.cases(False)))

    @property
    def youden(self) -> float:
        """Youden's J, TPR - FPR (Cancer 3, 1950, 32): 1 for a perfect judge, 0 for one that does not tell."""
        return self.tpr - self.fpr

    @property
    def as_they_are(self) -> float:
        """The share of golds that is accepted as it is."""
        plain = [outcome for case, outcome in self.cases(True) if case.why == AS_IS]
        return sum(map(self.accepted, plain)) / max(1, len(plain))

    def fails(self, limit: int) -> bool:
        """Whether it may not be trained on: too many wrong answers are paid, calls fail, or right ones go unpaid."""
        return len(self.false_positives) > limit or bool(self.faults) or self.as_they_are < LEAST


def lint(
    name: str,
    golds: Sequence[Gold],
    *,
    style: str | None = None,
    signature: str | None = None,
    accept: float | None = None,
    skip: Sequence[str] = (),
    call_seconds: float = 2.0,
    within: float = 8.0,
) -> Result:
    """Call the reward `name` (`calling.load`) with right and wrong answers to these golds.

    style: a format's name or a template with {answer}; None: the one in which most golds are accepted. accept: the
    least reward of an accepted answer; None: half-way between what a wrong and a right answer earn in that format.
    skip: attacks to leave out. call_seconds: after which one call hangs. within: seconds after which no further case
    is tried, but the first. Raises `UserError` for a mistake in these.
    """
    began = time.monotonic()
    for attack in skip:
        if attack not in battery.attacks():
            raise UserError(f"--skip {attack!r}{nearest(attack, battery.attacks())}")
    forms = {form.name: form for form in [chosen(style)]} if style else battery.formats()
    with Apart(name, golds, signature, call_seconds) as reward:
        probed = golds[: max(PROBED, len({gold.answer_type for gold in golds}))]
        chat, paid = _probed(reward, forms, probed)
        best, unpaid = _best(reward, forms, paid, probed, chat)
        threshold = _threshold(paid[best], unpaid) if accept is None else accept
        result = Result(
            name, reward.signature, forms[best], style is not None, threshold,
            {form: fmean(value >= threshold for value in right) for form, right in paid.items()}, len(golds),
        )  # fmt: skip
        cases = _cases(golds, forms[best], skip)
        for case in cases:
            if result.tried and time.monotonic() - began > within:
                break
            result.tried.append((case, reward.call(case.completion, case.gold, chat)))
        result.left = len(cases) - len(result.tried)
        result.tried = [(case, outcome) for case, outcome in result.tried if outcome != Outcome()]
        result.given_up, result.seconds = reward.given_up, time.monotonic() - began
    return result


def chosen(style: str) -> Format:
    """The format of this name, or the one that a template with {answer}, and perhaps {reasoning}, describes."""
    if style in battery.formats():
        return battery.formats()[style]
    match = _TEMPLATE.fullmatch(style)
    if not match:
        raise UserError(
            f"--style {style!r}{nearest(style, battery.formats())}; or give a template with {{answer}} in it"
        )
    before = match["before"] or ""
    return Format("yours", before, match["answer"], "</" in before)


def _probed(reward: Apart, forms: dict[str, Format], golds: Sequence[Gold]) -> tuple[bool, dict[str, list[float]]]:
    """Whether completions are conversations (where TRL's are no texts), and what golds earn in each format: all of them
    where the first earned something, or earned nothing in any."""

    def called(gold: Gold, chat: bool, names: Iterable[str]) -> dict[str, Outcome]:
        return {name: reward.call(forms[name].write(gold.answer), gold, chat) for name in names}

    first, chat = called(golds[0], False, forms), False
    if reward.signature == "trl" and all(outcome.fault for outcome in first.values()):
        first, chat = called(golds[0], True, forms), True
    paid = {name: [outcome.value or 0.0] for name, outcome in first.items()}
    promising = [name for name, values in paid.items() if values[0]] or list(forms)
    for gold in golds[1:]:
        for name, outcome in called(gold, chat, promising).items():
            paid[name].append(outcome.value or 0.0)
    return chat, paid


def _best(
    reward: Apart, forms: dict[str, Format], paid: dict[str, list[float]], golds: Sequence[Gold], chat: bool
) -> tuple[str, list[float]]:
    """The format in which golds earn most, wrong answers least where several do, and what these earn in it."""
    most = max(map(fmean, paid.values()))
    unpaid = {
        name: [
            reward.call(forms[name].write(battery.other(g, _others(g, golds))), g, chat).value or 0.0
            for g in golds[:PROBED]
        ]
        for name, right in paid.items()
        if fmean(right) == most
    }
    best = min(unpaid, key=lambda name: fmean(unpaid[name]))
    return best, unpaid[best]


def _threshold(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Half-way between what a wrong and a right answer earn; where right is no better, whatever is paid."""
    paid, unpaid = max(right), median(wrong)
    return (paid + unpaid) / 2 if paid > unpaid else max(paid, 1e-9)


def _others(gold: Gold, golds: Sequence[Gold]) -> list[str]:
    return [other.answer for other in golds if other.answer_type == gold.answer_type]


def _cases(golds: Sequence[Gold], form: Format, skip: Sequence[str]) -> list[Case]:
    """All cases, none twice, one of each kind in turn: so a slow reward meets every attack before its time is up. Those
    of fixed golds take the other columns of the first gold of their type, for which a reward may ask."""
    plain: dict[str, Gold] = {}  # by type the first gold that no numbers are given for
    for gold in golds:
        if gold.answer_type == "choice" or not gold.options:
            plain.setdefault(gold.answer_type, gold)
    cases = []
    for gold in golds:
        cases += [*battery.right(gold, form), *battery.wrong(gold, form, _others(gold, golds))]
    for case in battery.fixed_wrong(list(plain), form):
        model = plain[case.gold.answer_type]
        cases.append(replace(case, gold=replace(case.gold, row=model.row, column=model.column)))
    unique = {(case.gold.answer, case.gold.answer_type, case.completion): case for case in reversed(cases)}
    kinds: Counter[str] = Counter()
    ranked = []
    for case in reversed(unique.values()):
        if case.why not in skip:
            ranked.append((kinds[case.why], case))
            kinds[case.why] += 1
    return [case for _, case in sorted(ranked, key=lambda pair: (pair[0], pair[1].why != AS_IS))]
