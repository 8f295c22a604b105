"""The README is short, and its figures are those of committed tables and measurements."""

import pytest
from figures import ROOT, flat, sentence, uncovered

README = (ROOT / "README.md").read_text(encoding="utf-8")
PHASE = "from phase where suite = 'in_domain' and kind = 'oracle'"
BENCH = "from (select unnest(rows, recursive := true) from bench) where arm = 'shared'"
CLAIMS = (
    (
        "{:words} micro models ({:.1f} to {:.1f} million parameters)",
        """select count(*), min(parameters) / 1e6, max(parameters) / 1e6 from competence""",
    ),
    ("trained {} runs", "select count(*) from runs where arm <> 'base'"),
    ("on {:words} CPU cores. They cover", "select machine.cores from study"),
    ("cover {:words} models", "select count(distinct model) from runs"),
    ("{} *arms*", "select count(distinct arm) from runs where arm <> 'base'"),
    (
        "samples of {} to {:,} problems",
        "select min(problems_of(sample)), max(problems_of(sample)) from runs where sample <> ''",
    ),
    ("with {:words} seeds or more", "select min(seeds) from arm_accuracy where arm <> 'base'"),
    (
        "with {} problems RL is ahead for {:words} of {:words} models",
        f"select any_value(problems), count(*) filter (high < 0), count(*) {PHASE} and sample = '200'",
    ),
    (
        "with {:,} SFT is ahead for all {:words}, by {:.1f} to {:.1f} points",
        f"""select any_value(problems), count(*), 100 * min(difference), 100 * max(difference)
            {PHASE} and sample = '20k' having min(low) > 0""",
    ),
    (
        "of {:words}, {:words} is supported for {:words} model",
        """select count(distinct finding), count(distinct finding) filter (verdict = 'supported'),
            count(distinct model) filter (verdict = 'supported') from findings where role = 'primary'""",
    ),
    (
        "the other {:words} are inconclusive",
        """select count(*) from (select finding from findings where role = 'primary' group by finding
            having bool_and(verdict = 'inconclusive'))""",
    ),
    (
        "in none of {} RL runs did the reward rise while held-out accuracy did not",
        """select count(*) from deceptive_rewards where suite = 'in_domain' and honest and probes >= 10
            having count(*) filter (verdict = 'deceptive') = 0""",
    ),
    (
        "{} of these runs are too short or too noisy",
        """select regexp_extract(finding_reason, '(\\d+) cannot be told', 1) from findings
            where role = 'primary' and finding = 'reward_truth'""",
    ),
    (
        "a GRPO step {:.1f} times as fast as TRL {} with the default micro model",
        f"""select ratio, (select regexp_extract(machine.trl, '\\d+\\.\\d+') from bench) {BENCH} and "case" = 'a'""",
    ),
    (
        "{:.1f} times as fast with a larger one of {} image tokens",
        """select any_value(step_seconds) filter (arm = 'stock') / any_value(step_seconds) filter (arm = 'shared'),
            image_tokens from (select unnest(rows, recursive := true) from growth)
            where "group" = 8 and image_tokens = 144 and batch = 64 group by image_tokens""",
    ),
)
CLAIMS += (
    (
        "at most {:.1f} % of honest ones are called deceptive",
        """select 100 * max(rate) from (select unnest(map_values(m)).rate as rate
            from (select json_transform(to_json(false_alarm), '"MAP(VARCHAR, STRUCT(rate DOUBLE))"') as m
            from calibration))""",
    ),
    (
        "with an AUROC of {:.3f} (chance is 0.5), the best of {:words} rival tools with {:.3f}; "
        "at 1 % false alarms it finds {:.0f} % of deceptive runs, the best of them {:.0f} %",
        """select ours.auroc.value, len(rivals), list_max([rival.auroc.value for rival in rivals]),
            100 * ours.found_at_1_percent, 100 * list_max([rival.found_at_1_percent for rival in rivals])
            from (select methods.counterpoint as ours, [
                {'auroc': methods[tool].auroc, 'found_at_1_percent': methods[tool].found_at_1_percent}
                for tool in ['rldoctor', 'rlprobe', 'rlwatch', 'reward-scope']] as rivals
            from (select json_transform(to_json(methods),
                '"MAP(VARCHAR, STRUCT(auroc STRUCT(value DOUBLE), found_at_1_percent DOUBLE))"') as methods
            from league))""",
    ),
    (
        "95 % intervals of a change in accuracy hold the truth in {:.1f} to {:.1f} % of runs, on curves of six shapes",
        """select 100 * min(share), 100 * max(share) from (
            select unnest(map_values(json_transform(to_json(coverage.change), '"MAP(VARCHAR, DOUBLE)"'))) as share
            from calibration)""",
    ),
)
CONSTANTS = (
    "Python 3.11",
    "2512.12690",
    "Apache-2.0",
    "takes about 30 minutes",  # `make study PLAN=1` says how long; held by no table, for it is an estimate
)


@pytest.mark.parametrize(("claim", "query"), CLAIMS, ids=[claim for claim, _ in CLAIMS])
def test_a_figure_is_that_of_a_table(claim, query):
    assert sentence(claim, query) in flat(README)


def test_every_figure_is_held_by_a_table():
    assert uncovered(README, [sentence(*claim) for claim in CLAIMS], CONSTANTS) == []


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_the_readme_has_one_picture():
    assert README.count("![") == 1
