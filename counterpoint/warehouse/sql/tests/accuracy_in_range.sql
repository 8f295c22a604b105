-- an accuracy lies in [0, 1] and inside its interval
select run_id, suite, condition, family, accuracy, low, high from accuracy
where not coalesce(accuracy between 0 and 1 and accuracy between low - 1e-9 and high + 1e-9 and correct <= n, false)
