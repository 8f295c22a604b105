-- Greedy accuracy by method, in domain and on the text twin.
select suite, method, avg(accuracy) as accuracy
from (from accuracy order by all)
where condition = 'normal' and family = 'all' and suite in ('in_domain', 'text_twin')
group by all
order by all
