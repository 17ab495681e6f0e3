"""Small crystals that the tests of reference energies share."""

import numpy as np

from csp.crystal import Crystal

HYDROGEN_LENGTH = 0.74


def hydrogen_crystal(cell: np.ndarray, fractions: np.ndarray) -> Crystal:
    """Molecules of hydrogen along z with their centres at fractional places."""
    bond = np.array([[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]) * HYDROGEN_LENGTH
    positions = np.concatenate([centre + bond for centre in fractions @ cell])
    n = len(fractions)
    return Crystal(
        cell, np.ones(2 * n, dtype=int), positions, np.repeat(range(n), 2), n
    )


def body_centred() -> Crystal:
    """Two molecules related by a centring translation: one in the primitive cell."""
    return hydrogen_crystal(
        np.diag([5.0, 5.3, 6.1]), np.array([[0.1, 0.2, 0.3], [0.6, 0.7, 0.8]])
    )
