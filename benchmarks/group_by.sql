-- What one writes first: the pages of benchmarks/merge.py merged by plain GROUP BY over texts, with the same rules of pooling.
-- Not the merge of the project. It does not validate, hash, count what is excluded or keep pairs of publications.
-- Parameters: $pages, the folder. The result is sorted by the merge key.
CREATE TEMP TABLE genotype AS
SELECT ordinal,
       string_agg(identity, ' + ' ORDER BY identity) AS genotype,
       array_to_string(list_sort(list_distinct(list(gene))), '+') AS genes,
       count(DISTINCT gene) AS "order",
       bool_and(kind = 'deletion') AS deletions_only,
       bool_and(zygosity = 'haploid') AS haploid
FROM (
    SELECT *, concat_ws(':', gene, kind, CASE kind WHEN 'deletion' THEN 'delta' ELSE allele END, zygosity) AS identity
    FROM read_parquet($pages || '/*.edges.parquet')
)
GROUP BY ordinal;

CREATE TABLE fitness AS
WITH measured AS (
    SELECT genotype.* EXCLUDE ordinal, coalesce(temperature, -1) AS temperature, medium_class, reference, evidence,
           publication, id, value, uncertainty, samples, CAST(round(value * 1e9) AS BIGINT) AS scaled,
           CASE uncertainty_type
               WHEN 'sample_sd' THEN CASE WHEN samples > 0 THEN uncertainty / sqrt(samples) END
               WHEN 'standard_error' THEN uncertainty
               WHEN 'bootstrap_se' THEN uncertainty
           END AS se
    FROM read_parquet($pages || '/*.rows.parquet') JOIN genotype USING (ordinal)
    WHERE value IS NOT NULL
),
independent AS (
    SELECT genotype, temperature, medium_class, reference, evidence, any_value(genes) AS genes,
           any_value("order") AS "order", any_value(deletions_only) AS deletions_only, any_value(haploid) AS haploid,
           publication, list(id) AS ids, any_value(scaled) AS scaled, min(se) AS se, max(samples) AS samples
    FROM measured
    GROUP BY genotype, temperature, medium_class, reference, evidence, publication, value, uncertainty
),
weighted AS (
    SELECT *, CASE WHEN se > 0 THEN CAST(round(1e6 / (se * se)) AS HUGEINT) END AS weight,
           CAST(coalesce(samples, 1) AS HUGEINT) AS share
    FROM independent
)
SELECT genotype, temperature, medium_class, reference, evidence, any_value(genes) AS genes, any_value("order") AS "order",
       any_value(deletions_only) AS deletions_only, any_value(haploid) AS haploid,
       CASE WHEN count(*) = 1 THEN CAST(sum(scaled) AS DOUBLE) / 1e9
            WHEN count(weight) = count(*) THEN CAST(sum(weight * scaled) AS DOUBLE) / CAST(sum(weight) AS DOUBLE) / 1e9
            ELSE CAST(sum(share * scaled) AS DOUBLE) / CAST(sum(share) AS DOUBLE) / 1e9 END AS value,
       CASE WHEN count(*) = 1 THEN min(se)
            WHEN count(weight) = count(*) THEN sqrt(1e6 / CAST(sum(weight) AS DOUBLE)) END AS standard_error,
       count(*) AS measurements, sum(samples) AS samples,
       list_sort(list_distinct(list(publication))) AS publications, list_sort(flatten(list(ids))) AS records
FROM weighted
GROUP BY genotype, temperature, medium_class, reference, evidence
ORDER BY genotype, temperature, medium_class, reference, evidence;
