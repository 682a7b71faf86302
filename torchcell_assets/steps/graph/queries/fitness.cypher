// Fitness of every genotype, as measured or derived from measurements; never simulated.
//
// $build: the build that Dagster materialized; $lo <= ordinal < $hi is one page. One row is one experiment; the reader
// turns a page into columns, and reads the perturbations along the same edges (perturbations.cypher). An experiment of
// which a PERTURBS edge is missing is not the genotype that was measured, and is left out.
MATCH (e:Experiment:Fitness {build: $build})
WHERE $lo <= e.ordinal AND e.ordinal < $hi
  AND e.evidence <> 'simulated'
  AND COUNT { (e)-[:PERTURBS]->(:Gene) } = e.perturbation_count
MATCH (s:Screen)-[:MEASURED]->(e)
MATCH (s)-[:UNDER]->(v:Environment)
RETURN e.ordinal AS ordinal,
       e.id AS id,
       s.dataset AS dataset,
       s.publication AS publication,
       s.reference AS reference,
       v.medium_class AS medium_class,
       v.temperature AS temperature,
       e.evidence AS evidence,
       e.value AS value,
       e.upper_bound AS upper_bound,
       e.uncertainty AS uncertainty,
       e.uncertainty_type AS uncertainty_type,
       e.samples AS samples
