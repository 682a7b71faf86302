"""Every number of a data root of the study `screens` again, from the raw files, by code that shares nothing with the project.

Belongs here: a second reading of the published files, and everything that follows from it, written from the words of the README,
the design and the docstrings. Does not: an import of torchcell_assets (a test forbids it), polars but to read
what is stored, speed.

    TORCHCELL_MIRROR=... .venv/bin/python -m benchmarks.audit DATA_ROOT

prints a table of what differs by more than its tolerance, and exits with 1 where anything does. printed.py reads the files,
genes.py the genome, singles.py and crosses.py make records, pooling.py the merged table, samples.py subsets and splits,
vectors.py representations, models.py features, refits and baselines, scores.py scores; stored.py reads the data root, held.py
and compare.py hold one against the other.
"""
