"""The paper's claims as data: which arms are compared, where, and against which null (docs/PREREGISTRATION.md).

Paper: arXiv 2512.12690. Primary contrasts decide a finding; the others are reported beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALL, LARGE = "small", "large"  # the samples that params.yaml names under `claims`: 2k and 20k by default
OTHERS = "others"  # every suite of the study but those of the claim's primary contrasts
MARGIN = -3.0  # points of accuracy that SFT may lose and still count as not inferior


@dataclass(frozen=True)
class Side:
    """One arm on one sample."""

    arm: str
    sample: str  # SMALL or LARGE


@dataclass(frozen=True)
class Contrast:
    """Accuracy of `first` minus that of `second` against the null, for each model that has both.

    A `logit_interaction` is that difference, in logits, of the weaker of two models minus that of the stronger.
    """

    first: Side
    second: Side
    suite: str  # a suite, or OTHERS
    kind: str = "difference"  # or logit_interaction
    null: float = 0.0  # points; logits in a logit_interaction
    primary: bool = False
    pair: tuple[str, str] | None = None  # the models of a logit_interaction; their bases say which is the weaker


@dataclass(frozen=True)
class Claim:
    """A finding to be; `joint`: the contrasts on one model and suite stand together, all or none."""

    finding: str
    text: str
    contrasts: tuple[Contrast, ...]
    joint: bool = False
    untested: str = ""  # why there is no contrast


SFT, SFT_LARGE = Side("sft", SMALL), Side("sft", LARGE)
RL, RL_LARGE = Side("rl", SMALL), Side("rl", LARGE)
SEQUENCE, LONG = Side("sft_then_rl", SMALL), Side("sft_long", SMALL)
LEAD = "logit_interaction"

CLAIMS = (
    Claim(
        "capacity",
        "SFT's lead over RL is larger for the weaker model",
        (
            Contrast(SFT, RL, "in_domain", LEAD, primary=True, pair=("small_early", "small")),
            Contrast(SFT, RL, "in_domain", LEAD, pair=("tiny", "small")),
            Contrast(SFT_LARGE, RL_LARGE, "in_domain", LEAD, pair=("tiny", "small")),
        ),
    ),
    Claim(
        "data_efficiency",
        "SFT on the small sample is not inferior to RL on the large one",
        (
            Contrast(SFT, RL_LARGE, "in_domain", null=MARGIN, primary=True),
            Contrast(LONG, RL_LARGE, "in_domain", null=MARGIN),
            Contrast(SFT, RL_LARGE, OTHERS, null=MARGIN),
        ),
    ),
    Claim(
        "cross_modal",
        "SFT carries over from pictures to words better than RL",
        (
            Contrast(SFT_LARGE, RL_LARGE, "text_twin", primary=True),
            Contrast(SFT, RL, "text_twin"),
            Contrast(SFT_LARGE, RL_LARGE, "text_reasoning"),
        ),
    ),
    Claim(
        "complementarity",
        "SFT followed by RL beats either alone",
        (
            Contrast(SEQUENCE, SFT, "in_domain", primary=True),
            Contrast(SEQUENCE, RL, "in_domain", primary=True),
            Contrast(SEQUENCE, SFT, OTHERS),
            Contrast(SEQUENCE, RL, OTHERS),
        ),
        joint=True,
    ),
    Claim(
        "reward_truth",
        "a higher reward often does not mean better reasoning",
        (),
        untested="no honest RL run of this study has the ten probes that it takes",
    ),
)

# the suites of primary contrasts, which are also compared on probes at equal budgets
PROBED = sorted({contrast.suite for claim in CLAIMS for contrast in claim.contrasts if contrast.primary})
