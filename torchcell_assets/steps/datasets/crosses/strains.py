"""Crosses of two published strains, at the speed of integers: what is known of a strain is looked up by its number.

Belongs here: the table of strains by number, and the columns of a record that follow from which strains were crossed. Does
not: which kind of allele a strain code means (one table per publication), files.

A pair file has millions of rows and some ten thousand strains, so everything textual is made once per strain and gathered.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from torchcell_assets.schema.genotype import GENE_SEPARATOR, PERTURBATION_SEPARATOR, identity, perturbation
from torchcell_assets.schema.records import Record

_PERTURBATION = Record.columns()["perturbations"].dtype.inner  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Strains:
    """Strains by number, in the order of the text of their identity, so that the smaller number is the first of a pair.

    strain: ids; identity: `gene:kind:allele:zygosity`; perturbation: the struct of a record; genes: the systematic names,
    sorted; gene_number: of each strain, the place of its gene there.
    """

    strain: pl.Series
    identity: pl.Series
    perturbation: pl.Series
    genes: pl.Series
    gene_number: np.ndarray

    @classmethod
    def of(cls, table: pl.DataFrame) -> "Strains":
        """table: `strain`, `gene`, `kind`, `allele` (as published), `name`, `marker`, `role`; one row a strain, haploid."""
        structs = perturbation(
            pl.col("gene"),
            pl.col("kind"),
            allele=pl.col("allele"),
            name=pl.col("name"),
            marker=pl.col("marker"),
            role=pl.col("role"),
        )
        made = table.with_columns(perturbation=structs)
        field = pl.col("perturbation").struct.field
        ordered = made.with_columns(identity=identity(field)).sort("identity", "strain", nulls_last=True)
        genes = ordered["gene"].unique().sort()
        place = genes.search_sorted(ordered["gene"]).to_numpy()
        return cls(ordered["strain"], ordered["identity"], ordered["perturbation"].cast(_PERTURBATION), genes, place)

    def numbers(self, strains: pl.Series) -> pl.Series:
        """The number of each strain; null for one that is not known."""
        return strains.cast(pl.Enum(self.strain), strict=False).to_physical().cast(pl.UInt32)


def of_crosses(strains: Strains, query: pl.Series, array: pl.Series) -> pl.DataFrame:
    """`perturbations`, `genotype`, `genes`, `order` and `strain` of crosses; the same as schema/genotype.py makes of each.

    query, array: numbers of strains, none of them null.
    """
    numbers = np.column_stack([query.to_numpy(), array.to_numpy()])
    ordered = np.sort(numbers, axis=1)
    genes = np.sort(strains.gene_number[numbers], axis=1)
    pairs = strains.perturbation.gather(ordered.ravel()).reshape((len(query), 2)).arr.to_list()
    texts = pl.DataFrame(
        {
            "perturbations": pairs,
            "first": strains.identity.gather(ordered[:, 0]),
            "second": strains.identity.gather(ordered[:, 1]),
            "gene": strains.genes.gather(genes[:, 0]),
            "other": strains.genes.gather(genes[:, 1]),
            "same": genes[:, 0] == genes[:, 1],
            "query": strains.strain.gather(query),
            "array": strains.strain.gather(array),
        }
    )
    return texts.select(
        "perturbations",
        genotype=pl.concat_str("first", "second", separator=PERTURBATION_SEPARATOR),
        genes=pl.when("same").then("gene").otherwise(pl.concat_str("gene", "other", separator=GENE_SEPARATOR)),
        order=pl.when("same").then(1).otherwise(2).cast(pl.UInt8),
        strain=pl.concat_str("query", "array", separator=" x "),
    )
