"""Crystals brought to the standard setting of their space group by spglib."""

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import spglib
from scipy.spatial import cKDTree
from spglib import SpglibError

from csp.arrays import (
    AtomicNumbers,
    Cell,
    FractionalPositions,
    Matrix,
    RotationMatrices,
    Vector,
    Vectors,
)
from csp.crystal import Crystal

N_HALL_NUMBERS = 530

PlacedMolecule = tuple[AtomicNumbers, FractionalPositions]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a space group, by spglib's tables.

    Attributes:
        hall_number: spglib's number for it, 1 to 530.
        hall_symbol: Hall's symbol.
        full_symbol: Full Hermann–Mauguin symbol, like ``P 1 2_1/c 1``.
    """

    hall_number: int
    hall_symbol: str
    full_symbol: str


@dataclass(frozen=True, eq=False, slots=True)
class StandardForm:
    """A crystal's symmetrised atoms, and the way to them.

    ``x_standard = P x + p`` for fractional columns.

    Attributes:
        number: International number of the space group.
        symbol: Short Hermann–Mauguin symbol as spglib writes it.
        cell: Conventional cell, rows, Å.
        atomic_numbers: Of the atoms in it.
        sites: Their fractional positions.
        transformation: ``P``.
        origin_shift: ``p``.
    """

    number: int
    symbol: str
    cell: Cell
    atomic_numbers: AtomicNumbers
    sites: FractionalPositions
    transformation: Matrix
    origin_shift: Vector


@cache
def standard_setting(number: int) -> Setting:
    """The standard setting of a space group.

    That of International Tables A: monoclinic unique axis b, cell choice 1; origin
    choice 2; hexagonal axes for rhombohedral lattices.
    """
    entries = [spglib.get_spacegroup_type(1 + hall) for hall in range(N_HALL_NUMBERS)]
    settings = [
        entry for entry in entries if entry is not None and entry.number == number
    ]
    chosen = next((entry for entry in settings if entry.choice == "2"), settings[0])
    return Setting(chosen.hall_number, chosen.hall_symbol, chosen.international_full)


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


def standard_form(crystal: Crystal, tolerance: float) -> StandardForm | None:
    """The symmetry at a tolerance (Å) in the standard setting, if spglib finds one."""
    cell: tuple[Any, Any, Any] = (
        crystal.cell,
        crystal.positions @ np.linalg.inv(crystal.cell),
        crystal.atomic_numbers,
    )
    try:
        dataset = spglib.get_symmetry_dataset(cell, symprec=tolerance)
        if dataset is not None:
            setting = standard_setting(dataset.number)
            if dataset.hall_number != setting.hall_number:
                dataset = spglib.get_symmetry_dataset(
                    cell, symprec=tolerance, hall_number=setting.hall_number
                )
    except SpglibError:
        return None
    if dataset is None:
        return None
    return StandardForm(
        number=int(dataset.number),
        symbol=str(dataset.international),
        cell=np.asarray(dataset.std_lattice, dtype=float),
        atomic_numbers=np.asarray(dataset.std_types, dtype=int),
        sites=np.asarray(dataset.std_positions, dtype=float),
        transformation=np.asarray(dataset.transformation_matrix, dtype=float),
        origin_shift=np.asarray(dataset.origin_shift, dtype=float),
    )


def standardised(crystal: Crystal, form: StandardForm) -> Crystal | None:
    """The symmetrised conventional cell with the crystal's own molecules, whole.

    Each molecule and its lattice translates are carried into the standard cell; every
    atom then moves to the nearest symmetrised site.

    Returns:
        The crystal, or nothing if molecules and sites do not pair up, which says that
        the symmetry was found at too large a tolerance.
    """
    molecules = _molecules_on_sites(crystal, form)
    if molecules is None:
        return None
    n_units = crystal.n_formula_units * len(molecules) / crystal.n_molecules
    if n_units != round(n_units):
        return None
    return Crystal(
        form.cell,
        np.concatenate([numbers for numbers, _ in molecules]),
        np.concatenate([sites for _, sites in molecules]) @ form.cell,
        np.repeat(
            np.arange(len(molecules)), [len(numbers) for numbers, _ in molecules]
        ),
        round(n_units),
    )


def _molecules_on_sites(
    crystal: Crystal, form: StandardForm
) -> list[PlacedMolecule] | None:
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    standard = fractional @ form.transformation.T + form.origin_shift
    sites, numbers = form.sites, form.atomic_numbers
    tree = cKDTree(np.mod(sites, 1.0) % 1.0, boxsize=1.0)
    is_taken = np.zeros(len(sites), dtype=bool)
    molecules: list[PlacedMolecule] = []
    for shift in _translations(form.transformation):
        for molecule in range(crystal.n_molecules):
            atoms = crystal.molecule_of_atom == molecule
            points = standard[atoms] + shift
            _, nearest = tree.query(np.mod(points, 1.0) % 1.0)
            if is_taken[nearest].all():
                continue
            is_paired = np.array_equal(numbers[nearest], crystal.atomic_numbers[atoms])
            n_taken = int(is_taken.sum())
            is_taken[nearest] = True
            if not is_paired or int(is_taken.sum()) != n_taken + len(points):
                return None
            on_sites = sites[nearest] + np.rint(points - sites[nearest])
            on_sites -= np.floor(on_sites.mean(axis=0) + 1e-6)
            molecules.append((numbers[nearest], on_sites))
    return molecules if is_taken.all() else None


def _translations(transformation: Matrix) -> list[np.ndarray]:
    """Old lattice translations, in new axes, that reach all of the new cell."""
    reach = np.abs(np.linalg.inv(transformation)).sum(axis=1)
    spans = [range(-math.ceil(r), math.ceil(r) + 1) for r in reach - 1e-6]
    shifts = sorted(product(*spans), key=lambda t: (sum(x * x for x in t), t[::-1]))
    return [transformation @ np.array(shift) for shift in shifts]
