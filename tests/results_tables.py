"""The tables of docs/RESULTS.md, from the published study; `python tests/results_tables.py` writes them anew.

A table of the page is found by its first line, so a page may place them as it likes.
"""

from __future__ import annotations

import re

from figures import ROOT, table

PAGE = ROOT / "docs/RESULTS.md"
MODELS = ("tiny", "small", "small_early")
SUITES = ("in_domain", "rule_shift", "visual_shift", "text_twin", "perception")


def by_model(name: str, source: str, cell: str, order: str = "position") -> str:
    """A row for each `name` in the query `source`, a column for each model."""
    columns = ", ".join(f"any_value({cell}) filter (model = '{model}') as \"`{model}`\"" for model in MODELS)
    return f"select {name}, {columns} from ({source}) group by all order by {order}"


def without(query: str, *hidden: str) -> str:
    """The query without the columns that only order it."""
    return f"select * exclude ({', '.join(hidden)}) from ({query})"


LEADS = (
    """case when low > 0 then 'SFT ' when high < 0 then 'RL ' else 'neither ' end || ranged(difference, low, high)"""
)
LEADS_BY_SIZE = without(
    by_model(
        "format('{:,}', problems) as \"problems in the sample\", problems",
        "from phase where suite = 'in_domain' and kind = 'oracle'",
        LEADS,
        "problems",
    ),
    "problems",
)
KINDS = {
    "self": "the student's own, kept where right",
    "self_again": "the same, sampled from what `sft_self` became",
    "sibling": "of `small` after SFT on 20,000",
    "foreign": "correct, in another style",
    "answer_only": "no reasoning, the answer alone",
    "noisy": "a quarter of the steps wrong",
}
KIND_ROWS = ", ".join(
    f"({position}, '{kind}', '{meaning.replace(chr(39), 2 * chr(39))}')"
    for position, (kind, meaning) in enumerate(KINDS.items())
)
LEADS_BY_KIND = without(
    by_model(
        """'`' || kind || '`' as traces, meaning as "what they are", format('{:,}', problems) as sample,
            position, problems""",
        f"""from phase join (values {KIND_ROWS}) as kinds (position, kind, meaning) using (kind)
            where suite = 'in_domain'""",
        LEADS,
        "position, problems",
    ),
    "position",
    "problems",
)
NEARNESS = """
with kinds as (
    select kind, avg(accuracy) as accuracy, min(trace_nll) as nearest, max(trace_nll) as furthest,
        min(coverage) as least, max(coverage) as most, min(wrong_steps) as fewest, max(wrong_steps) as wrongest
    from trace_kinds where suite = 'in_domain' and sample = '2k' group by kind
)
select '`' || kind || '`' as traces, format('{:.2f}–{:.2f}', nearest, furthest) as "nats a token",
    case when least = most then format('{:.0f} %', 100 * most)
        else format('{:.0f}–{:.0f} %', 100 * least, 100 * most) end as "problems with a trace",
    case when wrongest is null then 'not checked' when fewest = wrongest then format('{:.0f} %', 100 * wrongest)
        else format('{:.0f}–{:.0f} %', 100 * fewest, 100 * wrongest) end as "false steps",
    percent(accuracy) as "accuracy after SFT"
from kinds order by furthest
"""
CLAIMS = """
with claims as (
    select coalesce(model_order(model), 0) as model_place,
        list_position(['capacity', 'data_efficiency', 'cross_modal', 'complementarity', 'reward_truth'], finding)
            as claim_place, *
    from findings where role = 'primary'
)
select claim as "claim of the paper", model, contrast as "what is compared",
    case when unit = 'logits'
            then hundredths(effect_logits) || ' logits (' || hundredths(low) || ' to ' || hundredths(high) || ')'
        when finding = 'reward_truth' then format('{:.0f} % ({:.0f} to {:.0f})', effect, low, high)
        else signed(effect) || ' (' || signed(low) || ' to ' || signed(high) || ')' end as "effect (95 % interval)",
    case when p_holm < 0.01 then format('{:.4f}', p_holm) else format('{:.2f}', p_holm) end as "p after Holm",
    case when verdict = 'inconclusive' then verdict else '**' || verdict || '**' end as verdict
from claims order by claim_place, model_place, contrast desc
"""
ACCURACY = """
with shown as (
    select r.model as base, r.arm as way, r.sample as drawn, a.suite as suite, percent(avg(a.accuracy)) as mean,
        percent(min(a.accuracy)) as least, percent(max(a.accuracy)) as most, percent(min(a.low)) as low,
        percent(max(a.high)) as high
    from accuracy a join runs r using (run_id)
    where a.family = 'all' and a.condition = 'normal' and r.arm in ('base', 'sft', 'rl', 'sft_then_rl')
        and coalesce(r.sample, '2k') in ('500', '2k', '20k')
    group by all
), cells as (
    select *, case when way = 'base' then mean || ' (' || low || '–' || high || ')'
        else mean || ' [' || least || '–' || most || ']' end as cell
    from shown
)
select '`' || base || '`' as model, '`' || way || '`' as arm, format('{:,}', problems_of(drawn)) as sample,
    SUITES
from cells group by base, way, drawn
order by model_order(base), coalesce(problems_of(drawn), 0), list_position(['base', 'sft', 'rl', 'sft_then_rl'], way)
""".replace("SUITES", ", ".join(f"any_value(cell) filter (suite = '{suite}') as {suite}" for suite in SUITES))
WAYS = {
    "sft_long": "SFT, three epochs",
    "sft_then_rl": "one epoch of SFT, then RL",
    "sft_then_rl_25": "a quarter of an epoch of SFT, then RL",
    "sft_then_rl_long": "three epochs of SFT, then RL",
    "split_25": "a quarter of the problems for SFT, the rest for RL",
    "split_50": "half for SFT, half for RL",
    "split_75": "three quarters for SFT, the rest for RL",
    "dft": "DFT: each token's loss weighted by its probability",
    "chord_mu": "CHORD-µ: SFT and RL in one loss, SFT's weight falling",
    "chord_phi": "CHORD-φ: the same, weighted by token",
    "relift": "ReLIFT: RL, with SFT on what it cannot solve",
    "sft_sibling": "SFT on the traces of a sibling",
    "sft_self": "SFT on traces of the student's own",
    "sft_self_again": "a second round of that",
    "sft_noisy": "SFT on traces with wrong steps",
    "sft_answer_only": "SFT on bare answers",
    "sft_foreign": "SFT on traces in another style",
}
WAY_ROWS = ", ".join(
    f"({position}, '{arm}', '{meaning.replace(chr(39), 2 * chr(39))}')"
    for position, (arm, meaning) in enumerate(WAYS.items())
)
OTHER_WAYS = without(
    by_model(
        "'`' || arm || '`' as arm, meaning as \"what it is\", position",
        f"""from arm_contrasts join (values {WAY_ROWS}) as ways (position, arm, meaning) using (arm)
            where sample = '2k' and against = 'sft' and suite = 'in_domain'""",
        "contrast(difference, low, high)",
    ),
    "position",
)
SPLIT = without(
    by_model(
        "format('{:.0f} %', 100 * share) as \"problems for SFT\", share",
        "from split_curve where suite = 'in_domain' and sample = '2k'",
        "percent(accuracy) || ' (' || percent(low) || '–' || percent(high) || ')'",
        "share",
    ),
    "share",
)
LONGER = without(
    by_model(
        'question as "three epochs of SFT against …", position',
        """select 0 as position, '`rl` on 20,000, at the end of both' as question, model, effect, low, high
            from findings where contrast = 'sft_long 2k − rl 20k' and suite = 'in_domain' and matched_on = 'end'
        union all select 1, '`sft_then_rl` on 2,000, at equal updates', model, -effect, -high, -low from findings
            where contrast = 'sft_then_rl 2k − sft_long 2k' and suite = 'in_domain' and matched_on = 'updates'
        union all select 2, '`sft_then_rl` on 2,000, at equal prompts', model, -effect, -high, -low from findings
            where contrast = 'sft_then_rl 2k − sft_long 2k' and suite = 'in_domain' and matched_on = 'prompts'""",
        "contrast(effect / 100, low / 100, high / 100)",
    ),
    "position",
)
FORGETTING = """
with asked as (
    select model, arm, suite, accuracy from arm_accuracy
    where suite in ('perception', 'rule_shift') and (sample = '2k' and arm in ('sft', 'rl') or arm = 'base')
)
select suite, '`' || model || '`' as model,
    percent(any_value(accuracy) filter (arm = 'base')) as base,
    percent(any_value(accuracy) filter (arm = 'rl')) as "after `rl`",
    percent(any_value(accuracy) filter (arm = 'sft')) as "after `sft`"
from asked group by suite, asked.model order by suite, model_order(asked.model)
"""
LEAST_FORGOTTEN = """
with bases as (select model, accuracy as base from arm_accuracy where arm = 'base' and suite = 'perception')
select '`' || arm || '`' as arm, points(avg(accuracy - base)) as "change in perception"
from arm_accuracy join bases using (model) where suite = 'perception' and sample = '2k'
group by arm order by avg(accuracy - base) desc limit 6
"""
EFFICIENT = """
with efficient as (select * from cost_curve where efficient_by_seconds and arm <> 'base')
select '`' || model || '`' as model,
    string_agg(format('`{}` {} ({:.0f} %)', arm, sample, 100 * accuracy), ', ' order by spent_seconds)
        as "more accurate than anything cheaper, cheapest first"
from efficient group by efficient.model order by model_order(efficient.model)
"""
TRUTH = """
select format('{:,}', problems_of(sample)) as "problems in the sample", count(*) as "RL runs",
    count(*) filter (verdict = 'deceptive') as deceptive, count(*) filter (verdict = 'aligned') as aligned,
    count(*) filter (verdict = 'saturated') as saturated, count(*) filter (verdict = 'inconclusive') as inconclusive
from deceptive_rewards where suite = 'in_domain' and honest
group by deceptive_rewards.sample order by problems_of(deceptive_rewards.sample)
"""
TABLES = (
    LEADS_BY_SIZE, LEADS_BY_KIND, NEARNESS, CLAIMS, ACCURACY, OTHER_WAYS, SPLIT, LONGER, FORGETTING, LEAST_FORGOTTEN,
    EFFICIENT, TRUTH,
)  # fmt: skip


def main() -> None:
    """Put every table into the page, in the place of the one with the same first line."""
    page = PAGE.read_text(encoding="utf-8")
    for query in TABLES:
        text = table(query)
        first = re.escape(text.splitlines()[0])
        page, places = re.subn(rf"^{first}\n(\|.*\n)*", lambda _, text=text: text + "\n", page, flags=re.MULTILINE)
        assert places == 1, f"{PAGE} has {places} tables that begin: {text.splitlines()[0]}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
