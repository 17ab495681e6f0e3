"""A structure as SHELX's .res files write it: asymmetric unit, lattice, operations.

References:
    Sheldrick, Acta Cryst. C 71, 3 (2015); LATT and SYMM as in SHELXL's manual.
"""

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from ase.io.cif import parse_cif_ase
from ase.spacegroup.spacegroup import parse_sitesym
from pymatgen.analysis.diffraction.xrd import WAVELENGTHS

from csp.arrays import RotationMatrices, Vector, Vectors
from csp.comparison.powder import RADIATION
from csp.comparison.writing import LARGEST_DENOMINATOR, operation_text

_TITLE = 76
"""Letters of a title."""
_SAME = 1e-4
_O, _HALF = Fraction(0), Fraction(1, 2)
_THIRD, _TWO_THIRDS = Fraction(1, 3), Fraction(2, 3)

Shift = tuple[Fraction, ...]
Key = tuple[tuple[int, ...], Shift]

_LATTICES: dict[frozenset[Shift], int] = {
    frozenset({(_O, _O, _O)}): 1,
    frozenset({(_O, _O, _O), (_HALF, _HALF, _HALF)}): 2,
    frozenset(
        {
            (_O, _O, _O),
            (_TWO_THIRDS, _THIRD, _THIRD),
            (_THIRD, _TWO_THIRDS, _TWO_THIRDS),
        }
    ): 3,
    frozenset(
        {(_O, _O, _O), (_O, _HALF, _HALF), (_HALF, _O, _HALF), (_HALF, _HALF, _O)}
    ): 4,
    frozenset({(_O, _O, _O), (_O, _HALF, _HALF)}): 5,
    frozenset({(_O, _O, _O), (_HALF, _O, _HALF)}): 6,
    frozenset({(_O, _O, _O), (_HALF, _HALF, _O)}): 7,
}
"""Numbers of LATT by the centring translations: P, I, R obverse, F, A, B, C."""


class Symmetry(NamedTuple):
    """What SHELX is told of a space group.

    Attributes:
        lattice: Number of LATT, negative without an inversion centre at the origin.
        operations: Texts of SYMM.
    """

    lattice: int
    operations: tuple[str, ...]


def shelx_text(cif: str, title: str) -> str:
    """A .res file from a CIF file that csp wrote.

    Args:
        cif: Its text: one structure in the standard setting of its space group.
        title: First line; cut at 76 letters.
    """
    block: Any
    (block,) = parse_cif_ase(io.BytesIO(cif.encode()))
    turns, translations = parse_sitesym(block["_space_group_symop_operation_xyz"])
    rotations = np.array(turns, dtype=float)
    symmetry = shelx_symmetry(rotations, translations)
    cell = [float(block[f"_cell_length_{axis}"]) for axis in "abc"]
    angles = [
        float(block[f"_cell_angle_{name}"]) for name in ("alpha", "beta", "gamma")
    ]
    units = int(block["_cell_formula_units_z"])
    symbols = [str(symbol) for symbol in block["_atom_site_type_symbol"]]
    sites = np.array([block[f"_atom_site_fract_{axis}"] for axis in "xyz"], float).T
    shares = [_share(site, rotations, translations) for site in sites]
    contents: Counter[str] = Counter()
    for symbol, share in zip(symbols, shares, strict=True):
        contents[symbol] += round(share * len(rotations))
    elements = sorted(
        contents, key=lambda symbol: (symbol != "C", symbol != "H", symbol)
    )
    lines = [
        f"TITL {title}"[:_TITLE],
        f"CELL {WAVELENGTHS[RADIATION]:.5f} " + _numbers(cell, 5) + _numbers(angles, 4),
        f"ZERR {units} 0 0 0 0 0 0",
        f"LATT {symmetry.lattice}",
        *(f"SYMM {text}" for text in symmetry.operations),
        "SFAC " + " ".join(elements),
        "UNIT " + " ".join(str(contents[symbol]) for symbol in elements),
        "FVAR 1.0",
        *_atom_lines(block["_atom_site_label"], symbols, sites, shares, elements),
        "HKLF 4",
        "END",
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def shelx_symmetry(rotations: RotationMatrices, translations: Vectors) -> Symmetry:
    """The number of LATT and the operations that SHELX does not make by itself.

    It makes the identity, the centring translations, and the inversion at the origin.

    Args:
        rotations: Of all operations of the conventional cell, fractional.
        translations: Likewise.
    """
    keys = [
        (tuple(np.rint(rotation).astype(int).ravel().tolist()), _shift(translation))
        for rotation, translation in zip(rotations, translations, strict=True)
    ]
    identity = tuple(np.eye(3, dtype=int).ravel().tolist())
    centrings = {shift for rotation, shift in keys if rotation == identity}
    origin = _shift(np.zeros(3))
    is_centric = (tuple(-value for value in identity), origin) in keys
    made = set(_images((identity, origin), centrings, is_centric=is_centric))
    told = []
    for key, rotation, translation in zip(keys, rotations, translations, strict=True):
        if key not in made:
            told.append(operation_text(rotation, translation).upper())
            made |= set(_images(key, centrings, is_centric=is_centric))
    lattice = _LATTICES[frozenset(centrings)]
    return Symmetry(lattice if is_centric else -lattice, tuple(told))


def _images(key: Key, centrings: Iterable[Shift], *, is_centric: bool) -> list[Key]:
    """An operation with every centring, and its product with the inversion."""
    rotation, shift = key
    opposite = tuple(-value for value in rotation), tuple(-value for value in shift)
    starts = [key, opposite] if is_centric else [key]
    return [
        (start, tuple((a + b) % 1 for a, b in zip(moved, centring, strict=True)))
        for start, moved in starts
        for centring in centrings
    ]


def _shift(translation: Vector) -> Shift:
    return tuple(
        Fraction(float(value)).limit_denominator(LARGEST_DENOMINATOR) % 1
        for value in translation
    )


def _share(site: Vector, rotations: RotationMatrices, translations: Vectors) -> float:
    """Which part of the operations moves a site to places of its own."""
    moved = rotations @ site + translations - site
    n_fixed = int((np.abs(moved - np.rint(moved)) < _SAME).all(axis=1).sum())
    return 1.0 / n_fixed


def _atom_lines(
    labels: Sequence[str],
    symbols: Sequence[str],
    sites: Vectors,
    shares: Sequence[float],
    elements: Sequence[str],
) -> list[str]:
    """Label, number of the element, place, occupation (fixed: 10 is added), U."""
    return [
        f"{label:<5}{elements.index(symbol) + 1:>3} {_numbers(site, 6)}"
        f"{10.0 + share:.5f} 0.05"
        for label, symbol, site, share in zip(
            labels, symbols, sites, shares, strict=True
        )
    ]


def _numbers(values: Iterable[float], digits: int) -> str:
    return "".join(f"{value:.{digits}f} " for value in values)
