"""Crystals brought to the standard setting of their space group by spglib."""

import math
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import spglib
from scipy.spatial import cKDTree
from spglib import SpaceGroupType, SpglibDataset, SpglibError

from csp.arrays import (
    AtomicNumbers,
    Cell,
    FractionalPositions,
    Matrix,
    RotationMatrices,
    Vectors,
)
from csp.crystal import Crystal

N_HALL_NUMBERS = 530
N_SPACE_GROUPS = 230

PlacedMolecule = tuple[AtomicNumbers, FractionalPositions]


@cache
def standard_setting(number: int) -> SpaceGroupType:
    """What spglib knows of a space group in its standard setting.

    That of International Tables A: monoclinic unique axis b, cell choice 1; origin
    choice 2; hexagonal axes for rhombohedral lattices.
    """
    entries = [
        spglib.get_spacegroup_type(hall) for hall in range(1, 1 + N_HALL_NUMBERS)
    ]
    settings = [entry for entry in entries if entry and entry.number == number]
    return next((entry for entry in settings if entry.choice == "2"), settings[0])


def standard_operations(number: int) -> tuple[RotationMatrices, Vectors]:
    """Rotations and translations, fractional, in the standard setting."""
    database = spglib.get_symmetry_from_database(standard_setting(number).hall_number)
    assert database is not None  # every Hall number is in the database
    return database["rotations"].astype(float), np.asarray(database["translations"])


def primitive_cell(cell: Cell, number: int) -> Cell:
    """A primitive cell of a conventional cell in the standard setting."""
    rotations, translations = standard_operations(number)
    centring = translations[(rotations == np.eye(3)).all(axis=(1, 2))]
    vectors = np.concatenate([np.eye(3), centring])
    smallest = 1.0 / len(centring)
    rows = next(
        np.array(rows)
        for rows in combinations(vectors, 3)
        if abs(abs(np.linalg.det(rows)) - smallest) < 0.5 * smallest
    )
    return np.asarray(rows @ cell)


def spglib_dataset(crystal: Crystal, tolerance: float) -> SpglibDataset | None:
    """The symmetry at a tolerance (Å) in the standard setting, if spglib finds one."""
    cell: tuple[Any, Any, Any] = (
        crystal.cell,
        crystal.positions @ np.linalg.inv(crystal.cell),
        crystal.atomic_numbers,
    )
    try:
        dataset = spglib.get_symmetry_dataset(cell, symprec=tolerance)
        if dataset is None:
            return None
        hall_number = standard_setting(dataset.number).hall_number
        if dataset.hall_number == hall_number:
            return dataset
        return spglib.get_symmetry_dataset(
            cell, symprec=tolerance, hall_number=hall_number
        )
    except SpglibError:
        return None


def standardised(crystal: Crystal, dataset: SpglibDataset) -> Crystal | None:
    """The symmetrised conventional cell with the crystal's own molecules, whole.

    ``x_standard = P x + p`` carries each molecule, and its lattice translates, into the
    standard cell; every atom then moves to the nearest symmetrised site.

    Returns:
        The crystal, or nothing if molecules and sites do not pair up, which says that
        the symmetry was found at too large a tolerance.
    """
    molecules = _molecules_on_sites(crystal, dataset)
    if molecules is None:
        return None
    n_units = crystal.n_formula_units * len(molecules) / crystal.n_molecules
    if n_units != round(n_units):
        return None
    cell = np.asarray(dataset.std_lattice)
    return Crystal(
        cell,
        np.concatenate([numbers for numbers, _ in molecules]),
        np.concatenate([sites for _, sites in molecules]) @ cell,
        np.repeat(
            np.arange(len(molecules)), [len(numbers) for numbers, _ in molecules]
        ),
        round(n_units),
    )


def _molecules_on_sites(
    crystal: Crystal, dataset: SpglibDataset
) -> list[PlacedMolecule] | None:
    transformation = np.asarray(dataset.transformation_matrix)
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    standard = fractional @ transformation.T + dataset.origin_shift
    sites, types = np.asarray(dataset.std_positions), np.asarray(dataset.std_types)
    tree = cKDTree(np.mod(sites, 1.0) % 1.0, boxsize=1.0)
    is_taken = np.zeros(len(sites), dtype=bool)
    molecules: list[PlacedMolecule] = []
    for shift in _translations(transformation):
        for molecule in range(crystal.n_molecules):
            atoms = crystal.molecule_of_atom == molecule
            points = standard[atoms] + shift
            _, nearest = tree.query(np.mod(points, 1.0) % 1.0)
            if is_taken[nearest].all():
                continue
            is_paired = np.array_equal(types[nearest], crystal.atomic_numbers[atoms])
            n_taken = int(is_taken.sum())
            is_taken[nearest] = True
            if not is_paired or int(is_taken.sum()) != n_taken + len(points):
                return None
            on_sites = sites[nearest] + np.rint(points - sites[nearest])
            on_sites -= np.floor(on_sites.mean(axis=0) + 1e-6)
            molecules.append((types[nearest].astype(int), on_sites))
    return molecules if is_taken.all() else None


def _translations(transformation: Matrix) -> list[np.ndarray]:
    """Old lattice translations, in new axes, that reach all of the new cell."""
    reach = np.abs(np.linalg.inv(transformation)).sum(axis=1)
    spans = [range(-math.ceil(r), math.ceil(r) + 1) for r in reach - 1e-6]
    shifts = sorted(product(*spans), key=lambda t: (sum(x * x for x in t), t[::-1]))
    return [transformation @ np.array(shift) for shift in shifts]
