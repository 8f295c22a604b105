-- a probe counts exactly its items
with counted as (
    select run_id, step, suite, condition, decoding, count(*) as items, count(*) filter (where correct) as items_correct
    from probe_items group by all
)
select run_id, step, suite, condition, decoding, n, items, correct, items_correct
from probes full join counted using (run_id, step, suite, condition, decoding)
where n is distinct from items or correct is distinct from items_correct
