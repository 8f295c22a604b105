-- every reward term of a run is known to the code, with its kind
select distinct run_id, rewards.term from rewards left join term_kinds using (term)
where kind is null
