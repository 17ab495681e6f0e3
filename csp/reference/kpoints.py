"""Meshes of k-points by density, the same for every engine."""

import numpy as np

from csp.arrays import Cell

SLACK = 1e-6
"""Part of a k-point that rounding of the cell may not add."""


def kpoint_mesh(cell: Cell, spacing: float) -> tuple[int, int, int]:
    """Numbers of k-points along the reciprocal axes, Γ-centred.

    n_i = ⌈2π |b_i| / spacing⌉ with |b_i| the inverse distance of the lattice planes:
    neighbouring k-points are at most ``spacing`` apart, and a supercell has the mesh
    of its cell divided, where that is whole.

    Args:
        cell: Lattice vectors as rows, Å.
        spacing: Largest distance of neighbouring k-points, Å⁻¹ with the factor 2π.

    >>> kpoint_mesh(np.diag([5.0, 10.0, 20.0]), 0.35)
    (4, 2, 1)
    """
    lengths = 2.0 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    first, second, third = np.maximum(1, np.ceil(lengths / spacing - SLACK))
    return int(first), int(second), int(third)
