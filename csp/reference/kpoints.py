"""Meshes of k-points by their density, so that no energy depends on the cell chosen."""

import math

import numpy as np

from csp.arrays import Cell


def kpoint_mesh(cell: Cell, spacing: float) -> tuple[int, int, int]:
    """How many k-points lie along each reciprocal vector.

    >>> kpoint_mesh(np.diag([5.0, 10.0, 20.0]), 0.65)
    (2, 1, 1)

    Args:
        cell: Lattice vectors as rows, Å.
        spacing: Largest distance of neighbouring points, Å⁻¹, with the factor 2π.
    """
    lengths = 2.0 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    a, b, c = (max(1, math.ceil(length / spacing - 1e-6)) for length in lengths)
    return a, b, c
