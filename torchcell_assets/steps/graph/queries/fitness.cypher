// Fitness of every genotype, as measured or derived from measurements; never simulated.
//
// $build: the build that Dagster materialized; $lo <= ordinal < $hi is one page. One row is one experiment; the reader
// turns a page into columns. What is selected is decided by walking the edges: an experiment of which a PERTURBS edge
// is missing is not the genotype that was measured, and is left out.
MATCH (s:Screen)-[:MEASURED]->(e:Experiment:Fitness {build: $build})
WHERE $lo <= e.ordinal AND e.ordinal < $hi AND e.evidence <> 'simulated'
MATCH (s)-[:UNDER]->(v:Environment)
MATCH (e)-[p:PERTURBS]->(g:Gene)
WITH s, e, v, p, g ORDER BY e.ordinal, p.position
WITH s, e, v, collect([g.id, p.kind, p.allele, p.zygosity]) AS perturbations
WHERE size(perturbations) = e.perturbation_count
RETURN e.id AS id,
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
       e.samples AS samples,
       perturbations
