"""The symmetry of a crystal in its own cell, and the crystal made exact in it."""

from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from csp.arrays import Cell, FractionalPositions, Indices, Matrix, Vector
from csp.comparison.standard_setting import standard_form, standard_operations
from csp.comparison.symmetry import find_symmetry
from csp.crystal import Crystal
from csp.errors import InputError
from csp.spacegroups import Operations

TOLERANCE = 0.02
"""Å; a few times what coordinates of four digits leave open."""
_SAME = 1e-4


class SymmetricCrystal(NamedTuple):
    """A crystal that has its symmetry to rounding.

    Attributes:
        symbol: Hermann–Mauguin symbol for reading.
        operations: In the crystal's own cell, the identity first.
        cell: Rows, Å.
        fractional: Positions of all atoms.
        molecules: Atoms of one molecule of each orbit.
        permutations: For each of them and each operation, which atom each of its
            atoms is carried to.
    """

    symbol: str
    operations: Operations
    cell: Cell
    fractional: FractionalPositions
    molecules: tuple[Indices, ...]
    permutations: tuple[np.ndarray, ...]


def symmetric_crystal(crystal: Crystal) -> SymmetricCrystal:
    """Find the space group of a crystal and average the crystal over it.

    Raises:
        InputError: If the crystal has no consistent symmetry.
    """
    found = find_symmetry(crystal, TOLERANCE)
    form = standard_form(crystal, found.tolerance)
    if form is None:
        raise InputError("no symmetry was found for the crystal: check its atoms")
    operations = _in_own_cell(form.number, form.transformation, form.origin_shift)
    cell = averaged_cell(crystal.cell, operations)
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    targets, pulled = _images(fractional, crystal.atomic_numbers, cell, operations)
    molecules = _one_of_each(crystal, targets)
    return SymmetricCrystal(
        found.display_symbol,
        operations,
        cell,
        fractional + pulled.mean(axis=0),
        tuple(molecules),
        tuple(targets[:, atoms] for atoms in molecules),
    )


def _in_own_cell(number: int, transformation: Matrix, shift: Vector) -> Operations:
    """Standard operations in the axes of ``x_standard = P x + p``.

    ``W' = P⁻¹ W P``, ``w' = P⁻¹ (W p + w − p)``; where the own cell is a multiple of
    the standard one, all with its inner translations.
    """
    back = np.linalg.inv(transformation)
    turns, shifts = standard_operations(number)
    own_turns = back @ turns @ transformation
    own_shifts = (turns @ shift + shifts - shift) @ back.T
    reach = int(np.ceil(np.abs(transformation).sum(axis=1).max())) + 1
    grid = np.array(list(product(range(-reach, reach + 1), repeat=3))) @ back.T
    inner = grid[np.all((grid > -_SAME) & (grid < 1.0 - _SAME), axis=1)]
    rotations, translations = [], []
    for turn, base in zip(own_turns, own_shifts, strict=True):
        if np.abs(turn - np.rint(turn)).max() > _SAME:
            continue  # not a symmetry of the lattice of a larger cell
        for step in inner:
            moved = base + step
            moved -= np.floor(moved + _SAME)
            rotations.append(np.rint(turn))
            translations.append(moved)
    return _distinct(np.array(rotations), np.array(translations))


def _distinct(rotations: np.ndarray, translations: np.ndarray) -> Operations:
    """Without repetitions; the identity first, its translation exactly zero."""
    rows = np.column_stack(
        [rotations.reshape(len(rotations), 9), np.round(translations, 3) % 1.0]
    )
    _, kept = np.unique(rows, axis=0, return_index=True)
    rotations, translations = rotations[np.sort(kept)], translations[np.sort(kept)]
    away = np.abs(rotations - np.eye(3)).max(axis=(1, 2)) + np.abs(translations).max(
        axis=1
    )
    order = np.argsort(away > _SAME, kind="stable")
    translations = translations[order]
    translations[0] = 0.0
    return Operations(rotations[order], translations)


def averaged_cell(cell: Cell, operations: Operations) -> Cell:
    """The nearest cell of which the operations are isometries.

    The metric G = h hᵀ becomes the mean of WᵀGW; the cell keeps its orientation.
    """
    metric = cell @ cell.T
    turns = operations.rotations
    mean = np.mean(turns.transpose(0, 2, 1) @ metric @ turns, axis=0)
    # h' = L L₀⁻¹ h, with the Cholesky factors of the new and the old metric
    change = np.linalg.cholesky(mean) @ np.linalg.inv(np.linalg.cholesky(metric))
    return np.asarray(change @ cell)


def _images(
    fractional: FractionalPositions,
    numbers: Indices,
    cell: Cell,
    operations: Operations,
) -> tuple[np.ndarray, np.ndarray]:
    """Where each operation carries each atom, and how far that atom is, pulled back."""
    tree = cKDTree(np.mod(fractional, 1.0) % 1.0, boxsize=1.0)
    targets, pulled = [], []
    for turn, shift in zip(*operations, strict=True):
        moved = fractional @ turn.T + shift
        nearest = _nearest(tree, moved, numbers)
        away = fractional[nearest] - moved
        away -= np.rint(away)
        targets.append(nearest)
        pulled.append(away @ np.linalg.inv(turn).T)
    worst = float(np.linalg.norm(np.array(pulled) @ cell, axis=2).max())
    if worst > 10.0 * TOLERANCE:
        raise InputError(
            f"the symmetry of the crystal misses an atom by {worst:.2f} Å: give the "
            "crystal in its conventional cell"
        )
    return np.array(targets), np.array(pulled)


def _nearest(tree: cKDTree, points: np.ndarray, numbers: Indices) -> Indices:
    """The nearest atom of the same element to each point."""
    _, found = tree.query(np.mod(points, 1.0) % 1.0, k=min(4, tree.n))
    found = found.reshape(len(points), -1)
    fits = numbers[found] == numbers[:, None]
    return np.asarray(found[np.arange(len(points)), fits.argmax(axis=1)])


def _one_of_each(crystal: Crystal, targets: np.ndarray) -> list[Indices]:
    """The atoms of the first molecule of each orbit."""
    owner = crystal.molecule_of_atom
    seen: set[int] = set()
    molecules = []
    for molecule in range(crystal.n_molecules):
        if molecule in seen:
            continue
        atoms = np.flatnonzero(owner == molecule)
        seen.update(owner[targets[:, atoms[0]]].tolist())
        molecules.append(atoms)
    return molecules
