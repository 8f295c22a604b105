-- Every run, as matched comparisons need it.
select
    run_id, arm, method, model, sample, seed, init_run, coalesce(updates, 0) as updates, prompts_seen, generated_tokens,
    trained_tokens, params_json
from runs
order by run_id
