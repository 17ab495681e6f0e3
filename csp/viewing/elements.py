"""Radii of the elements, for what is drawn."""

import math
from collections.abc import Iterable

from ase.data import atomic_numbers, covalent_radii
from ase.data.vdw_alvarez import vdw_radii

_UNKNOWN_RADIUS = 2.0
"""Of van der Waals, where none is tabulated, Å."""


def radii_of(symbols: Iterable[str]) -> dict[str, dict[str, float | int]]:
    """Of each element the atomic number, covalent and van der Waals radii, Å."""
    found: dict[str, dict[str, float | int]] = {}
    for symbol in sorted(symbols):
        number = atomic_numbers[symbol]
        radius = float(vdw_radii[number])
        found[symbol] = {
            "number": number,
            "covalent": round(float(covalent_radii[number]), 3),
            "vdw": _UNKNOWN_RADIUS if math.isnan(radius) else round(radius, 3),
        }
    return found
