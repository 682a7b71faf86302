"""Records of single mutants, one publication after the other, as dictionaries with the columns that are stored.

Belongs here: Costanzo 2016, Baryshnikova 2010, Breslow 2008, Deutschbauer 2005, the deletion project. Does not: crosses
(crosses.py), free text (medium, published names, markers), which no number depends on.
"""

import re
from collections import Counter
from functools import cache

from .genes import Today
from .printed import cassettes, number, sheet

Record = dict[str, object]

_STRAIN = re.compile(r"(?P<gene>[^_]+)_(?P<code>[A-Za-z]+)(?P<number>\d*)")
_KINDS = {
    "dma": "deletion",
    "sn": "deletion",
    "damp": "damp",
    "tsa": "temperature_sensitive",
    "tsq": "temperature_sensitive",
}
TORONTO = "Boone and Andrews, Toronto"


def blank(dataset: str, row: int, column: str, of: list[tuple[str, str, str, str, str | None]]) -> Record:
    """What every record has. of: printed gene, kind, allele, zygosity and role of each perturbation."""
    return {
        **{"id": f"{dataset}:{row}:{column}", "dataset": dataset, "row": row, "column": column},
        **{"screen": f"{dataset}:{column}", "perturbed": of, "query": None, "evidence": "measured"},
    }


def with_genotypes(records: list[Record]) -> list[Record]:
    """Add `genotype`, `genes` and `order`, by today's names, and the roles of the perturbations in the genotype's order."""
    today = Today({gene for record in records for gene, *_ in record["perturbed"]})
    for record in records:
        texts = []
        for printed, kind, allele, zygosity, role in record.pop("perturbed"):
            part = kind == "deletion" and today.is_part(printed)
            called = printed.lower() if part else allele
            texts.append((f"{today.gene(printed)}:{kind}:{called}:{zygosity}", role))
        genes = sorted({text.split(":")[0] for text, _ in texts})
        record["genotype"] = " + ".join(text for text, _ in sorted(texts))
        record["genes"], record["order"] = "+".join(genes), len(genes)
        record["role"] = [role for _, role in sorted(texts)]
    return records


@cache
def strains() -> dict[str, tuple[str, str, str, str, bool]]:
    """Strain id of Costanzo 2016 -> gene, kind, allele, role, and whether the strain code is one of conditional alleles."""
    found = {}
    for strain, gene, name, *_ in sheet("costanzo2016/strain_ids_and_single_mutant_fitness.xlsx")[1:]:
        code = _STRAIN.fullmatch(strain)["code"]
        allele = name.lower() if isinstance(name, str) else ""  # a date is no name; the three are deletions
        kind = "suppressor" if "-supp" in allele else _KINDS[code]
        role = "array" if code in ("dma", "tsa") else "query"
        found[strain] = gene, kind, "delta" if kind == "deletion" else allele, role, code in ("tsa", "tsq")
    return found


def costanzo() -> list[Record]:
    """One record per strain and temperature; where a strain that is not conditional has the same cells twice, the one at 30."""
    dataset, records = "fitness_costanzo2016", []
    for row, cells in enumerate(sheet("costanzo2016/strain_ids_and_single_mutant_fitness.xlsx")[1:], start=1):
        strain, at_26, at_30 = cells[0], *((number(cells[at]), number(cells[at + 1])) for at in (3, 5))
        gene, kind, allele, role, conditional = strains()[strain]
        cold = at_26 if conditional or at_26 != at_30 else (None, None)
        for temperature, (value, deviation) in ((26, cold), (30, at_30)):
            if value is not None:
                record = blank(dataset, row, f"{temperature}C", [(gene, kind, allele, "haploid", role)])
                records.append(
                    record
                    | {"strain": strain, "value": value, "uncertainty": deviation, "temperature": float(temperature)}
                    | {"uncertainty_type": "none" if deviation is None else "unspecified"}
                    | {"samples": 17 if role == "query" else 350, "sample_unit": "screen"}
                )
    alike = {"temperature_source": "stated", "reference": "wild type", "laboratory": TORONTO}
    alike |= {"medium_class": "SGA plate", "assay": "colony size", "publication": "10.1126/science.aaf1420"}
    return with_genotypes([record | alike for record in records])


def baryshnikova() -> list[Record]:
    """One record per row; alleles are called as Costanzo 2016 calls the strain, and by their strain code where it has none."""
    of_damp = {strain.rstrip("0123456789"): told for strain, told in strains().items() if told[1] == "damp"}
    rows = sheet("baryshnikova2010/Supplementary_data_1_SMF_standard_100209.xlsx")
    twice = Counter(cells[0] for cells in rows)
    dataset, records = "fitness_baryshnikova2010", []
    for row, (strain, value, error) in enumerate(rows, start=1):
        gene, _, code = strain.partition("_")
        kind = _KINDS[_STRAIN.fullmatch(strain)["code"]] if code else "deletion"
        known = (of_damp if kind == "damp" else strains()).get(strain)
        if code and known:
            kind, allele = known[1], known[2]
        else:
            allele = code.lower() or "delta"
        deletion = kind == "deletion"
        records.append(
            blank(dataset, row, "SMF", [(gene, kind, allele, "haploid", None)])
            | {"strain": f"{strain} (row {row})" if twice[strain] > 1 else strain, "value": number(value)}
            | {"uncertainty": number(error), "uncertainty_type": "bootstrap_se"}
            | {
                "screen": f"{dataset}:{'26C' if 'tsq' in code else '30C'}",
                "temperature": 26.0 if "tsq" in code else 30.0,
            }
            | {"samples": 80 if deletion else None, "sample_unit": "screen" if deletion else None}
        )
    alike = {"temperature_source": "stated", "reference": "wild type", "laboratory": TORONTO}
    alike |= {"medium_class": "SGA plate", "assay": "colony size", "publication": "10.1038/nmeth.1534"}
    return with_genotypes([record | alike for record in records])


def breslow() -> list[Record]:
    """One record per strain: the median; `< 0.5` is a bound, and no value."""
    dataset, records = "fitness_breslow2008", []
    for row, (_, orf, _, median, *measured) in enumerate(sheet("breslow2008/nmeth.1234-S5.xlsx", 1)[1:], start=1):
        censored = isinstance(median, str) and median.strip().startswith("<")
        single = [number(cell) for cell in measured if number(cell) is not None]
        records.append(
            blank(dataset, row, "median", [(orf.strip(), "deletion", "delta", "haploid", None)])
            | {"strain": orf.strip(), "value": None if censored else number(median)}
            | {"upper_bound": number(median.strip()[1:]) if censored else None}
            | {"samples": sum(cell is not None for cell in measured), "sample_unit": "culture"}
            | {"replicates": single or None, "uncertainty": None, "uncertainty_type": "none"}
        )
    alike = {"temperature": 30.0, "temperature_source": "inferred", "reference": "wild type"}
    alike |= {"medium_class": "YPD liquid", "assay": "pairwise competition", "publication": "10.1038/nmeth.1234"}
    return with_genotypes([record | alike | {"laboratory": "Weissman, San Francisco"} for record in records])


_DIPLOIDS = {
    "HET_AV": ("heterozygous", "YPD liquid", ("het_ypd_A", "het_ypd_B")),
    "HOM_AV": ("homozygous", "YPD liquid", ("hom_ypd_C", "hom_ypd_D")),
    "het_mm_B": ("heterozygous", "minimal liquid", ("het_mm_B",)),
    "hom_mm_D": ("homozygous", "minimal liquid", ("hom_mm_D",)),
}
"""Column of Deutschbauer 2005 -> zygosity, medium, columns of its single measurements."""
_STANFORD = {
    **{"temperature": 30.0, "temperature_source": "stated", "reference": "diploid wild type"},
    **{"publication": "10.1534/genetics.104.036871", "laboratory": "Davis and Giaever, Stanford"},
}


def _deutschbauer() -> list[tuple[int, str, dict[str, object]]]:
    header, *rows = sheet("deutschbauer2005/OrfGeneData.xlsx")
    read = [(row, dict(zip(header, cells, strict=True))) for row, cells in enumerate(rows, start=1)]
    return [(row, cells["orf"].strip().upper(), cells) for row, cells in read if cells["orf"]]


def deutschbauer() -> list[Record]:
    """One record per strain, zygosity and medium: the average as printed, with what it is the average of."""
    dataset, records = "fitness_deutschbauer2005", []
    for row, orf, cells in _deutschbauer():
        for column, (zygosity, medium, parts) in _DIPLOIDS.items():
            single = [value for part in parts if (value := number(cells[part])) is not None]
            if (value := number(cells[column])) is not None:
                records.append(
                    blank(dataset, row, column, [(orf, "deletion", "delta", zygosity, None)])
                    | {"strain": cells["orf"].strip(), "value": value, "medium_class": medium, "samples": len(single)}
                    | {"replicates": single, "assay": "barcode competition"}
                    | {"sample_unit": "culture", "uncertainty": None, "uncertainty_type": "none"}
                )
    return with_genotypes([record | _STANFORD for record in records])


def deutschbauer_viability() -> list[Record]:
    """One record per ORF whose column `essential` says YES or NO."""
    dataset, records = "viability_deutschbauer2005", []
    for row, orf, cells in _deutschbauer():
        if cells["essential"] in ("YES", "NO"):
            record = blank(dataset, row, "essential", [(orf, "deletion", "delta", "homozygous", None)])
            told = {
                "strain": cells["orf"].strip(),
                "viable": cells["essential"] == "NO",
                "assay": "viability",
                "medium_class": "YPD liquid",
            }
            records.append(record | told | _STANFORD)
    return with_genotypes(records)


def deletion_project() -> list[Record]:
    """One record per ORF, with the row of its first cassette."""
    dataset, first, essential = "viability_deletion_project", {}, {}
    for row, cells in enumerate(cassettes(), start=1):
        orf = cells["ORF_name"].upper()
        first.setdefault(orf, row)
        essential[orf] = essential.get(orf, False) or cells["essential"] == "essential"
    alike = {"temperature": 30.0, "temperature_source": "inferred", "reference": "wild type", "assay": "viability"}
    alike |= {"medium_class": "YPD plate", "publication": "10.1038/nature00935"}
    alike |= {"laboratory": "Saccharomyces Genome Deletion Project"}
    return with_genotypes(
        [
            blank(dataset, row, "essential", [(orf, "deletion", "delta", "haploid", None)])
            | {"strain": orf, "viable": not essential[orf], **alike}
            for orf, row in first.items()
        ]
    )
