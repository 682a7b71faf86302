-- The meaning of a merge, in one statement over texts: slow, and of any size that fits in memory. Compared with the real one.
--
-- Sums run over scaled integers: a float mean differs between two runs of the same query in 3-8 % of the groups.
-- Scale of a value: 1e9. Weight of a measurement with standard error s: round(1e6 / s^2).
WITH measured AS (
    SELECT *,
           CASE uncertainty_type
               WHEN 'sample_sd' THEN CASE WHEN samples > 0 THEN uncertainty / sqrt(samples) END
               WHEN 'standard_error' THEN uncertainty
               WHEN 'bootstrap_se' THEN uncertainty
           END AS se
    FROM selected
    WHERE value IS NOT NULL
),
-- The same number published twice is one measurement: 3,114 of 3,157 ORFs with both a dma and an sn strain in
-- Costanzo 2016 carry the same value.
independent AS (
    SELECT genotype, temperature, medium_class, reference, evidence, publication, value, uncertainty,
           any_value(genes) AS genes, any_value("order") AS "order",
           bool_and(deletions_only) AS deletions_only, bool_and(haploid) AS haploid,
           min(se) AS se, max(samples) AS samples, list(id ORDER BY id) AS ids,
           CAST(round(value * 1e9) AS HUGEINT) AS scaled
    FROM measured
    GROUP BY genotype, temperature, medium_class, reference, evidence, publication, value, uncertainty
),
weighted AS (
    SELECT *,
           CASE WHEN se > 0 THEN CAST(round(1e6 / (se * se)) AS HUGEINT) END AS precision_weight,
           CAST(coalesce(samples, 1) AS HUGEINT) AS sample_weight
    FROM independent
),
pooled AS (
    SELECT genotype, temperature, medium_class, reference, evidence,
           any_value(genes) AS genes, any_value("order") AS "order",
           bool_and(deletions_only) AS deletions_only, bool_and(haploid) AS haploid,
           count(*) AS n,
           count(precision_weight) AS n_precise,
           count(samples) AS n_counted,
           sum(CAST(samples AS HUGEINT)) AS samples,
           sum(scaled) AS total, sum(scaled * scaled) AS squares,
           sum(precision_weight) AS precision_sum, sum(precision_weight * scaled) AS precision_total,
           sum(sample_weight) AS sample_sum, sum(sample_weight * scaled) AS sample_total,
           count(se) AS n_errors,
           sum(CAST(round(sample_weight * sample_weight * se * se * 1e18) AS HUGEINT)) AS error_total,
           list_sort(list_distinct(list(publication))) AS publications,
           list_sort(flatten(list(ids))) AS records,
           min(se) AS only_se
    FROM weighted
    GROUP BY genotype, temperature, medium_class, reference, evidence
)
SELECT genotype, temperature, medium_class, reference, evidence, genes, "order", deletions_only, haploid,
       CASE WHEN n = 1 THEN CAST(total AS DOUBLE) / 1e9
            WHEN n_precise = n THEN CAST(precision_total AS DOUBLE) / CAST(precision_sum AS DOUBLE) / 1e9
            ELSE CAST(sample_total AS DOUBLE) / CAST(sample_sum AS DOUBLE) / 1e9 END AS value,
       CASE WHEN n = 1 THEN only_se
            WHEN n_precise = n THEN sqrt(1e6 / CAST(precision_sum AS DOUBLE))
            WHEN n_errors = n THEN sqrt(CAST(error_total AS DOUBLE) / 1e18) / CAST(sample_sum AS DOUBLE)
       END AS standard_error,
       CASE WHEN n = 1 THEN 'single' WHEN n_precise = n THEN 'inverse_variance' ELSE 'sample_weighted' END AS pooling,
       n AS measurements,
       CASE WHEN n_counted = n THEN samples END AS samples,
       CASE WHEN n > 1 THEN
           sqrt(CAST(greatest(0, squares * n - total * total) AS DOUBLE) / (n * (n - 1.0))) / 1e9
       END AS heterogeneity,
       publications, records
FROM pooled
ORDER BY genotype, temperature, medium_class, reference, evidence
