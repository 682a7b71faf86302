"""merged: what the query selected, de-duplicated to one row per genotype and condition; nested samples of it; and each
sample as a key-value store.

independent.py (which measurements are one and the same) and pooling.sql feed fitness.py; subsets.py takes the samples
and decides the split. key_value.py writes a sample as an LMDB file, key_value_store.py reads it.
"""
