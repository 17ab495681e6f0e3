"""The molecules of a crystal, found through their covalent bonds."""

import math
from collections import Counter

import numpy as np
from ase.data import covalent_radii
from scipy.spatial import cKDTree

from csp.arrays import AtomicNumbers, Bonds, Cell, Indices, Positions, Vectors
from csp.crystal import Crystal
from csp.errors import InputError

HYDROGEN = 1
CATIONS = (3, 11, 12, 19, 20, 37, 38, 55, 56)
"""Alkali and alkaline-earth metals are ions by themselves: they have no bonds."""
BOND_SLACK = 0.3
"""A bond is at most this much longer than the sum of its covalent radii, Å."""

Link = tuple[int, int, tuple[int, int, int]]
"""Two bonded atoms and the lattice translation from the first to the second."""


def crystal_of_atoms(
    cell: Cell, atomic_numbers: AtomicNumbers, positions: Positions
) -> Crystal:
    """The crystal of whole molecules that the atoms of a cell make.

    Atoms are bonded when closer than the sum of their covalent radii plus 0.3 Å; a
    hydrogen is bonded to its nearest atom only, and alkali and alkaline-earth metals
    to none. The centroid of every molecule lies in the cell; atoms are sorted by
    molecule and keep their order within each.

    Args:
        cell: Lattice vectors as rows, Å.
        atomic_numbers: Of each atom of the cell.
        positions: Å; may be wrapped into the cell in any way.

    Returns:
        The crystal; its formula unit is the smallest whole ratio of its molecules.

    Raises:
        InputError: If the bonds go on for ever.

    References:
        Cordero et al., Dalton Trans. 2832 (2008), for the radii.
    """
    fractional = positions @ np.linalg.inv(cell)
    links = periodic_bonds(cell, atomic_numbers, fractional)
    molecules, shifts = unbroken(len(atomic_numbers), links)
    whole = fractional + shifts
    for atoms in molecules:
        whole[atoms] -= np.floor(whole[atoms].mean(axis=0) + 1e-9)
    order = np.concatenate(molecules)
    sizes = [len(atoms) for atoms in molecules]
    return Crystal(
        cell,
        atomic_numbers[order],
        (whole @ cell)[order],
        np.repeat(np.arange(len(molecules)), sizes),
        formula_units([atomic_numbers[atoms] for atoms in molecules]),
    )


def formula_units(molecules: list[np.ndarray]) -> int:
    """Largest number that divides the count of each kind, given by its elements."""
    kinds = Counter(tuple(sorted(numbers.tolist())) for numbers in molecules)
    return math.gcd(*kinds.values())


def periodic_bonds(
    cell: Cell, atomic_numbers: AtomicNumbers, fractional: Positions
) -> list[Link]:
    """All bonds of a crystal, each once in both directions."""
    wrapped = fractional - np.floor(fractional)
    moved = -np.floor(fractional).astype(int)
    reach = 2.0 * covalent_radii[atomic_numbers].max() + BOND_SLACK
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    shifts, atoms = images(wrapped, reach / heights)
    tree = cKDTree((wrapped[atoms] + shifts) @ cell)
    centres = cKDTree(wrapped @ cell)
    distances = centres.sparse_distance_matrix(tree, reach, output_type="coo_matrix")
    first, length = distances.row, distances.data
    second, shift = atoms[distances.col], shifts[distances.col]
    near = (length > 0.0) & is_bonded(
        atomic_numbers[first], atomic_numbers[second], length
    )
    first, second, length = first[near], second[near], length[near]
    shift = shift[near] + moved[second] - moved[first]
    kept = to_nearest(atomic_numbers, first, length)
    links = {
        (int(i), int(j), (int(t[0]), int(t[1]), int(t[2])))
        for i, j, t in zip(first[kept], second[kept], shift[kept], strict=True)
    }
    return sorted(
        (i, j, t) for i, j, t in links if (j, i, (-t[0], -t[1], -t[2])) in links
    )


def is_bonded(
    first: AtomicNumbers, second: AtomicNumbers, lengths: np.ndarray
) -> np.ndarray:
    """Whether pairs of atoms at these distances (Å) are covalently bonded."""
    longest = covalent_radii[first] + covalent_radii[second] + BOND_SLACK
    are_ions = np.isin(first, CATIONS) | np.isin(second, CATIONS)
    return np.asarray((lengths < longest) & ~are_ions)


def to_nearest(
    atomic_numbers: AtomicNumbers, first: Indices, lengths: np.ndarray
) -> np.ndarray:
    """Which bonds remain when each hydrogen keeps only its shortest."""
    shortest = np.full(len(atomic_numbers), np.inf)
    np.minimum.at(shortest, first, lengths)
    is_free = atomic_numbers[first] != HYDROGEN
    return np.asarray(is_free | (lengths <= shortest[first] + 1e-6))


def images(wrapped: Positions, margin: np.ndarray) -> tuple[np.ndarray, Indices]:
    """Lattice translations and atoms of all images up to a margin around the cell.

    Args:
        wrapped: Fractional positions in [0, 1).
        margin: Width of the margin on each side, in cell lengths.
    """
    spans = [np.arange(-math.ceil(m), math.ceil(m) + 1) for m in margin]
    grid = np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1).reshape(-1, 3)
    points = wrapped[None, :, :] + grid[:, None, :]
    inside = np.all((points > -margin) & (points < 1.0 + margin), axis=2)
    translation, atom = np.nonzero(inside)
    return grid[translation], atom


def unbroken(n_atoms: int, links: list[Link]) -> tuple[list[np.ndarray], Vectors]:
    """Atoms of each molecule, and the translations that make the molecules whole.

    Raises:
        InputError: If a chain of bonds leads from an atom to one of its own images.
    """
    neighbours: list[list[tuple[int, tuple[int, int, int]]]] = [
        [] for _ in range(n_atoms)
    ]
    for i, j, shift in links:
        neighbours[i].append((j, shift))
    place: dict[int, tuple[int, ...]] = {}
    molecules: list[np.ndarray] = []
    for seed in range(n_atoms):
        if seed in place:
            continue
        place[seed] = (0, 0, 0)
        found = [seed]
        for atom in found:
            for other, shift in neighbours[atom]:
                there = tuple(
                    int(p + s) for p, s in zip(place[atom], shift, strict=True)
                )
                if other not in place:
                    place[other] = there
                    found.append(other)
                elif place[other] != there:
                    raise InputError(
                        f"atom {other + 1} is bonded to its own periodic image: csp "
                        "needs a crystal of separate molecules, not a polymer or "
                        "network"
                    )
        molecules.append(np.sort(np.array(found)))
    return molecules, np.array([place[i] for i in range(n_atoms)], dtype=float)


def molecular_bonds(atomic_numbers: AtomicNumbers, positions: Positions) -> Bonds:
    """Covalent bonds of one whole molecule, by the rule of :func:`crystal_of_atoms`."""
    difference = positions[:, None, :] - positions[None, :, :]
    lengths = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference))
    n = len(atomic_numbers)
    first, second = np.nonzero(~np.eye(n, dtype=bool))
    length = lengths[first, second]
    near = is_bonded(atomic_numbers[first], atomic_numbers[second], length)
    first, second, length = first[near], second[near], length[near]
    kept = to_nearest(atomic_numbers, first, length)
    bonded = np.zeros((n, n), dtype=bool)
    bonded[first[kept], second[kept]] = True
    return np.argwhere(np.triu(bonded & bonded.T))
