"""Average minimum distances: a fingerprint that no choice of cell can change."""

import numpy as np

from csp.arrays import AtomicNumbers, Cell, Matrix, Positions, Scalars, read_only
from csp.comparison.kernels.distances import nearest_distances
from csp.comparison.molecules import HYDROGEN
from csp.comparison.reduction import niggli_cell
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import volume

N_NEIGHBOURS = 60


def average_minimum_distances(
    crystal: Crystal, n_neighbours: int = N_NEIGHBOURS
) -> Scalars:
    """Mean distance to the k-th nearest atom, for each element and each k.

    AMD_k(X) = ⟨d_k(i)⟩ over the atoms i of element X, with d_k(i) the distance to the
    k-th nearest atom of any element. It depends on neither cell, origin, atom order nor
    handedness, and moves by at most twice the largest displacement of an atom.

    Args:
        crystal: Any cell of the crystal.
        n_neighbours: Largest k; 60 reach 5 to 6 Å in an organic crystal.

    Returns:
        Å; ``n_neighbours`` numbers for each element, in order of atomic number.

    Raises:
        InputError: If ``n_neighbours`` is less than 1.

    References:
        Widdowson, Mosca, Pulido, Kurlin & Cooper, MATCH Commun. Math. Comput. Chem. 87,
        529 (2022).
    """
    if n_neighbours < 1:
        raise InputError(f"n_neighbours must be at least 1, got {n_neighbours}")
    distances = neighbour_distances(crystal.cell, crystal.positions, n_neighbours)
    return read_only(_means(crystal.atomic_numbers, distances))


def scale_free_distances(
    cell: Cell, atomic_numbers: AtomicNumbers, positions: Positions
) -> Scalars:
    """The same of the atoms other than hydrogen, in units of their spacing.

    The spacing is the cube root of the volume of such an atom, so that crystals that
    differ by uniform expansion have one fingerprint. The molecules need not be known.

    Args:
        cell: Any cell of the crystal, rows, Å.
        atomic_numbers: Of each atom of the cell.
        positions: Å.
    """
    kept = atomic_numbers != HYDROGEN
    if not kept.any():
        kept = ~kept
    distances = neighbour_distances(cell, positions[kept], N_NEIGHBOURS)
    spacing = (volume(cell) / kept.sum()) ** (1.0 / 3.0)
    return read_only(_means(atomic_numbers[kept], distances) / spacing)


def _means(atomic_numbers: AtomicNumbers, distances: Matrix) -> Scalars:
    """Mean row of each element, in order of atomic number."""
    elements = np.unique(atomic_numbers)
    means = [distances[atomic_numbers == z].mean(axis=0) for z in elements]
    return np.concatenate(means)


def neighbour_distances(cell: Cell, positions: Positions, n_neighbours: int) -> Matrix:
    """Distances (Å) from each atom of the cell to its nearest atoms, ascending."""
    cell = niggli_cell(cell)
    inverse = np.linalg.inv(cell)
    fractional = positions @ inverse
    wrapped = fractional - np.floor(fractional)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    n_atoms = len(wrapped)
    # a sphere of this radius holds the neighbours if atoms are spread evenly
    ball = 3.0 * (n_neighbours + 1) * volume(cell) / (4.0 * np.pi * n_atoms)
    radius = 1.1 * ball ** (1.0 / 3.0) + 0.5
    distances = np.empty((n_atoms, n_neighbours))
    while not nearest_distances(cell, wrapped, heights, radius, distances):
        radius *= 1.2
    return distances


def invariant_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Largest difference of two fingerprints, Å.

    Raises:
        InputError: If they differ in length, so belong to different compositions.
    """
    if first.shape != second.shape:
        raise InputError(
            f"fingerprints of lengths {len(first)} and {len(second)} cannot be "
            "compared: use crystals of the same elements and one n_neighbours"
        )
    return float(np.max(np.abs(first - second)))
