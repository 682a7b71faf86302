// Interaction scores of every genotype, as measured or derived from measurements; never simulated.
//
// $build: the build that Dagster materialized; $lo <= ordinal < $hi is one page. One row is one experiment; the reader
// turns a page into columns, and reads the perturbations along the same edges (perturbations.cypher). An experiment of
// which a PERTURBS edge is missing is not the genotype that was measured, and is left out. What a screen says of all its
// experiments is read once.
MATCH (e:Experiment:Interaction {build: $build})
WHERE $lo <= e.ordinal AND e.ordinal < $hi
  AND e.evidence <> 'simulated'
  AND COUNT { (e)-[:PERTURBS]->() } = e.perturbation_count
MATCH (s:Screen)-[:MEASURED]->(e)
WITH s, collect(e) AS experiments
WITH s.dataset AS dataset, s.publication AS publication, s.laboratory AS laboratory,
     s.query AS query, s.assay AS assay, s.reference AS reference,
     s.medium_class AS medium_class, s.temperature AS temperature, experiments
UNWIND experiments AS e
RETURN e.ordinal AS ordinal,
       e.id AS id,
       dataset, publication, laboratory, query, assay, reference, medium_class, temperature,
       e.evidence AS evidence,
       e.score AS score,
       e.value AS value,
       e.uncertainty AS uncertainty,
       e.uncertainty_type AS uncertainty_type,
       e.query_error AS query_error,
       e.array_error AS array_error
