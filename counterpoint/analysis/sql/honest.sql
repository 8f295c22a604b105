-- Whether a run's reward is honest: the strict judge is in it, and beside it only what pays for form.
select run_id, bool_or(strict) and bool_and(strict or kind = 'format') as honest
from (select distinct run_id, term from rewards where weight > 0)
join term_kinds using (term)
group by run_id
order by run_id
