"""Language models of proteins and DNA: from sequences to vectors.

Belongs here: which models there are, how they read a sequence, their forward passes. Does not: which gene has which sequence
(representations/sequences.py), where vectors are kept (representations/sequence_cache.py).
"""
