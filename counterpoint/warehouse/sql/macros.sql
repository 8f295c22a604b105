-- The Wilson score interval, 95 %, of k correct out of n (Wilson, JASA 22 (1927) 209); (0, 1) when n is 0.
-- z = 1.959963984540054 is the 97.5 % point of the normal distribution, z * z = 3.841458820694124.
create macro wilson_low(k, n) as greatest(0.0,
    (k + 1.920729410347062 - 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0) + 0.960364705173531))
    / (n + 3.841458820694124));

create macro wilson_high(k, n) as least(1.0,
    (k + 1.920729410347062 + 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0) + 0.960364705173531))
    / (n + 3.841458820694124));

-- The standard error of a sum over items that come in clusters, from one row a cluster: its `residual`, the sum over its
-- items of their distances from the mean (Miller, arXiv 2411.00640), times √(C / (C − 1)) for C clusters (Liang and
-- Zeger, Biometrika 73 (1986) 13). Divided by the number of items it is that of their mean; null for a single cluster.
create macro clustered_error(residual, cluster) as
    sqrt(sum(residual ** 2 order by cluster) * count(*) / nullif(count(*) - 1, 0));
