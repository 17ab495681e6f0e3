"""Distances between atoms of a crystal."""

import math

import numpy as np

from csp.comparison.kernels.fitting import Array, Integers
from csp.compiled import compiled


@compiled()
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
    reach = np.empty(3)
    for axis in range(3):
        reach[axis] = radius / heights[axis]
    # the nearest is the atom itself
    squares = np.empty(n_neighbours + 1)
    d = np.empty(3)
    for i in range(n_atoms):
        n_found = 0
        for j in range(n_atoms):
            for axis in range(3):
                d[axis] = fractional[j, axis] - fractional[i, axis]
            for u in range(
                math.ceil(-reach[0] - d[0]), math.floor(reach[0] - d[0]) + 1
            ):
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
                            n_found = _kept(squares, n_found, square)
        if n_found <= n_neighbours:
            return False
        for k in range(n_neighbours):
            distances[i, k] = math.sqrt(squares[k + 1])
    return True


@compiled()
def _kept(values: Array, n_values: int, value: float) -> int:
    """Put a value among the smallest, which ascend; how many there are now."""
    if n_values == len(values):
        if value >= values[n_values - 1]:
            return n_values
        n_values -= 1
    place = n_values
    while place > 0 and values[place - 1] > value:
        values[place] = values[place - 1]
        place -= 1
    values[place] = value
    return n_values + 1


@compiled()
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
                if square < least:
                    least = square
        contacts[k] = math.sqrt(least)
    return contacts
