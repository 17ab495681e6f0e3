"""The sampled potential against multipoles and a second way to compute it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pyscf import df, gto, lib

from csp.conformers import density_functional
from csp.conformers.density_functional import converged_field, quiet_scratch
from csp.conformers.electrostatics import (
    SHELLS,
    merz_kollman_points,
    potential_at,
    unit_sphere,
)
from csp.conformers.settings import Level
from csp.errors import InputError
from csp.molecule import Molecule
from csp.units import ANGSTROM_PER_BOHR, COULOMB_CONSTANT, KJ_PER_MOL_PER_HARTREE

LEVEL = Level("pbe0", "none", "sto-3g")
BONDI = {1: 1.20, 2: 1.40, 6: 1.70, 7: 1.55, 8: 1.52, 16: 1.80, 17: 1.75}


@pytest.fixture(autouse=True)
def coarse_grid(monkeypatch):
    """What is tested here does not depend on the quality of the integration grid."""
    monkeypatch.setattr(density_functional, "GRID_LEVEL", 1)
    with lib.with_omp_threads(1):  # more would wait for each other
        yield


def water(charge=0):
    return Molecule(
        np.array([8, 1, 1]),
        np.array([[0.0, 0.0, 0.1], [0.0, 0.76, -0.49], [0.0, -0.76, -0.49]]),
        np.array([[0, 1], [0, 2]]),
        charge,
        "water",
    )


def atom(number, charge=0):
    return Molecule(
        np.array([number]), np.zeros((1, 3)), np.zeros((0, 2), int), charge, "atom"
    )


def test_far_potential_of_water_is_that_of_its_dipole():
    directions = unit_sphere(12)
    points = 20.0 * directions
    # The difference between r and −r leaves the odd multipoles; the octupole is
    # smaller by (20 Å)².
    both = potential_at(np.vstack([points, -points]), water(), LEVEL)
    odd = 0.5 * (both[:12] - both[12:])
    with quiet_scratch():
        dipole = converged_field(water(), LEVEL).dip_moment(unit="AU", verbose=0)
    expected = COULOMB_CONSTANT * ANGSTROM_PER_BOHR * directions @ dipole / 20.0**2
    assert np.abs(expected).max() > 1.0
    assert_allclose(odd, expected, rtol=0, atol=0.01 * np.abs(expected).max())


def test_far_potential_of_an_ion_is_that_of_its_charge():
    points = 10.0 * unit_sphere(5)
    expected = np.full(5, COULOMB_CONSTANT / 10.0)
    assert_allclose(potential_at(points, atom(3, 1), LEVEL), expected, rtol=1e-6)


def test_potential_of_helium_is_short_ranged_and_positive():
    values = potential_at(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 6.0]]), atom(2), LEVEL)
    assert values[0] > 10.0
    assert values[1] == pytest.approx(0.0, abs=1e-4)


def test_potential_agrees_with_three_centre_integrals():
    points = merz_kollman_points(water())[::20]
    with quiet_scratch():
        field = converged_field(water(), LEVEL)
        probes = gto.fakemol_for_charges(points / ANGSTROM_PER_BOHR)
        integrals = df.incore.aux_e2(field.mol, probes)
        electronic = np.einsum("ijp,ij->p", integrals, field.make_rdm1())
    distances = np.linalg.norm(points[:, None] - water().positions, axis=-1)
    nuclear = (water().atomic_numbers / distances).sum(axis=1) * COULOMB_CONSTANT
    expected = nuclear - electronic * KJ_PER_MOL_PER_HARTREE
    assert_allclose(potential_at(points, water(), LEVEL), expected, rtol=0, atol=1e-4)


@given(
    numbers=st.lists(st.sampled_from(sorted(BONDI)), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
def test_points_lie_on_the_surface_of_their_shell(numbers, seed):
    positions = np.random.default_rng(seed).normal(scale=1.5, size=(len(numbers), 3))
    molecule = Molecule(
        np.array(numbers), positions, np.zeros((0, 2), int), 0, "cluster"
    )
    points = merz_kollman_points(molecule)
    radii = np.array([BONDI[number] for number in numbers])
    ratios = np.linalg.norm(points[:, None] - positions, axis=-1) / radii
    off_shell = np.abs(ratios.min(axis=1)[:, None] - np.array(SHELLS)).min(axis=1)
    assert off_shell.max() < 0.002


def test_density_of_points_is_one_per_square_angstrom():
    area = sum(4.0 * np.pi * (scale * 1.4) ** 2 for scale in SHELLS)
    assert len(merz_kollman_points(atom(2))) == pytest.approx(area, abs=2.0)


@pytest.mark.parametrize("n", [1, 2, 50, 333])
def test_unit_sphere_is_even(n):
    points = unit_sphere(n)
    assert points.shape == (n, 3)
    assert_allclose(np.linalg.norm(points, axis=1), 1.0, rtol=1e-12)
    if n >= 50:
        assert np.abs(points.mean(axis=0)).max() < 0.02
        distances = np.linalg.norm(points[:, None] - points, axis=-1) + 9.0 * np.eye(n)
        nearest = distances.min(axis=1) * np.sqrt(n / (4.0 * np.pi))
        assert 0.7 < nearest.min() < nearest.max() < 1.2


def test_element_without_radius_is_refused():
    with pytest.raises(InputError, match="no van der Waals radius is known for Fe"):
        merz_kollman_points(atom(26))
