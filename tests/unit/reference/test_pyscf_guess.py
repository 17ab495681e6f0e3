"""First guesses: orbitals turn with their molecules and keep their electrons."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.crystal import Crystal
from csp.geometry import quaternion_from_uniform, rotation_from_quaternion
from csp.reference.engine import Resources
from csp.reference.levels import PySCFLevel
from csp.reference.pyscf_guess import molecular_orbitals, turned
from csp.reference.pyscf_integrator import half_of_translations
from csp.reference.pyscf_systems import bounded, cell_of, molecule_of

WATER = np.array([[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]])
NUMBERS = np.array([8, 1, 1])
LEVEL = PySCFLevel(
    name="test", engine="pyscf", basis="gth-dzvp", k_spacing=2.0, cutoff_hartree=60.0
)
uniform = st.floats(0.0, 1.0)


@settings(max_examples=10)
@given(st.tuples(uniform, uniform, uniform), st.booleans())
def test_orbitals_turn_with_their_molecule(tmp_path_factory, draw, is_improper):
    rotation = rotation_from_quaternion(quaternion_from_uniform(np.array(draw)))
    rotation = -rotation if is_improper else rotation
    resources = Resources(1, 1.0, tmp_path_factory.getbasetemp())
    molecule = molecule_of((NUMBERS, WATER), LEVEL.gaussians, resources)
    turned_molecule = molecule_of(
        (NUMBERS, WATER @ rotation.T), LEVEL.gaussians, resources
    )
    rng = np.random.default_rng(1)
    orbitals = rng.normal(size=(molecule.nao, 3))
    points = rng.normal(size=(20, 3))
    before = molecule.eval_gto("GTOval", points) @ orbitals
    after = turned_molecule.eval_gto("GTOval", points @ rotation.T)
    assert_allclose(
        after @ turned(orbitals, molecule, rotation), before, rtol=0, atol=1e-9
    )


def two_waters():
    """Two congruent molecules, the second a mirror image, and their cell."""
    second = WATER @ np.diag([1.0, -1.0, 1.0]) @ _rotation() + [2.5, 2.8, 2.4]
    return Crystal(
        np.diag([5.0, 5.2, 4.8]),
        np.tile(NUMBERS, 2),
        np.vstack([WATER, second]),
        np.repeat([0, 1], 3),
        2,
    )


def _rotation():
    return rotation_from_quaternion(quaternion_from_uniform(np.array([0.2, 0.5, 0.7])))


def test_a_congruent_molecule_is_not_computed_again(tmp_path):
    crystal, resources = two_waters(), Resources(1, 1.0, tmp_path)
    cell = cell_of(crystal, LEVEL, resources)
    with bounded(resources):
        placed = molecular_orbitals(crystal, cell, LEVEL, resources)
    assert placed.n_computed == 1
    assert placed.coefficients.shape == (cell.nao, 8)


def test_the_guess_has_all_electrons_at_every_k_point(tmp_path):
    crystal, resources = two_waters(), Resources(1, 1.0, tmp_path)
    cell = cell_of(crystal, LEVEL, resources)
    kpts = cell.make_kpts([2, 1, 1])
    overlaps = np.asarray(cell.pbc_intor("int1e_ovlp", hermi=1, kpts=kpts))
    with bounded(resources):
        placed = molecular_orbitals(crystal, cell, LEVEL, resources)
    for density, overlap in zip(
        placed.density_matrices(overlaps), overlaps, strict=True
    ):
        assert np.trace(density @ overlap).real == pytest.approx(16.0, abs=1e-8)
        assert_allclose(density @ overlap @ density, 2.0 * density, rtol=0, atol=1e-7)


@given(st.tuples(*[st.integers(1, 5)] * 3))
def test_of_every_translation_and_its_inverse_one_is_kept(mesh):
    half = half_of_translations(mesh)
    assert half.multiplicities.sum() == np.prod(mesh)
    both = {tuple(t % mesh) for t in half.integers} | {
        tuple(-t % mesh) for t in half.integers
    }
    assert len(both) == np.prod(mesh)
    assert_allclose(
        np.ravel_multi_index(tuple(half.integers.T), mesh), half.positions[:, 0]
    )
