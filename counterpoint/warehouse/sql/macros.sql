-- The Wilson score interval, 95 %, of k correct out of n (Wilson, JASA 22 (1927) 209); (0, 1) when n is 0.
-- z = 1.959963984540054 is the 97.5 % point of the normal distribution, z * z = 3.841458820694124.
create macro wilson_low(k, n) as greatest(0.0,
    (k + 1.920729410347062 - 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0) + 0.960364705173531))
    / (n + 3.841458820694124));

create macro wilson_high(k, n) as least(1.0,
    (k + 1.920729410347062 + 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0) + 0.960364705173531))
    / (n + 3.841458820694124));
