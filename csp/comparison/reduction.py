"""Reduced cells: one description for each lattice."""

from typing import Any

import numpy as np
import spglib
from spglib import SpglibError

from csp.arrays import Cell, CellParameters, read_only
from csp.errors import InputError
from csp.geometry import parameters_from_cell, volume

FLATTEST = 1e-9
"""Smallest volume of a cell, as a part of the product of its lengths."""
TOLERANCES = (1e-5, 1e-6, 1e-7, 1e-4)
"""Of the reduction, in the order tried, as parts of the cube root of the volume."""


def niggli_cell(cell: Cell) -> Cell:
    """The Niggli-reduced vectors (rows, Å) of a lattice, in its own orientation.

    Raises:
        InputError: If the three vectors do not span space.

    References:
        Grosse-Kunstleve, Sauter & Adams, Acta Cryst. A60, 1 (2004).
    """
    size = volume(cell)
    if not size > FLATTEST * float(np.prod(np.linalg.norm(cell, axis=1))):
        raise _irreducible(cell)
    for tolerance in TOLERANCES:
        reduced = _reduced(cell, tolerance * size ** (1.0 / 3.0))
        if reduced is not None:
            return reduced
    raise _irreducible(cell)


def _reduced(cell: Cell, tolerance: float) -> Cell | None:
    """The reduced vectors, or None where the steps go round in a circle.

    They do when an angle or a difference of lengths is as large as the tolerance.
    """
    rows: Any = cell
    try:
        reduced = spglib.niggli_reduce(rows, eps=tolerance)
    except SpglibError:
        return None
    return np.asarray(reduced, dtype=float)


def _irreducible(cell: Cell) -> InputError:
    return InputError(
        f"the cell {np.round(cell, 3).tolist()} (rows, Å) cannot be reduced: give "
        "three independent lattice vectors"
    )


def reduced_cell(cell: Cell) -> CellParameters:
    """Niggli-reduced parameters (Å, degrees): equal for all cells of one lattice.

    Raises:
        InputError: If the three vectors do not span space.
    """
    return read_only(parameters_from_cell(niggli_cell(cell)))
