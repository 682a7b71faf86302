"""Raw file -> typed table: one module per publication. Belongs here: what its files look like. Does not: crosses in general."""
