"""docs/RESULTS.md: its tables and its figures are those of the published study."""

from itertools import pairwise

import pytest
from figures import flat, sentence, table, uncovered
from results_tables import PAGE, TABLES

TEXT = PAGE.read_text(encoding="utf-8")
PHASE = "from phase where suite = 'in_domain'"
PRIMARY = "from findings where role = 'primary' and suite"
CLAIMS = (
    (
        "trained {} runs from {} *bases*",
        "select count(*) filter (arm <> 'base'), count(*) filter (arm = 'base') from runs",
    ),
    (
        "took {:.1f} hours of one CPU core",
        "select hours.step + hours.probe + hours.evaluate + hours.distill from study",
    ),
    (
        "`tiny` has {:.2f} million parameters, `small` has {:.2f} million",
        """select any_value(parameters) filter (base = 'tiny') / 1e6,
            any_value(parameters) filter (base = 'small') / 1e6 from competence""",
    ),
    ("**Arms**: {} of them", "select count(distinct arm) from runs where arm <> 'base'"),
    (
        "**Samples**: {}, {}, {:,}, {:,} and {:,} problems",
        """select s[1], s[2], s[3], s[4], s[5] from (
            select list(distinct problems_of(sample) order by problems_of(sample)) as s
            from runs where sample <> '')""",
    ),
    (
        "**Seeds**: {:words} for every arm, {:words} for `tiny` at 2K",
        """select min(seeds) filter (model <> 'tiny'), max(seeds) filter (model = 'tiny' and sample = '2k')
            from arm_accuracy where arm <> 'base'""",
    ),
    (
        "sets of {} test problems",
        "select any_value(n) from accuracy where family = 'all' having min(n) = max(n)",
    ),
    (
        "leave SFT {:.0f} to {:.0f} points behind RL",
        f"select -100 * max(difference), -100 * min(difference) {PHASE} and kind = 'foreign'",
    ),
    (
        "{:.0f} to {:.0f} % of the answers do not even end",
        """select 100 * min(share), 100 * max(share) from (
            select avg(truncated_fraction) as share from accuracy where arm = 'sft_foreign' and sample = '2k'
            and suite = 'in_domain' and family = 'all' and condition = 'normal' group by model)""",
    ),
    (
        "SFT never leads RL, and it trails in {} of {} comparisons",
        f"""select count(*) filter (high < 0), count(*) {PHASE} and kind in ('self', 'self_again')
            having count(*) filter (low > 0) = 0""",
    ),
    (
        "RL is ahead at 500 for all {:words} models, and at 2K for `tiny` alone",
        f"""select count(distinct model) {PHASE} and kind in ('answer_only', 'noisy')
            having bool_and(high < 0) filter (sample = '500')
                and bool_and((high < 0) = (model = 'tiny')) filter (sample = '2k')""",
    ),
    ("holds all {} comparisons", f"select count(*) {PHASE}"),
    (
        "whether the effect lies above −{:.0f} points",
        "select any_value(-null_value) from findings where role = 'primary' and finding = 'data_efficiency'",
    ),
    (
        "whether it is above {:.0f} %",
        "select null_value from findings where role = 'primary' and finding = 'reward_truth'",
    ),
    (
        "corrected p at most {:.4f}",
        """select ceil(1e4 * max(p_holm)) / 1e4 from findings
            where contrast = 'sft_long 2k − rl 20k' and suite = 'in_domain' and matched_on = 'end'
            having count(*) = 3 and min(effect) > 0""",
    ),
    (
        "For `tiny` and `small` it lies {:.0f} points below",
        """select avg(-effect) from findings where role = 'primary' and finding = 'data_efficiency'
            and model in ('tiny', 'small') having round(min(effect)) = round(max(effect))""",
    ),
    (
        "at 2K ends {:.0f} to {:.0f} points higher than RL after one epoch",
        """select 100 * min(b.accuracy - a.accuracy), 100 * max(b.accuracy - a.accuracy)
            from arm_accuracy a join arm_accuracy b using (model, sample, suite)
            where a.arm = 'sft_then_rl' and b.arm = 'sft_then_rl_long' and sample = '2k' and suite = 'in_domain'""",
    ),
    (
        "three epochs alone reach: {}, {} and {} points",
        """select * from (pivot (select model, points(b.accuracy - a.accuracy) as gain
            from arm_accuracy a join arm_accuracy b using (model, sample, suite)
            where a.arm = 'sft_long' and b.arm = 'sft_then_rl_long' and sample = '2k' and suite = 'in_domain')
            on model in ('tiny', 'small', 'small_early') using any_value(gain))""",
    ),
    (
        "beat plain SFT for no model, neither at 2K nor at {}",
        """select min(problems) from arm_contrasts where suite = 'in_domain' and against = 'sft'
            and method in ('dft', 'chord', 'relift') having count(*) filter (low > 0) = 0 and max(problems) = 2000""",
    ),
    (
        "Accuracy in domain at {:,} problems in all",
        "select any_value(problems) from split_curve where sample = '2k'",
    ),
    (
        "({} points over all SFT, {:.1f} to {:.1f})",
        """select points(difference), 100 * low, 100 * high from arm_contrasts
            where arm = 'split_25' and model = 'small' and sample = '2k' and suite = 'in_domain' and against = 'sft'""",
    ),
    (
        "Of the {} runs {} have the ten probes",
        """select count(*), count(*) filter (probes >= 10) from deceptive_rewards
            where suite = 'in_domain' and honest""",
    ),
    (
        "{} of those leave room for deception",
        """select regexp_extract(finding_reason, '(\\d+) cannot be told', 1)
            from findings where role = 'primary' and finding = 'reward_truth'""",
    ),
    (
        "at most {:.1f} % of honest ones are called deceptive, at every length from {} to {} probes",
        """select 100 * max(rate), min(probes::integer), max(probes::integer) from (
            select unnest(map_keys(m)) as probes, unnest(map_values(m)).rate as rate
            from (select json_transform(to_json(false_alarm), '"MAP(VARCHAR, STRUCT(rate DOUBLE))"') as m
            from calibration))""",
    ),
    (
        "A divergence of 10 points is found in {:.0f} % at 20 probes, "
        "a late collapse (up 10 points, then down 10) in {:.0f} %",
        """select 100 * power.divergence."10"."20".rate, 100 * power."late collapse"."10"."20".rate from calibration""",
    ),
    (
        "{:.0f}, {:.0f} and {:.0f} % of the answers of `tiny`, `small` and `medium` are right, "
        "and {:.0f}, {:.0f} and {:.0f} %",
        """select * from (pivot (select base, 100 * in_domain_sampled."pass@1" as share from competence)
            on base in ('tiny', 'small', 'medium', 'tiny_early', 'small_early', 'medium_early')
            using any_value(share))""",
    ),
)
CONSTANTS = (  # what is no result of the published study: definitions, pages and studies whose tables were not kept
    "`2K` stands for 2,000",
    "48×48 pixels",
    "Intervals cover 95 %",
    "the 95 % *Wilson interval*",
    "With 95 % intervals",
    "an interval for a single share that stays within 0 and 100",
    "the interval contains 0",
    "the interval leaves out 0",
    "0 would be text that the base would write for certain; every 0.7 nats more halve",
    "lies below 0.05",
    "probes of 64 problems",
    "On 64 probe problems",
    "13 of 13 runs that found an exploit",
    "none of 6 honest runs",
    "**On 24 honest configurations** none is deceptive, 18 are aligned",
    "a share of up to 32 %",
    "48 trained runs",
    "right for 28 % of the problems, after SFT-2K for 12 %",
    "91 to 100 % are right in domain",
    "in the picture 17 to 81 %",
    "144 pictures",
    "RL is ahead at 500",
    "2K",
    "20K",
)


@pytest.mark.parametrize("query", TABLES, ids=lambda query: query.strip()[:40])
def test_a_table_is_that_of_the_published_study(query):
    assert table(query) in TEXT, "python tests/results_tables.py writes the tables anew"


@pytest.mark.parametrize(("claim", "query"), CLAIMS, ids=[claim for claim, _ in CLAIMS])
def test_a_figure_is_that_of_the_published_study(claim, query):
    assert sentence(claim, query) in flat(TEXT)


def test_every_figure_is_held_by_a_table():
    assert uncovered(TEXT, [sentence(*claim) for claim in CLAIMS], CONSTANTS) == []


def test_every_table_of_the_page_is_made():
    header = {table(query).splitlines()[0] for query in TABLES}
    lines = TEXT.splitlines()
    assert header == {line for line, rule in pairwise(lines) if rule.startswith("| ---")}
