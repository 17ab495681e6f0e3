"""Distances between atoms of a crystal."""

import math

import numpy as np
from numba import njit

from csp.comparison.kernels.fitting import Array, Integers


@njit(cache=True, nogil=True, error_model="numpy")
def nearest_distances(
    cell: Array, fractional: Array, heights: Array, radius: float, distances: Array
) -> bool:
    """Distances from each atom to its nearest atoms, ascending.

    Args:
        cell: Lattice vectors as rows, Å.
        fractional: Positions of the atoms.
        heights: Distances between opposite faces of the cell, Å.
        radius: How far neighbours are sought, Å.
        distances: (atoms, neighbours), Å, overwritten.

    Returns:
        Whether the radius was large enough.
    """
    n_atoms, n_neighbours = distances.shape
    reach = radius / heights
    most = n_atoms
    for axis in range(3):
        most *= int(2.0 * reach[axis]) + 2
    squares = np.empty(most)
    for i in range(n_atoms):
        n_found = 0
        for j in range(n_atoms):
            d = fractional[j] - fractional[i]
            for u in range(math.ceil(-reach[0] - d[0]), math.floor(reach[0] - d[0]) + 1):
                for v in range(
                    math.ceil(-reach[1] - d[1]), math.floor(reach[1] - d[1]) + 1
                ):
                    x = (d[0] + u) * cell[0, 0] + (d[1] + v) * cell[1, 0]
                    y = (d[0] + u) * cell[0, 1] + (d[1] + v) * cell[1, 1]
                    z = (d[0] + u) * cell[0, 2] + (d[1] + v) * cell[1, 2]
                    for w in range(
                        math.ceil(-reach[2] - d[2]), math.floor(reach[2] - d[2]) + 1
                    ):
                        t = d[2] + w
                        square = (
                            (x + t * cell[2, 0]) ** 2
                            + (y + t * cell[2, 1]) ** 2
                            + (z + t * cell[2, 2]) ** 2
                        )
                        if square <= radius * radius:
                            squares[n_found] = square
                            n_found += 1
        if n_found <= n_neighbours:
            return False
        # the nearest is the atom itself
        squares[:n_found] = np.partition(squares[:n_found], n_neighbours)
        squares[: n_neighbours + 1].sort()
        for k in range(n_neighbours):
            distances[i, k] = math.sqrt(squares[k + 1])
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def closest_contacts(
    coordinates: Array,
    sizes: Integers,
    found: Integers,
    shifts: Array,
    central: Array,
) -> Array:
    """Shortest distance between an atom of each molecule and one of the central, Å.

    Args:
        coordinates: Of the molecules of the cell (molecules, atoms, 3), Å.
        sizes: Atoms of each of them.
        found: Molecules that are asked for.
        shifts: What each of them is moved by, Å.
        central: Atoms of the central molecule, Å.
    """
    contacts = np.empty(len(found))
    for k in range(len(found)):
        least = np.inf
        for m in range(sizes[found[k]]):
            x = coordinates[found[k], m, 0] + shifts[k, 0]
            y = coordinates[found[k], m, 1] + shifts[k, 1]
            z = coordinates[found[k], m, 2] + shifts[k, 2]
            for n in range(len(central)):
                square = (
                    (x - central[n, 0]) ** 2
                    + (y - central[n, 1]) ** 2
                    + (z - central[n, 2]) ** 2
                )
                least = min(least, square)
        contacts[k] = math.sqrt(least)
    return contacts
