"""Molecular weight and isoelectric point of proteins, from how often each amino acid stands in them.

Belongs here: the constants and formulas, the same as those of Expasy's ProtParam and Biopython's. Does not: sequences
(proteins.py), how the numbers are scaled (the family).
"""

import numpy as np

from torchcell_assets.steps.representations.proteins import AMINO_ACIDS

WATER = 18.0153
WEIGHTS = np.array([  # average masses of the free amino acids in Da, in the order of AMINO_ACIDS; IUPAC
    89.0932, 121.1582, 133.1027, 147.1293, 165.1891, 75.0666, 155.1546, 131.1729, 146.1876, 131.1729,
    149.2113, 132.1179, 115.1305, 146.1445, 174.201, 105.0926, 119.1192, 117.1463, 204.2252, 181.1885,
])  # fmt: skip

# Bjellqvist et al. 1993, Electrophoresis 14:1023, and 1994, 15:529: in 9.8 M urea
POSITIVE = {"K": 10.0, "R": 12.0, "H": 5.98}
NEGATIVE = {"D": 4.05, "E": 4.45, "C": 9.0, "Y": 10.0}
C_TERMINUS = {"D": 4.55, "E": 4.75}
N_TERMINUS = {"A": 7.59, "M": 7.0, "S": 6.93, "P": 8.36, "T": 6.82, "V": 7.44, "E": 7.7}
ANY_C_TERMINUS, ANY_N_TERMINUS = 3.55, 7.5
_HALVINGS = 40
"""Of the pH from 0 to 14, until the interval is narrower than 1e-10."""


def molecular_weights(counts: np.ndarray) -> np.ndarray:
    """Average mass in Da of one chain each.

    counts: proteins x 20, residues of each of AMINO_ACIDS; letters beside these weigh nothing here.
    """
    return np.asarray(counts @ (WEIGHTS - WATER) + WATER)


def isoelectric_points(counts: np.ndarray, first: str, last: str) -> np.ndarray:
    """The pH at which the net charge of each protein is zero, by halving, to 1e-10.

    counts: as above. first, last: the N-terminal and the C-terminal residue of each protein, as one text each.
    """
    column = {letter: AMINO_ACIDS.index(letter) for letter in (*POSITIVE, *NEGATIVE)}
    positive = [(counts[:, column[letter]], np.full(len(counts), pk)) for letter, pk in POSITIVE.items()]
    negative = [(counts[:, column[letter]], np.full(len(counts), pk)) for letter, pk in NEGATIVE.items()]
    one = np.ones(len(counts))
    positive.append((one, np.array([N_TERMINUS.get(letter, ANY_N_TERMINUS) for letter in first])))
    negative.append((one, np.array([C_TERMINUS.get(letter, ANY_C_TERMINUS) for letter in last])))
    low, high = np.zeros(len(counts)), np.full(len(counts), 14.0)
    for _ in range(_HALVINGS):
        ph = (low + high) / 2
        # Henderson-Hasselbalch: the charged share of each group
        charge = sum(n / (1 + 10 ** (ph - pk)) for n, pk in positive)
        charge = charge - sum(n / (1 + 10 ** (pk - ph)) for n, pk in negative)
        low, high = np.where(charge > 0, ph, low), np.where(charge > 0, high, ph)
    return (low + high) / 2
