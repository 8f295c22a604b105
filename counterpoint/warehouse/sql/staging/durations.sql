-- Seconds of a run, or of a trace set, by phase. The whole-run row of `train` holds only the last session of a resumed
-- run, so the seconds of training are those of its steps, each of which is recorded once. A step that took over 20 times
-- its run's median was not training all the while (a stopped process, a machine asleep) and counts as the median.
with timed as (
    select *, median(seconds) over (partition by run_id, phase) as typical from timings
),

paced as (
    select
        * exclude (seconds, typical),
        if(phase in ('step', 'generate') and seconds > 20 * typical, typical, seconds) as seconds
    from timed
)

select
    run_id,
    sum(seconds) filter (where phase = 'step') as train_seconds,
    sum(seconds) filter (where phase = 'generate') as generate_seconds,
    sum(seconds) filter (where phase = 'probe') as probe_seconds,
    sum(seconds) filter (where phase = 'evaluate') as evaluate_seconds,
    sum(seconds) filter (where phase = 'distill') as distill_seconds
from (from paced order by run_id, phase, step, started_at)
group by run_id
