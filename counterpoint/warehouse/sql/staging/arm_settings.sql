-- What a run's arm asked for, from the settings that the run keeps (`params_json`, keys sorted, so that equal settings
-- are equal texts). `first_share` and `last_share`: the part of the sample that it learnt from, null for all of it;
-- `no_options`: its method without options; `no_settings`: nothing changed in the settings of its method.
select
    run_id,
    (params_json -> '$.arm.part[0]')::double as first_share,
    (params_json -> '$.arm.part[1]')::double as last_share,
    params_json ->> '$.arm.traces' as traces,
    coalesce((params_json -> '$.arm.options')::varchar = '{}', false) as no_options,
    coalesce((params_json -> '$.arm.settings')::varchar = '{}', false) as no_settings,
    (params_json -> '$.sft')::varchar as sft_settings,
    coalesce(params_json -> '$.rl', params_json -> '$.sft_then_rl')::varchar as rl_settings
from runs
