-- Every arm on every suite that it answered, and its runs by seed. Beside them, seed by seed and null where there is none,
-- stand the runs of plain SFT, of plain RL and, where the arm stands for a kind of traces, of the arm that stands for
-- oracle traces there. What is known of the traces that it imitated are means over its seeds.
with answered as (
    select run_id, suite, avg(correct::int) as accuracy
    from evals
    where condition = 'normal' and decoding = 'greedy' and sample_index = 0
    group by run_id, suite
),

asked as (
    select
        run_id, arm, method, runs.model, runs.sample, coalesce(runs.seed::varchar, 'none') as seed, suite, accuracy, kind
    from runs
    join answered using (run_id)
    left join trace_sets using (trace_set)
),

sizes as (
    select sample, count(*) as problems from samples group by sample
),

traces as (
    select
        arm, runs.model, runs.sample, avg(trace_nll order by run_id) as trace_nll,
        any_value(way order by run_id) as way, avg(accepted / attempts order by run_id) as acceptance,
        avg(solved / problems order by run_id) as coverage, avg(wrong_steps order by run_id) as wrong_steps,
        avg(teacher_tokens order by run_id) as teacher_tokens
    from runs
    join trace_sets using (trace_set)
    group by arm, runs.model, runs.sample
),

arms as (
    select
        asked.model, asked.arm, asked.sample, asked.suite, any_value(asked.method) as method,
        any_value(asked.kind order by asked.run_id) as kind, any_value(sft_arms.kind) as stands_for,
        any_value(base.accuracy) as base_accuracy, list(asked.run_id order by asked.seed) as runs,
        list(sft.run_id order by asked.seed) as sft_runs, list(rl.run_id order by asked.seed) as rl_runs,
        list(oracle.run_id order by asked.seed) as oracle_runs
    from asked
    left join sft_arms
        on sft_arms.model = asked.model and sft_arms.sample = asked.sample and sft_arms.arm = asked.arm
    left join asked as base
        on base.method = 'base' and base.model = asked.model and base.suite = asked.suite
    left join asked as sft
        on sft.arm = 'sft' and sft.model = asked.model and sft.sample = asked.sample and sft.seed = asked.seed
        and sft.suite = asked.suite
    left join asked as rl
        on rl.arm = 'rl' and rl.model = asked.model and rl.sample = asked.sample and rl.seed = asked.seed
        and rl.suite = asked.suite
    left join asked as oracle
        on oracle.arm = sft_arms.oracle_arm and oracle.model = asked.model and oracle.sample = asked.sample
        and oracle.seed = asked.seed and oracle.suite = asked.suite
    group by asked.model, asked.arm, asked.sample, asked.suite
)

select arms.*, problems, way, trace_nll, acceptance, coverage, wrong_steps, teacher_tokens
from arms
left join sizes using (sample)
left join traces using (arm, model, sample)
order by all
