-- Greedy accuracy of every run on every suite.
select run_id, suite, accuracy from accuracy where condition = 'normal' and family = 'all' order by all
