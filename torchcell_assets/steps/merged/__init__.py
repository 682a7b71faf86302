"""merged: what the query selected, de-duplicated to one row per genotype and condition, and nested samples of it.

Pages of records come from graph/read.py. identities.py turns genotypes into integers, runs.py keeps the memory bounded,
pooled.py and pooling.sql say what one bucket becomes, fitness.py writes and reads the result. subsets.py takes the
samples and decides the split.
"""
