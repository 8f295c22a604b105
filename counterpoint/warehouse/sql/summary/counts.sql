-- Trained runs, rewards that are called aligned and deceptive, and findings that are supported.
select
    (select count(*) from runs where method <> 'base'),
    (select count(*) from deceptive_rewards where verdict = 'aligned'),
    (select count(*) from deceptive_rewards where verdict = 'deceptive'),
    (select count(distinct finding) from findings where finding_verdict = 'supported')
