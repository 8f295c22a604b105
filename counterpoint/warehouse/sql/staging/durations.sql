-- Seconds of a run, or of a trace set, by phase. The whole-run row of `train` holds only the last session of a resumed
-- run, so the seconds of training are those of its steps, each of which is recorded once.
select
    run_id,
    sum(seconds) filter (where phase = 'step') as train_seconds,
    sum(seconds) filter (where phase = 'generate') as generate_seconds,
    sum(seconds) filter (where phase = 'probe') as probe_seconds,
    sum(seconds) filter (where phase = 'evaluate') as evaluate_seconds,
    sum(seconds) filter (where phase = 'distill') as distill_seconds
from (from active_timings order by run_id, phase, step, started_at)
group by run_id
