"""Supercells, for programs whose only k-point is Γ."""

import math

import numpy as np

from csp.arrays import Cell
from csp.crystal import Crystal

Repeats = tuple[int, int, int]


def repeats_for_width(cell: Cell, width: float) -> Repeats:
    """How often a cell is repeated along each vector to be this wide everywhere.

    The width of a cell is the distance of opposite faces, not the length of a vector.

    >>> repeats_for_width(np.array([[6.0, 0, 0], [3.0, 5.0, 0], [0, 0, 20.0]]), 10.0)
    (2, 2, 1)

    Args:
        cell: Lattice vectors as rows, Å.
        width: Å.
    """
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    a, b, c = (max(1, math.ceil(width / height - 1e-9)) for height in heights)
    return a, b, c


def repeated(crystal: Crystal, repeats: Repeats) -> Crystal:
    """The same crystal in a cell of so many of its cells; molecules stay unbroken."""
    grid = np.stack(np.meshgrid(*map(np.arange, repeats), indexing="ij"), axis=-1)
    shifts = grid.reshape(-1, 3) @ crystal.cell
    n_copies = len(shifts)
    n_atoms = len(crystal.atomic_numbers)
    molecules = np.tile(crystal.molecule_of_atom, n_copies)
    molecules += crystal.n_molecules * np.repeat(np.arange(n_copies), n_atoms)
    return Crystal(
        crystal.cell * np.array(repeats)[:, None],
        np.tile(crystal.atomic_numbers, n_copies),
        (crystal.positions[None] + shifts[:, None]).reshape(-1, 3),
        molecules,
        crystal.n_formula_units * n_copies,
    )
