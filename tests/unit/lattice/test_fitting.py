"""Known crystals rebuilt from the molecules of a search: same packing, same energy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from csp.comparison.molecules import crystal_of_atoms
from csp.crystal import Crystal
from csp.errors import InputError
from csp.lattice.fitting import fitted, relaxed
from csp.potentials.settings import PotentialSettings
from csp.records import Status
from csp.relaxation.settings import RelaxationSettings

POTENTIAL = PotentialSettings()
SHEARED = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])
DOUBLED = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 1]])


def described(crystal: Crystal, basis: np.ndarray, turn: np.ndarray, seed: int):
    """The same crystal in another cell, turned, its atoms in another order."""
    rng = np.random.default_rng(seed)
    n_cells = round(abs(np.linalg.det(basis)))
    shifts = [np.zeros(3)] if n_cells == 1 else [np.zeros(3), crystal.cell[1]]
    positions = np.concatenate([crystal.positions + shift for shift in shifts])
    numbers = np.tile(crystal.atomic_numbers, n_cells)
    order = rng.permutation(len(numbers))
    moved = (positions + rng.uniform(-5.0, 5.0, 3)) @ turn.T
    return crystal_of_atoms(basis @ crystal.cell @ turn.T, numbers[order], moved[order])


@pytest.fixture(scope="module")
def minima(finished):
    return finished.landscape.minima


@settings(max_examples=12)
@given(
    which=st.sampled_from([0, 1, 2, 3, 4]),
    basis=st.sampled_from([np.eye(3), SHEARED, DOUBLED]),
    seed=st.integers(0, 10**6),
    is_mirrored=st.booleans(),
)
def test_a_minimum_has_its_energy_however_it_is_described(
    finished, which, basis, seed, is_mirrored
):
    minimum = finished.landscape.minima[which]
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    crystal = described(minimum.crystal, basis, -turn if is_mirrored else turn, seed)
    given_ = fitted(crystal, list(finished.search.unit.molecules.values()), POTENTIAL)
    assert given_.largest_misfit < 2e-3
    end = relaxed(given_, RelaxationSettings(), settles=False)
    assert end.status is Status.CONVERGED
    assert end.lattice_energy == pytest.approx(minimum.lattice_energy, abs=2e-3)


def test_the_conformer_that_fits_is_taken_and_paid_for(finished, minima):
    molecules = list(finished.search.unit.molecules.values())
    used = {minimum.conformers[0]: minimum for minimum in minima}
    assert len(used) > 1
    for label, minimum in used.items():
        found = fitted(minimum.crystal, molecules, POTENTIAL)
        (own,) = [m for m in molecules if m.conformer.label == label]
        assert found.conformer_energy == pytest.approx(own.conformer.relative_energy)


def test_a_crystal_pushed_off_its_minimum_returns_there(finished, minima):
    lowest = minima[0]
    cell = lowest.crystal.cell * np.array([1.02, 0.99, 1.01])[:, None]
    fractional = lowest.crystal.positions @ np.linalg.inv(lowest.crystal.cell)
    crystal = replace(lowest.crystal, cell=cell, positions=fractional @ cell)
    end = relaxed(
        fitted(crystal, list(finished.search.unit.molecules.values()), POTENTIAL),
        RelaxationSettings(),
    )
    assert end.status is Status.CONVERGED
    assert not end.has_lost_symmetry
    assert end.lowest_curvature > 0.0
    assert end.lattice_energy == pytest.approx(lowest.lattice_energy, abs=2e-3)


def test_molecules_without_the_symmetry_of_their_site_are_free(finished):
    """A conformer without an inversion centre where the crystal has one."""
    alpha = finished.search.observed["alpha"]
    molecules = list(finished.search.unit.molecules.values())
    bent = [
        molecule
        for molecule in molecules
        if not any(np.allclose(r, -np.eye(3)) for r in molecule.symmetry.rotations)  # noqa: TID251
    ]
    found = fitted(alpha, bent, POTENTIAL)
    assert found.crystal.n_molecules == len(found.crystal.bodies) == 4
    straight = [m for m in molecules if m not in bent]
    kept = fitted(alpha, straight, POTENTIAL)
    assert (kept.crystal.n_molecules, len(kept.crystal.bodies)) == (4, 1)


def test_a_crystal_of_another_compound_is_refused(finished):
    alpha = finished.search.observed["alpha"]
    numbers = np.where(alpha.atomic_numbers == 8, 16, alpha.atomic_numbers)
    other = replace(alpha, atomic_numbers=numbers)
    with pytest.raises(InputError, match="none of the search's"):
        fitted(other, list(finished.search.unit.molecules.values()), POTENTIAL)
