-- Every suite of every base beside what can be had there blind.
select
    blind.model, suite, n, accuracy, low, high, no_image, shuffled_image, majority,
    case measurable when true then 'yes' when false then 'no †' else 'not asked blind' end as measurable,
    case when solved_blind then 'solved blind' when not solved_blind then 'no' end as solved_blind
from blind
join models using (model)
join suites_in_order using (suite)
order by models.position, suites_in_order.position
