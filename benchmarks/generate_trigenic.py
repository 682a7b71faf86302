"""Writes the tables of Kuzmin 2018 and 2020 in their published layout, at any size.

    python benchmarks/generate_trigenic.py FOLDER --rows 501510 --rows-2020 934595 --seed 1

What holds of generate_published.py holds here: real strains, alleles and single-mutant fitness, made-up interactions,
another sha256. The truth is in the tables: the adjusted score of a triple mutant is the tau that it was made of, so that
it follows from the fitness of its parts (steps/datasets/tau.py), but for rounding.

FOLDER gets `kuzmin2018/aao1729_data_s1.tsv` with its Data File S4, and `kuzmin2020/aaz5667-Table-S1.xlsx`, S3 and S5, as
spreadsheets below a title. Of eleven crosses nine are digenic and two trigenic, as in 2018; a hundredth of the queries
have no fitness, two spots of a hundred are missing, one standard deviation of ten thousand is exactly 0. The pilot
screens of 2020 (Table S3) repeat main screens, and spell 70 array strains otherwise.
"""

import argparse
import os
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets.crosses import trigenic
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES, read_strains
from torchcell_assets.steps.datasets.publications.kuzmin2018 import KUZMIN_2018_CROSSES, KUZMIN_2018_QUERIES
from torchcell_assets.steps.datasets.publications.kuzmin2020 import (
    KUZMIN_2020_MAIN,
    KUZMIN_2020_PILOT,
    KUZMIN_2020_QUERIES,
)

DIGENIC = 9 / 11
ARRAYS = 1181  # of the published screens
MISSING, UNKNOWN_QUERY, ZERO_SD = 0.02, 0.01, 1e-4
OTHERWISE_SPELLED = 70
PILOT = 139_821 / 934_595
TITLE = "Table: digenic and trigenic interactions (generated)"


@dataclass(frozen=True)
class Screens:
    """Single queries, double queries (`pairs` of singles), arrays; fitness printed as published, NaN where unknown."""

    queries: pl.DataFrame
    arrays: pl.DataFrame
    pairs: np.ndarray
    epsilon: np.ndarray


def design(strains: Path, rows: int, rng: np.random.Generator) -> Screens:
    """Queries and arrays for about `rows` crosses, and what singles do with every array."""
    smf = pl.col("Single mutant fitness (26°)").cast(pl.Float64, strict=False)
    named = pl.coalesce("published", pl.col("gene").str.to_lowercase())
    table = (
        read_strains(strains)
        .select(
            "strain",
            "gene",
            "code",
            allele=named + pl.when(pl.col("kind") == "deletion").then(pl.lit("Δ")).otherwise(pl.lit("")),
            fitness=smf,
        )
        .filter(pl.col("fitness").is_finite())
    )
    seed = int(rng.integers(1 << 31))
    pool = table.filter(pl.col("code").is_in(["dma", "tsa"])).sample(fraction=1, shuffle=True, seed=seed)
    arrays = pool.head(min(ARRAYS, max(12, rows // 8)))
    crosses = rows / (1 - MISSING) / arrays.height
    singles = max(3, round(DIGENIC * crosses))
    doubles = max(2, round((1 - DIGENIC) * crosses))
    pool = table.filter(pl.col("code").is_in(["sn", "tsq"])).unique("gene", keep="first", maintain_order=True)
    single = pool.filter(pl.col("gene") != "YDL227C").sample(singles, shuffle=True, seed=seed).select(
        query=pl.format("{}+YDL227C_tm{}", "gene", pl.int_range(1, pl.len() + 1)),
        query_allele=pl.col("allele") + "+hoΔ", gene="gene", allele="allele", fitness="fitness",
    )  # fmt: skip
    pairs = np.array([rng.choice(singles, 2, replace=False) for _ in range(doubles)])
    i, j = single[pairs[:, 0]], single[pairs[:, 1]]
    grown = i["fitness"].to_numpy() * j["fitness"].to_numpy() + rng.normal(0, 0.04, doubles)
    double = pl.DataFrame(
        {
            "query": [f"{a}+{b}_tm{n}" for n, (a, b) in enumerate(zip(i["gene"], j["gene"], strict=True), singles + 1)],
            "query_allele": i["allele"] + "+" + j["allele"],
            "gene": i["gene"],
            "allele": i["allele"],
            "fitness": np.clip(grown, 0.05, 1.5),
        }
    )
    queries = pl.concat([single, double]).with_columns(pl.col("fitness").round(4))
    return Screens(queries, arrays, pairs, rng.normal(0, 0.05, (singles, arrays.height)))


def screen(screens: Screens, rng: np.random.Generator, chosen: np.ndarray | None = None) -> pl.DataFrame:
    """The table of one round of screens, numbers as text; chosen: which queries, all by default."""
    single = screens.epsilon.shape[0]
    fitness = screens.queries["fitness"].to_numpy()
    unknown = rng.random(len(fitness)) < UNKNOWN_QUERY
    unknown[single:] = False
    array = screens.arrays["fitness"].to_numpy()
    noisy = np.round(screens.epsilon + rng.normal(0, 0.01, screens.epsilon.shape), 4)
    i, j = screens.pairs.T
    tau = np.round(rng.normal(0, 0.04, (len(i), len(array))), 4)
    raw = np.concatenate([noisy, noisy[i] * fitness[j, None] + noisy[j] * fitness[i, None] + tau])
    adjusted = np.concatenate([noisy, tau])
    q = np.where(unknown, 1.0, fitness)
    raw[:single][unknown[:single]] /= fitness[:single][unknown[:single], None]
    adjusted[:single] = raw[:single]
    kept = rng.random(raw.shape) >= MISSING
    if chosen is not None:
        kept[~np.isin(np.arange(len(kept)), chosen)] = False
    genes = screens.arrays["gene"].to_numpy()
    kept[:single] &= screens.queries["gene"].to_numpy()[:single, None] != genes
    for partner in (i, j):
        kept[single:] &= screens.queries["gene"].to_numpy()[partner, None] != genes
    rows, columns = np.nonzero(kept)
    n = len(rows)
    sd = np.round(rng.gamma(2.5, 0.014, n), 4) * (rng.random(n) >= ZERO_SD)
    z = np.abs(raw[rows, columns]) / np.maximum(sd, 1e-3)
    text = pl.Series
    queries, arrays = screens.queries[rows.tolist()], screens.arrays[columns.tolist()]
    return pl.DataFrame(
        {
            "query": queries["query"],
            "query_allele": queries["query_allele"],
            "array": arrays["strain"],
            "array_allele": arrays["allele"],
            "type": text(np.where(rows < single, "digenic", "trigenic")),
            "raw": raw[rows, columns],
            "adjusted": adjusted[rows, columns],
            "p": 0.5 * np.exp(-(np.minimum(z, 9) ** 1.5)),
            "query_fitness": np.where(unknown[rows], np.nan, fitness[rows]),
            "array_fitness": arrays["fitness"],
            "fitness": q[rows] * array[columns] + raw[rows, columns],
            "sd": sd,
        }
    )


def as_text(table: pl.DataFrame) -> pl.DataFrame:
    """Six decimals for scores, four for fitness, `NaN` for an unknown query fitness."""

    def fixed(name: str, decimals: int) -> pl.Expr:
        return pl.col(name).fill_nan(None).round(decimals).cast(pl.String).fill_null("NaN")

    p = pl.col("p").round_sig_figs(4).cast(pl.String)
    scores = [fixed(name, 6) for name in ("raw", "adjusted")]
    return table.with_columns(*scores, p, *(fixed(n, 4) for n in ("query_fitness", "array_fitness", "fitness", "sd")))


def write_sheet(path: Path, header: list[str], table: pl.DataFrame) -> None:
    """A spreadsheet: a title, the header, and one row per row; text cells inline, numbers as numbers, NaN as none."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    numbered = table.with_row_index("n", offset=3)
    cells = []
    for letter, (name, dtype) in zip(letters, table.schema.items(), strict=False):
        if dtype == pl.String:
            escaped = (
                pl.col(name).str.replace_all("&", "&amp;", literal=True).str.replace_all("<", "&lt;", literal=True)
            )
            cell = pl.format(f'<c r="{letter}{{}}" t="inlineStr"><is><t>{{}}</t></is></c>', "n", escaped)
        else:
            cell = pl.format(f'<c r="{letter}{{}}"><v>{{}}</v></c>', "n", pl.col(name).fill_nan(None))
        cells.append(cell.fill_null(""))
    lines = numbered.select(pl.format('<row r="{}">{}</row>', "n", pl.concat_str(cells)))
    head = [f'<c r="{a}2" t="inlineStr"><is><t>{name}</t></is></c>' for a, name in zip(letters, header, strict=False)]
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": (
            f'<Types xmlns="{package}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{types}.worksheet+xml"/></Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{kind}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{kind}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
        ),
        "xl/workbook.xml": (
            f'<workbook xmlns="{main}" xmlns:r="{kind}"><sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>'
        ),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            title = (
                f'<row r="1"><c r="A1" t="inlineStr"><is><t>{TITLE}</t></is></c></row><row r="2">{"".join(head)}</row>'
            )
            sheet.write(f'<worksheet xmlns="{main}"><sheetData>{title}'.encode())
            for part in lines.iter_slices(100_000):
                sheet.write(part.write_csv(include_header=False, quote_style="never").encode())
            sheet.write(b"</sheetData></worksheet>")


def write_2018(folder: Path, strains: Path, rows: int, rng: np.random.Generator) -> int:
    """Data S1 and Data File S4; returns the number of crosses."""
    screens = design(strains, rows, rng)
    table = screen(screens, rng)
    path = folder / KUZMIN_2018_CROSSES.name
    path.parent.mkdir(parents=True, exist_ok=True)
    as_text(table).rename(dict(zip(table.columns, trigenic.columns("Combined mutant"), strict=True))).write_csv(
        path, separator="\t", quote_style="never"
    )
    number = screens.queries["query"].str.extract(r"_([^_]+)$")
    known = pl.DataFrame({"id": number, "fitness": screens.queries["fitness"], "sd": 0.02})
    write_sheet(folder / KUZMIN_2018_QUERIES.name, ["Query Strain ID", "Fitness", "St.dev."], known)
    return table.height


def write_2020(folder: Path, strains: Path, rows: int, rng: np.random.Generator) -> int:
    """Tables S1, S3 and S5; returns the number of crosses of the first two."""
    screens = design(strains, round(rows * (1 - PILOT)), rng)
    queries = screens.queries.height
    again = rng.choice(queries, max(2, round(queries * PILOT / (1 - PILOT))), replace=False)
    header = trigenic.columns("Double/triple mutant")
    main, pilot = screen(screens, rng), screen(screens, rng, again)
    others = screens.arrays.head(OTHERWISE_SPELLED)["strain"].implode()
    pilot = pilot.with_columns(
        array_allele=pl.when(pl.col("array").is_in(others))
        .then(pl.col("array_allele").str.to_uppercase())
        .otherwise("array_allele")
    )
    (folder / KUZMIN_2020_MAIN.name).parent.mkdir(parents=True, exist_ok=True)
    for source, table in ((KUZMIN_2020_MAIN, main), (KUZMIN_2020_PILOT, pilot)):
        write_sheet(folder / source.name, header, table.with_columns(pl.selectors.float().round(6)))
    split = screens.queries.select(
        pl.col("query").alias("id"),
        *(pl.col("query").str.extract(r"^(.+)_").str.split("+").list.get(n).alias(f"orf{n}") for n in (0, 1)),
        *(pl.col("query_allele").str.split("+").list.get(n).alias(f"allele{n}") for n in (0, 1)),
        "fitness",
    )
    double = pl.col("orf1") != "YDL227C"
    known = split.select(
        "id", "orf0", pl.col("orf0").str.to_lowercase().alias("gene0"), "allele0",
        "orf1", pl.col("orf1").str.to_lowercase().alias("gene1"), "allele1",
        type=pl.when(double).then(pl.lit("Double mutant")).otherwise(pl.lit("Single mutant")), fitness="fitness", sd=0.02,
    )  # fmt: skip
    names = [
        "Query Strain ID",
        "ORF1",
        "Gene1",
        "Allele1",
        "ORF2",
        "Gene2",
        "Allele2",
        "Mutant type",
        "Fitness",
        "St.dev.",
    ]
    write_sheet(folder / KUZMIN_2020_QUERIES.name, names, known)
    return main.height + pilot.height


def main() -> None:
    """Write the files and say what they cost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=501_510, help="about so many crosses of Kuzmin 2018")
    parser.add_argument("--rows-2020", type=int, default=934_595, help="about so many crosses of Kuzmin 2020; 0: none")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    mirror = os.environ.get("TORCHCELL_MIRROR")
    with tempfile.TemporaryDirectory() as cache:
        strains = Sources(cache=Path(cache), mirror=Path(mirror) if mirror else None).path(COSTANZO_2016_SINGLES)
        rng = np.random.default_rng(options.seed)
        for write, rows in ((write_2018, options.rows), (write_2020, options.rows_2020)):
            if rows:
                cpu = time.process_time()
                made = write(options.folder, strains, rows, rng)
                print(f"{write.__name__}: {made:,} crosses, {time.process_time() - cpu:.1f} CPU s")


if __name__ == "__main__":
    main()
