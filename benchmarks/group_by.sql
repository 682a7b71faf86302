-- What one writes first: the pages of benchmarks/merge.py merged by plain GROUP BY over texts, with the same rules of pooling
-- as far as these pages ask for them: one publication, every record with a standard error.
-- Not the merge of the project. It does not validate, hash, count what is excluded or compare publications or test consistency.
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
    SELECT genotype.* EXCLUDE ordinal, coalesce(temperature, -1) AS temperature, medium_class, assay, reference, evidence,
           laboratory, publication, id, value, uncertainty, samples,
           sqrt(coalesce(query_error, 0) ** 2 + coalesce(array_error, 0) ** 2) AS shared,
           CASE uncertainty_type
               WHEN 'sample_sd' THEN CASE WHEN samples > 0 THEN uncertainty / sqrt(samples) END
               WHEN 'standard_error' THEN uncertainty
               WHEN 'bootstrap_se' THEN uncertainty
           END AS se
    FROM read_parquet($pages || '/*.rows.parquet') JOIN genotype USING (ordinal)
    WHERE value IS NOT NULL
),
independent AS (
    SELECT genotype, temperature, medium_class, assay, reference, evidence, any_value(genes) AS genes,
           any_value("order") AS "order", any_value(deletions_only) AS deletions_only, any_value(haploid) AS haploid,
           list(publication) AS publications, list(id) AS ids, value, min(se) AS se, max(samples) AS samples,
           max(shared) AS shared
    FROM measured
    GROUP BY genotype, temperature, medium_class, assay, reference, evidence, laboratory, value, uncertainty
),
-- all measurements are of one publication: the mean of (x_i - x_j)^2 - se_i^2 - se_j^2 over all pairs of one genotype
between AS (
    SELECT greatest(0, sum(n * squares - total ** 2 - (n - 1) * errors) / sum(n * (n - 1) / 2)) AS variance
    FROM (
        SELECT count(*) AS n, sum(value) AS total, sum(value ** 2) AS squares, sum(se ** 2) AS errors
        FROM independent
        GROUP BY genotype, temperature, medium_class, assay, reference, evidence
        HAVING n > 1
    )
),
weighted AS (
    SELECT *, 1 / (se ** 2 + coalesce(variance, 0) / 2) AS weight FROM independent, between
)
SELECT genotype, temperature, medium_class, assay, reference, evidence, any_value(genes) AS genes,
       any_value("order") AS "order", any_value(deletions_only) AS deletions_only, any_value(haploid) AS haploid,
       CASE WHEN count(*) = 1 THEN any_value(value) ELSE sum(weight * value) / sum(weight) END AS value,
       CASE WHEN count(*) = 1 THEN sqrt(min(se) ** 2 + min(shared) ** 2)
            ELSE sqrt(greatest(1 / sum(weight), var_samp(value) / count(*)) + (sum(weight * shared) / sum(weight)) ** 2)
       END AS standard_error,
       sum(weight * shared) / sum(weight) AS shared_error, stddev_samp(value) AS heterogeneity,
       count(*) AS measurements, sum(samples) AS samples,
       list_sort(list_distinct(flatten(list(publications)))) AS publications, list_sort(flatten(list(ids))) AS records
FROM weighted
GROUP BY genotype, temperature, medium_class, assay, reference, evidence
ORDER BY genotype, temperature, medium_class, assay, reference, evidence;
