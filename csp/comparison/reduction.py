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


def niggli_cell(cell: Cell) -> Cell:
    """The Niggli-reduced vectors (rows, Å) of a lattice, in its own orientation.

    Raises:
        InputError: If the three vectors do not span space.

    References:
        Grosse-Kunstleve, Sauter & Adams, Acta Cryst. A60, 1 (2004).
    """
    rows: Any = cell
    size = volume(cell)
    if not size > FLATTEST * float(np.prod(np.linalg.norm(cell, axis=1))):
        raise _irreducible(cell)
    try:
        reduced = spglib.niggli_reduce(rows, eps=1e-5 * size ** (1.0 / 3.0))
    except SpglibError as error:
        raise _irreducible(cell) from error
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
