-- A training run and each training run whose cost it carries: itself, and what it started from, back to the base.
with recursive chain as (
    select run_id, run_id as part, init_run from runs where method <> 'base'
    union
    select chain.run_id, parent.run_id, parent.init_run
    from chain
    join runs as parent on parent.run_id = chain.init_run
    where parent.method <> 'base'
)
select run_id, part from chain
