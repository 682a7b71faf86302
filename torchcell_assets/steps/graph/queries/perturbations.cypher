// The perturbations of one page of experiments, one row an edge.
MATCH (e:Experiment {build: $build})-[p:PERTURBS]->(g:Gene)
WHERE $lo <= e.ordinal AND e.ordinal < $hi
RETURN e.ordinal AS ordinal,
       p.position AS position,
       g.id AS gene,
       p.kind AS kind,
       p.allele AS allele,
       p.zygosity AS zygosity,
       p.name AS name,
       p.marker AS marker,
       p.role AS role
