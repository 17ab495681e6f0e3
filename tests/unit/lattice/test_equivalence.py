from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.comparison.molecules import crystal_of_atoms
from csp.comparison.reading import read_crystal
from csp.crystal import Crystal
from csp.lattice.equivalence import SymmetricCrystal, averaged_cell, symmetric_crystal
from csp.lattice.operations import is_group, operations_from_text

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"
SETTINGS = {
    "as given": np.eye(3),
    "other axes": np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "other cell": np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]]),
    "supercell": np.array([[2, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "odd supercell": np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 1]]),
}


@pytest.fixture(scope="module")
def beta() -> Crystal:
    return read_crystal(DATA / "beta.cif")


def in_setting(crystal: Crystal, basis: np.ndarray, shift: np.ndarray) -> Crystal:
    size = round(abs(np.linalg.det(basis)))
    reach = np.arange(-3, 4)
    grid = np.stack(np.meshgrid(reach, reach, reach), axis=-1).reshape(-1, 3)
    inside = grid @ np.linalg.inv(basis)
    steps = grid[np.all((inside > -1e-6) & (inside < 1 - 1e-6), axis=1)]
    assert len(steps) == size
    positions = np.concatenate([crystal.positions + s @ crystal.cell for s in steps])
    cell = basis @ crystal.cell
    numbers = np.tile(crystal.atomic_numbers, size)
    return crystal_of_atoms(cell, numbers, positions + shift @ cell)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_group_is_found_in_any_cell(beta, setting):
    basis = SETTINGS[setting].astype(float)
    crystal = in_setting(beta, basis, np.array([0.13, 0.27, 0.41]))
    found = symmetric_crystal(crystal)
    assert found.symbol == "P2₁/c"
    assert is_group(found.operations)
    size = round(abs(np.linalg.det(basis)))
    assert len(found.operations.rotations) in (4 * size, 2 * size)
    assert_allclose(found.operations.rotations[0], np.eye(3), rtol=0, atol=0)
    assert largest_error(found) < 1e-6


def largest_error(found: SymmetricCrystal) -> float:
    """How far an operation carries an atom from the nearest one, Å."""
    errors = []
    for turn, shift in zip(*found.operations, strict=True):
        moved = found.fractional @ turn.T + shift
        away = moved[:, None] - found.fractional[None]
        away -= np.rint(away)
        errors.append(np.linalg.norm(away @ found.cell, axis=2).min(axis=1).max())
    return max(errors)


def test_an_orbit_counts_once(beta):
    found = symmetric_crystal(beta)
    assert [len(atoms) for atoms in found.molecules] == [8]
    orbit = {tuple(sorted(row)) for row in found.permutations[0].tolist()}
    assert len(orbit) == beta.n_molecules == 2


def test_noise_below_the_tolerance_is_averaged_away(beta):
    rng = np.random.default_rng(3)
    noisy = beta.positions + rng.normal(scale=0.001, size=beta.positions.shape)
    crystal = crystal_of_atoms(beta.cell, beta.atomic_numbers, noisy)
    found = symmetric_crystal(crystal)
    assert found.symbol == "P2₁/c"
    assert_allclose(found.fractional @ found.cell, crystal.positions, atol=0.01)
    assert largest_error(found) < 1e-9


def test_a_cell_becomes_one_that_its_operations_leave_alone():
    cell = np.array([[5.0, 0.0, 0.0], [0.02, 5.01, 0.0], [0.0, 0.0, 7.0]])
    operations = operations_from_text(["-y,x,z", "-x,-y,z", "y,-x,z"])
    metric = (new := averaged_cell(cell, operations)) @ new.T
    assert metric[0, 0] == pytest.approx(metric[1, 1])
    assert metric[0, 1] == pytest.approx(0.0, abs=1e-12)
    assert_allclose(new, cell, rtol=0, atol=0.03)
    assert_allclose(averaged_cell(new, operations), new, rtol=0, atol=1e-12)
