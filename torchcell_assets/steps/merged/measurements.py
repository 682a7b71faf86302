"""Records of one bucket -> measurements: what counts as one, and what is known of its error.

Belongs here: which records are one measurement. Does not: by how much measurements differ (between_publications.py), how they are
pooled (pooling.py), what the standard error of a single record is (runs.py).

Equal value and uncertainty of one genotype under one condition, in one laboratory, are one measurement: 3,114 of 3,157 ORFs
with both a dma and an sn strain in Costanzo 2016 carry the same number, and nearly all controls of a laboratory are printed
again in its next paper.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from torchcell_assets.steps.merged.identities import starts_of


@dataclass(frozen=True)
class Measurements:
    """Measurements sorted by place, in it by publication; arrays of one length.

    place: which genotype and condition, 0, 1, 2 ... value: relative to the reference. standard_error, shared: of it, and the
    part of its error that other measurements share, in its units; NaN where nothing states it. samples: 0 where not stated.
    publication, laboratory: numbers of the survey.
    """

    place: np.ndarray
    value: np.ndarray
    standard_error: np.ndarray
    shared: np.ndarray
    samples: np.ndarray
    publication: np.ndarray
    laboratory: np.ndarray

    def of(self, chosen: np.ndarray) -> "Measurements":
        """Those that a mask or an order of places chooses."""
        return Measurements(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def repeated(self) -> "Measurements":
        """Those of places that have several."""
        starts = starts_of(self.place)
        counts = np.diff(starts, append=len(self.place))
        return self.of(np.repeat(counts > 1, counts))


def measurements(bucket: pl.DataFrame, starts: np.ndarray) -> Measurements:
    """The measurements in a bucket, whatever the order of records within a place.

    bucket: what runs.py::buckets gives. starts: its row at which each place begins.
    Of records that are one measurement the smallest standard error is taken, the largest shared one, the largest number of
    samples, and the first of the publications.
    """
    counts = np.diff(starts, append=bucket.height)
    place = np.repeat(np.arange(len(starts)), counts)
    values = bucket["value"].to_numpy()
    records = Measurements(
        place,
        values,
        bucket["standard_error"].fill_null(np.nan).to_numpy(),
        bucket["shared"].fill_null(np.nan).to_numpy(),
        bucket["samples"].fill_null(0).cast(pl.UInt64).to_numpy(),
        bucket["publication"].to_numpy(),
        bucket["laboratory"].to_numpy(),
    )
    # of two records it is seen at once whether they say the same number
    crowded = counts > 2
    two = counts == 2
    crowded[two] = values[starts[two]] == values[starts[two] + 1]
    if crowded.any():
        mask = np.repeat(crowded, counts)
        uncertainty = bucket["uncertainty"].fill_null(-1.0).to_numpy()
        kept, once = records.of(~mask), _distinct(records.of(mask), uncertainty[mask])
        records = Measurements(
            *(np.concatenate([getattr(kept, name), getattr(once, name)]) for name in kept.__dataclass_fields__)
        )
    many = int(records.publication.max(initial=0)) + 1
    return records.of(np.argsort(records.place * many + records.publication, kind="stable"))


def _distinct(records: Measurements, uncertainty: np.ndarray) -> Measurements:
    """One for each laboratory, value and uncertainty of a place, sorted by these. uncertainty: as published, -1 for none."""
    order = np.lexsort((uncertainty, records.value, records.laboratory, records.place))
    rows, uncertainty = records.of(order), uncertainty[order]
    starts = starts_of(rows.place, rows.laboratory, rows.value, uncertainty)
    return Measurements(
        rows.place[starts],
        rows.value[starts],
        np.fmin.reduceat(rows.standard_error, starts),
        np.fmax.reduceat(rows.shared, starts),
        np.maximum.reduceat(rows.samples, starts),
        np.minimum.reduceat(rows.publication, starts),
        rows.laboratory[starts],
    )
