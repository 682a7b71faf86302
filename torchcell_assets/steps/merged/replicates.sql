-- Records of one bucket -> pairs of publications that measured one genotype at one temperature. Input table: selected,
-- as in pooling.sql, with `key` and `temperature`. Media differ, and are allowed to: it shows how far publications agree.
WITH means AS (
    SELECT key, temperature, publication, CAST(sum(CAST(round(value * 1e9) AS BIGINT)) AS DOUBLE) / count(*) / 1e9 AS value
    FROM selected
    GROUP BY key, temperature, publication
)
SELECT x.key, x.temperature, x.value AS x, y.value AS y,
       x.publication AS x_publication, y.publication AS y_publication
FROM means x JOIN means y
  ON x.key = y.key AND x.temperature = y.temperature AND x.publication < y.publication
ORDER BY ALL
