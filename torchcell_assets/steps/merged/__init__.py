"""merged: what the query selected, de-duplicated to one row per genotype and condition, and nested samples of it.

independent.py (which measurements are one and the same) and pooling.sql feed fitness.py; subsets.py takes the samples
and decides the split.
"""
