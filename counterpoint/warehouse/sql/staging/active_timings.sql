-- Timings without pauses: a step that took over 20 times its run's median was not training all the while (a stopped
-- process, a machine asleep) and counts as the median.
select
    * exclude (seconds, typical),
    if(phase in ('step', 'generate') and seconds > 20 * typical, typical, seconds) as seconds
from (select *, median(seconds) over (partition by run_id, phase) as typical from timings)
