"""Crystals, and the same crystals described otherwise."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from csp.comparison.reading import read_crystal
from csp.crystal import Crystal
from csp.geometry import (
    cell_from_parameters,
    quaternion_from_uniform,
    rotation_from_quaternion,
)
from csp.spacegroups import space_group

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"


@pytest.fixture(scope="session")
def alpha() -> Crystal:
    return read_crystal(DATA / "alpha.cif")


@pytest.fixture(scope="session")
def beta() -> Crystal:
    return read_crystal(DATA / "beta.cif")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    return DATA


def _unimodular(rng: np.random.Generator) -> np.ndarray:
    matrix = np.eye(3, dtype=int)
    for _ in range(4):
        i, j = rng.choice(3, 2, replace=False)
        matrix[i] += rng.integers(-1, 2) * matrix[j]
    return matrix[rng.permutation(3)]


def _redescribed(
    crystal: Crystal, seed: int, *, noise: float = 0.0, mirror: bool = False
) -> Crystal:
    """Another cell, origin, orientation, atom and molecule order of one crystal."""
    rng = np.random.default_rng(seed)
    rotation = rotation_from_quaternion(quaternion_from_uniform(rng.random(3)))
    if mirror:
        rotation = rotation @ np.diag([1.0, 1.0, -1.0])
    cell = _unimodular(rng) @ crystal.cell
    positions = crystal.positions + 5.0 * rng.random(3)
    shifts = rng.integers(-1, 2, (crystal.n_molecules, 3)) @ crystal.cell
    positions = positions + shifts[crystal.molecule_of_atom]
    positions = positions + noise * rng.standard_normal(positions.shape)
    order = rng.permutation(len(positions))
    names = rng.permutation(crystal.n_molecules)
    return Crystal(
        cell @ rotation.T,
        crystal.atomic_numbers[order],
        (positions @ rotation.T)[order],
        names[crystal.molecule_of_atom][order],
        crystal.n_formula_units,
    )


@pytest.fixture(scope="session")
def redescribed() -> Callable[..., Crystal]:
    return _redescribed


def _supercell(crystal: Crystal, repeats: tuple[int, int, int]) -> Crystal:
    shifts = np.array(list(product(*(range(n) for n in repeats)))) @ crystal.cell
    copies = len(shifts)
    return Crystal(
        np.diag(repeats) @ crystal.cell,
        np.tile(crystal.atomic_numbers, copies),
        np.concatenate([crystal.positions + shift for shift in shifts]),
        np.concatenate(
            [crystal.molecule_of_atom + k * crystal.n_molecules for k in range(copies)]
        ),
        crystal.n_formula_units * copies,
    )


@pytest.fixture(scope="session")
def supercell() -> Callable[..., Crystal]:
    return _supercell


def _strained(crystal: Crystal, factors: tuple[float, float, float]) -> Crystal:
    """The cell stretched along its vectors; molecules keep shape and orientation."""
    cell = np.diag(factors) @ crystal.cell
    positions = np.array(crystal.positions)
    for molecule in range(crystal.n_molecules):
        atoms = crystal.molecule_of_atom == molecule
        centroid = positions[atoms].mean(axis=0)
        positions[atoms] += centroid @ np.linalg.inv(crystal.cell) @ cell - centroid
    return Crystal(
        cell,
        crystal.atomic_numbers,
        positions,
        crystal.molecule_of_atom,
        crystal.n_formula_units,
    )


@pytest.fixture(scope="session")
def strained() -> Callable[..., Crystal]:
    return _strained


CELLS = {
    "triclinic": [11.0, 12.0, 13.0, 83.0, 101.0, 95.0],
    "monoclinic": [15.0, 16.0, 17.0, 90.0, 104.0, 90.0],
    "orthorhombic": [17.0, 19.0, 21.0, 90.0, 90.0, 90.0],
    "tetragonal": [21.0, 21.0, 25.0, 90.0, 90.0, 90.0],
    "hexagonal": [24.0, 24.0, 27.0, 90.0, 90.0, 120.0],
    "cubic": [34.0, 34.0, 34.0, 90.0, 90.0, 90.0],
}


@pytest.fixture(scope="session")
def chiral_crystal():
    """Z' = 1 of a chiral molecule, CHFClBr, in any space group."""
    numbers = np.array([6, 1, 9, 17, 35])
    lengths = np.array([0.0, 1.09, 1.38, 1.77, 1.94])
    corners = np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    shape = corners / np.sqrt(3.0) * lengths[:, None]

    def make(number):
        group = space_group(number)
        cell = cell_from_parameters(np.array(CELLS[group.lattice]))
        molecule = shape @ np.linalg.inv(cell) + np.array([0.13, 0.17, 0.09])
        images = [
            molecule @ rotation.T + translation
            for rotation, translation in zip(
                group.rotations, group.translations, strict=True
            )
        ]
        n = len(images)
        return Crystal(
            cell,
            np.tile(numbers, n),
            np.concatenate(images) @ cell,
            np.repeat(np.arange(n), len(numbers)),
            n,
        )

    return make
