"""merged: what the query selected, de-duplicated to one row per genotype and condition; nested samples of it; and each
sample as a key-value store.

Pages of records come from graph/read.py. identities.py turns genotypes into integers, runs.py keeps the memory bounded,
measurements.py says what counts as one measurement, between_publications.py how far publications differ, pooling.py
how measurements are pooled, pooled.py what one bucket becomes, fitness.py writes and reads the result. subsets.py takes the
samples and decides the split, sample_targets.py puts further targets beside them. key_value.py writes a sample as an LMDB file,
key_value_store.py reads it.
"""
