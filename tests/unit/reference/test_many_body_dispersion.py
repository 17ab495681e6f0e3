"""Many-body dispersion against the method's reference implementation, and its limits.

The quoted energies are those of ``mbd_energy_species`` of pymbd, the reference
implementation in NumPy (https://github.com/libmbd/libmbd, version 0.15.0), for the same
positions, volume ratios and k-points, in hartree times csp's conversion factor.
"""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from csp.errors import ConvergenceError, InputError
from csp.reference import many_body_dispersion as module
from csp.reference.kpoints import kpoint_mesh
from csp.reference.many_body_dispersion import (
    direct_radius,
    half_mesh,
    long_range_tensors,
    many_body_dispersion,
    pairs_of_crystal,
)
from csp.units import ANGSTROM_PER_BOHR, KJ_PER_MOL_PER_HARTREE

WATER = np.array([[0.0, 0.0, 0.0], [0.76, 0.0, 0.59], [-0.76, 0.0, 0.59]])
TURNED = WATER[:, [2, 0, 1]] + np.array([0.4, 0.3, 2.9])
WATERS = (np.array([8, 1, 1, 8, 1, 1]), np.concatenate([WATER, TURNED]))
RATIOS = np.array([0.95, 0.60, 0.62, 0.93, 0.61, 0.60])
CELL = np.array([[4.6, 0.0, 0.0], [0.3, 4.7, 0.0], [-0.6, 0.4, 6.3]])
COARSE = 0.5
"""Å⁻¹; of k-points, where their density is not what a test is about."""


@pytest.fixture
def coarse_mesh(monkeypatch):
    monkeypatch.setattr(module, "KPOINT_SPACING", COARSE)


def benzene_dimer():
    """Regular hexagons, parallel and displaced."""
    angles = np.arange(6) * np.pi / 3.0
    ring = np.stack([np.cos(angles), np.sin(angles), 0.0 * angles], axis=1)
    benzene = np.concatenate([1.39 * ring, 2.48 * ring])
    positions = np.concatenate([benzene, benzene + np.array([1.6, 0.0, 3.4])])
    numbers, ratios = np.repeat([6, 1], 6), np.repeat([0.82, 0.62], 6)
    return (np.tile(numbers, 2), positions), np.tile(ratios, 2)


def pair(number, distance):
    return np.array([number] * 2), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance]])


@pytest.mark.parametrize(
    ("functional", "expected"), [("pbe", -3.48795681), ("pbe0", -3.12473447)]
)
def test_two_waters_have_the_reference_implementations_energy(functional, expected):
    energy = many_body_dispersion(functional, WATERS, RATIOS)
    assert energy == pytest.approx(expected, abs=1e-6)


def test_a_benzene_dimer_has_the_reference_implementations_energy():
    energy = many_body_dispersion("pbe", *benzene_dimer())
    assert energy == pytest.approx(-57.47623241, abs=1e-6)


@pytest.mark.parametrize(
    ("functional", "expected"), [("pbe", -6.54530788), ("pbe0", -6.15184515)]
)
def test_a_crystal_has_the_reference_implementations_energy(
    coarse_mesh, functional, expected
):
    assert kpoint_mesh(CELL, COARSE) == (3, 3, 2)
    energy = many_body_dispersion(functional, WATERS, RATIOS, CELL)
    assert energy == pytest.approx(expected, abs=1e-6)


def test_the_mesh_is_dense_enough(monkeypatch):
    energy = many_body_dispersion("pbe", WATERS, RATIOS, CELL)
    monkeypatch.setattr(module, "KPOINT_SPACING", 0.13)
    denser = many_body_dispersion("pbe", WATERS, RATIOS, CELL)
    assert energy / 2.0 == pytest.approx(denser / 2.0, abs=0.01)


@settings(max_examples=8, phases=[Phase.generate])  # to shrink would take minutes
@given(
    st.sampled_from([None, CELL]),
    st.integers(0, 1000),
    st.permutations(range(6)),
    st.lists(st.integers(-2, 2), min_size=18, max_size=18),
)
def test_neither_motion_nor_order_nor_choice_of_images_matters(
    cell, seed, order, steps
):
    rng = np.random.default_rng(seed)
    turn = Rotation.random(rng=rng).as_matrix()
    numbers, positions = WATERS
    expected = many_body_dispersion("pbe", WATERS, RATIOS, cell)
    moved = positions + rng.normal(size=3)
    if cell is not None:
        moved = moved + np.array(steps).reshape(6, 3) @ cell
        cell = cell @ turn
    atoms = (numbers[order], (moved @ turn)[order])
    energy = many_body_dispersion("pbe", atoms, RATIOS[order], cell)
    assert energy == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_doubled_cell_has_twice_the_energy(axis):
    numbers, positions = WATERS
    doubled = CELL.copy()
    doubled[axis] *= 2.0
    spacing = module.KPOINT_SPACING
    once, twice = kpoint_mesh(CELL, spacing), kpoint_mesh(doubled, spacing)
    assert once[axis] == 2 * twice[axis]
    atoms = (np.tile(numbers, 2), np.concatenate([positions, positions + CELL[axis]]))
    energy = many_body_dispersion("pbe", atoms, np.tile(RATIOS, 2), doubled)
    expected = 2.0 * many_body_dispersion("pbe", WATERS, RATIOS, CELL)
    assert energy == pytest.approx(expected, abs=1e-6)


def test_a_huge_cell_is_a_molecule():
    inside = many_body_dispersion("pbe", WATERS, RATIOS, 50.0 * np.eye(3))
    alone = many_body_dispersion("pbe", WATERS, RATIOS)
    assert inside == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize(("number", "c6"), [(18, 64.3), (6, 46.6)])
@pytest.mark.parametrize("ratio", [1.0, 0.8])
def test_two_far_atoms_attract_with_their_c6(number, c6, ratio):
    distance = 25.0
    energy = many_body_dispersion("pbe", pair(number, distance), np.full(2, ratio))
    found = -energy / KJ_PER_MOL_PER_HARTREE * (distance / ANGSTROM_PER_BOHR) ** 6
    assert found == pytest.approx(c6 * ratio**2, rel=1e-4)


def test_one_atom_has_no_energy():
    atoms = (np.array([18]), np.zeros((1, 3)))
    assert many_body_dispersion("pbe", atoms, np.ones(1)) == pytest.approx(0, abs=1e-9)


def test_the_sum_does_not_depend_on_where_ewald_splits_it():
    positions, lattice = WATERS[1] / ANGSTROM_PER_BOHR, CELL / ANGSTROM_PER_BOHR
    contacts = np.full((6, 6), 4.0)
    kpoints, _ = half_mesh(lattice, (1, 2, 1))
    radius = direct_radius(lattice, 4.0)
    near, far = (
        pairs_of_crystal(positions, lattice, factor * radius) for factor in (1.0, 1.7)
    )
    for few, many in zip(
        long_range_tensors(near, contacts, kpoints),
        long_range_tensors(far, contacts, kpoints),
        strict=True,
    ):
        assert np.abs(few).max() > 1e-3
        np.testing.assert_allclose(few, many, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("mesh", [(1, 1, 1), (3, 1, 3), (2, 3, 4)])
def test_half_of_the_mesh_stands_for_all_of_it(mesh):
    lattice = CELL / ANGSTROM_PER_BOHR
    kpoints, weights = half_mesh(lattice, mesh)
    assert weights.sum() == pytest.approx(1.0)
    assert (np.linalg.norm(kpoints, axis=1) > 0.0).all()
    steps = kpoints @ lattice.T / (2.0 * np.pi) * mesh - 0.5
    np.testing.assert_allclose(steps, np.round(steps), rtol=0.0, atol=1e-9)
    both = np.concatenate([np.round(steps), -1.0 - np.round(steps)]) % mesh
    assert len({tuple(row) for row in both.astype(int)}) == np.prod(mesh)


def test_a_functional_without_parameter_is_named():
    with pytest.raises(InputError, match="functional 'b3lyp': choose one of pbe, pbe0"):
        many_body_dispersion("b3lyp", WATERS, RATIOS)


def test_an_element_without_data_is_named():
    with pytest.raises(InputError, match="no free atoms of U, only of H, B, C"):
        many_body_dispersion("pbe", pair(92, 4.0), np.ones(2))


@pytest.mark.parametrize("ratios", [[1.0, 0.0], [1.0, -0.5], [1.0, np.nan], [1.0]])
def test_volumes_are_positive_and_one_an_atom(ratios):
    with pytest.raises(InputError, match="one positive number for each of 2 atoms"):
        many_body_dispersion("pbe", pair(6, 4.0), np.array(ratios))


def test_too_strong_coupling_has_no_energy():
    with pytest.raises(ConvergenceError, match="negative eigenvalue"):
        many_body_dispersion("pbe", pair(6, 0.3), np.full(2, 5.0))
