-- Records of one bucket -> one row per genotype and condition. Input table: selected, where `place` numbers genotype
-- and condition, `alone` says that a place has one record, `twice` that it may hold one number twice, `zero` that one of
-- its standard errors may be zero (see pooled.py). Parameters: none.
--
-- Sums run over scaled integers: a float mean differs between two runs of the same query in 3-8 % of the groups.
-- Scale of a value: 1e9. Weight of a measurement with standard error s: round(1e6 / s^2).
WITH measured AS (
    SELECT place, alone, twice, zero, publication, value, uncertainty, samples,
           CAST(round(value * 1e9) AS BIGINT) AS scaled,
           CASE uncertainty_type
               WHEN 'sample_sd' THEN CASE WHEN samples > 0 THEN uncertainty / sqrt(samples) END
               WHEN 'standard_error' THEN uncertainty
               WHEN 'bootstrap_se' THEN uncertainty
           END AS se
    FROM selected
),
-- The same number published twice is one measurement: 3,114 of 3,157 ORFs with both a dma and an sn strain in
-- Costanzo 2016 carry the same value.
independent AS (
    SELECT place, zero, se, samples, scaled FROM measured WHERE NOT alone AND NOT twice
    UNION ALL
    SELECT place, any_value(zero) AS zero, min(se) AS se, max(samples) AS samples, any_value(scaled) AS scaled
    FROM measured WHERE twice
    GROUP BY place, publication, value, uncertainty
),
weighted AS (
    SELECT *,
           CASE WHEN se > 0 THEN CAST(round(1e6 / (se * se)) AS HUGEINT) END AS precision_weight,
           coalesce(samples, 1) AS sample_weight
    FROM independent
),
pooled AS (
    SELECT place,
           count(*) AS n,
           count(precision_weight) AS n_precise,
           count(samples) AS n_counted,
           count(se) AS n_errors,
           min(se) AS only_se,
           sum(scaled) AS total, sum(CAST(scaled AS HUGEINT) * scaled) AS squares,
           sum(precision_weight) AS precision_sum, sum(precision_weight * scaled) AS precision_total,
           sum(sample_weight) AS sample_sum, sum(CAST(sample_weight AS HUGEINT) * scaled) AS sample_total,
           -- asked for only where not every standard error is positive
           sum(CASE WHEN zero THEN
               CAST(round(CAST(sample_weight AS DOUBLE) * sample_weight * se * se * 1e18) AS HUGEINT)
           END) AS error_total
    FROM weighted
    GROUP BY place
)
SELECT place,
       CASE WHEN n = 1 THEN CAST(total AS DOUBLE) / 1e9
            WHEN n_precise = n THEN CAST(precision_total AS DOUBLE) / CAST(precision_sum AS DOUBLE) / 1e9
            ELSE CAST(sample_total AS DOUBLE) / CAST(sample_sum AS DOUBLE) / 1e9 END AS value,
       CASE WHEN n = 1 THEN only_se
            WHEN n_precise = n THEN sqrt(1e6 / CAST(precision_sum AS DOUBLE))
            WHEN n_errors = n THEN sqrt(CAST(error_total AS DOUBLE) / 1e18) / CAST(sample_sum AS DOUBLE)
       END AS standard_error,
       CASE WHEN n = 1 THEN 'single' WHEN n_precise = n THEN 'inverse_variance' ELSE 'sample_weighted' END AS pooling,
       n AS measurements,
       CAST(CASE WHEN n_counted = n THEN sample_sum END AS UBIGINT) AS samples,
       CASE WHEN n > 1 THEN
           sqrt(CAST(greatest(0, squares * n - total * total) AS DOUBLE) / (n * (n - 1.0))) / 1e9
       END AS heterogeneity
FROM pooled
UNION ALL
SELECT place, CAST(scaled AS DOUBLE) / 1e9, se, 'single', 1, CAST(samples AS UBIGINT), NULL FROM measured WHERE alone
ORDER BY place
