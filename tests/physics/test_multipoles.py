"""Multipoles against what they stand for: charges on a small sphere.

A charge density ``Σ (2l+1)/(4π a^(l+2)) Q_lm C_lm`` on a sphere of radius a has the
moments Q_lm and, outside, exactly their potential. On the points of a quadrature rule
this holds up to terms of nearly the rule's degree.
"""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from csp.geometry import cell_from_parameters
from csp.potentials.bodies import Body
from csp.potentials.force_field import site_table
from csp.potentials.kernels.tables import Pairs
from csp.potentials.rigid_crystal import Tables, crystal_energy, rigid_crystal
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import MAX_RANK, N_MOMENTS
from csp.spacegroups import Operations
from csp.units import COULOMB_CONSTANT

RANKS = np.repeat(np.arange(MAX_RANK + 1), 2 * np.arange(MAX_RANK + 1) + 1)
RADIUS = 0.4
"""Å; large enough that the charges of a hexadecapole stay small."""
ONE_PAIR = PotentialSettings(
    multipole_cutoff=10.0, ewald_cutoff=10.0, ewald_accuracy=1e-4
)
LATTICE = PotentialSettings(ewald_cutoff=8.0, ewald_accuracy=1e-14)
LARGE_CELL = 25.0 * np.eye(3)
UNTURNED = np.broadcast_to(np.eye(3), (2, 3, 3))
NO_SYMMETRY = Operations(np.eye(3)[None], np.zeros((1, 3)))
ALL_RANKS = list(product(range(MAX_RANK + 1), repeat=2))
INTERACTING = [pair for pair in ALL_RANKS if sum(pair) <= MAX_RANK]


def racah_harmonics(points):
    """Real solid harmonics R_lm as printed.

    Stone, The Theory of Intermolecular Forces (2013), appendix B.
    """
    x, y, z = points.T
    rr = x * x + y * y + z * z
    rows = [
        np.ones_like(x),
        z, x, y,
        (3 * z**2 - rr) / 2,
        np.sqrt(3) * x * z,
        np.sqrt(3) * y * z,
        np.sqrt(3) / 2 * (x**2 - y**2),
        np.sqrt(3) * x * y,
        (5 * z**3 - 3 * z * rr) / 2,
        np.sqrt(6) / 4 * x * (5 * z**2 - rr),
        np.sqrt(6) / 4 * y * (5 * z**2 - rr),
        np.sqrt(15) / 2 * z * (x**2 - y**2),
        np.sqrt(15) * x * y * z,
        np.sqrt(10) / 4 * (x**3 - 3 * x * y**2),
        np.sqrt(10) / 4 * (3 * x**2 * y - y**3),
        (35 * z**4 - 30 * z**2 * rr + 3 * rr**2) / 8,
        np.sqrt(10) / 4 * x * z * (7 * z**2 - 3 * rr),
        np.sqrt(10) / 4 * y * z * (7 * z**2 - 3 * rr),
        np.sqrt(5) / 4 * (x**2 - y**2) * (7 * z**2 - rr),
        np.sqrt(5) / 2 * x * y * (7 * z**2 - rr),
        np.sqrt(70) / 4 * z * (x**3 - 3 * x * y**2),
        np.sqrt(70) / 4 * z * (3 * x**2 * y - y**3),
        np.sqrt(35) / 8 * (x**4 - 6 * x**2 * y**2 + y**4),
        np.sqrt(35) / 2 * (x**3 * y - x * y**3),
    ]  # fmt: skip
    return np.array(rows).T


def sphere(degree):
    """Points and weights that integrate polynomials of a degree over the unit sphere.

    Gauss's rule in cos θ times equal steps in φ; the weights sum to one.
    """
    cosines, weights = np.polynomial.legendre.leggauss(degree // 2 + 1)
    phi = 2.0 * np.pi * np.arange(degree + 1) / (degree + 1)
    sines = np.sqrt(1.0 - cosines**2)
    points = np.stack(
        [
            np.outer(sines, np.cos(phi)),
            np.outer(sines, np.sin(phi)),
            np.outer(cosines, np.ones_like(phi)),
        ],
        axis=-1,
    )
    return points.reshape(-1, 3), np.repeat(weights / 2.0 / len(phi), len(phi))


def as_charges(moments, degree, radius=RADIUS):
    """Point charges about the origin with the moments of one site."""
    points, weights = sphere(degree)
    density = (2 * RANKS + 1) / radius**RANKS * moments
    return radius * points, weights * (racah_harmonics(points) @ density)


def site(moments):
    return Body(("X",), np.zeros((1, 3)), np.array(moments)[None])


def cluster(moments, degree):
    sites, charges = as_charges(moments, degree)
    own = np.zeros((len(charges), N_MOMENTS))
    own[:, 0] = charges
    return Body(("X",) * len(charges), sites, own)


def of_rank(rng, rank):
    return np.where(rank == RANKS, rng.uniform(-1.0, 1.0, N_MOMENTS), 0.0)


def energy_of(bodies, cell, centres, rotations, settings):
    """Multipoles alone."""
    crystal = rigid_crystal(bodies, cell, centres, rotations, NO_SYMMETRY)
    sites = site_table(bodies)
    zero = np.zeros((len(sites.offsets),) * 2)
    pairs = Pairs(zero, zero + 1.0, zero, zero, zero, zero, zero)
    return crystal_energy(crystal, Tables(sites, pairs, settings))


def two_clusters(moments, separation):
    """Energy of two sites, force and torque on the first, from their charges.

    The last number is how far rounding takes the energy: large charges cancel.
    """
    (one, q), (other, p) = (as_charges(own, 24) for own in moments)
    away = one[:, None] - other[None] - separation
    r = np.linalg.norm(away, axis=2)
    pairs = COULOMB_CONSTANT * np.outer(q, p) / r
    forces = np.sum((pairs / r**2)[:, :, None] * away, axis=1)
    noise = np.finfo(float).eps * np.abs(pairs).sum()
    return pairs.sum(), forces.sum(axis=0), np.cross(one, forces).sum(axis=0), noise


def test_charges_on_a_sphere_have_the_moments_they_were_made_of():
    moments = np.random.default_rng(0).uniform(-1.0, 1.0, N_MOMENTS)
    sites, charges = as_charges(moments, 24)
    assert_allclose(charges @ racah_harmonics(sites), moments, rtol=0, atol=1e-13)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ranks", [pair for pair in INTERACTING if max(pair) > 1])
def test_two_multipoles_interact_as_their_charges_do(ranks, seed):
    """In a cell so large that they have no other neighbours within the cutoff.

    Pairs of charges and dipoles are summed over all cells; they are tested below. A
    charge or a dipole has an energy among its own images, but in a cubic lattice these
    neither push nor turn it.
    """
    rng = np.random.default_rng(seed)
    moments = [of_rank(rng, rank) for rank in ranks]
    direction = rng.normal(size=3)
    separation = 3.0 * direction / np.linalg.norm(direction)
    energy, force, torque, noise = two_clusters(moments, separation)
    centres = np.array([np.zeros(3), separation @ np.linalg.inv(LARGE_CELL)])
    bodies = [site(own) for own in moments]
    result = energy_of(bodies, LARGE_CELL, centres, UNTURNED, ONE_PAIR)
    scale = COULOMB_CONSTANT / 3.0 ** (1 + sum(ranks))
    assert abs(energy) > 1e-4 * scale
    found = result.terms["higher_multipole"]
    assert_allclose(found, energy, rtol=0, atol=1e-12 * scale + noise)
    assert_allclose(result.centres[0], -force, rtol=0, atol=1e-11 * scale)
    assert_allclose(result.rotations[0], -torque, rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize("ranks", [p for p in ALL_RANKS if sum(p) > MAX_RANK])
def test_interactions_that_fall_off_faster_than_the_fifth_power_are_left_out(ranks):
    rng = np.random.default_rng(1)
    bodies = [site(of_rank(rng, rank)) for rank in ranks]
    centres = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]])
    result = energy_of(bodies, LARGE_CELL, centres, UNTURNED, ONE_PAIR)
    assert result.terms["higher_multipole"] == 0.0


@given(seed=st.integers(0, 2**32 - 1))
def test_crystal_of_charges_and_dipoles_is_one_of_charges(seed):
    """Ewald's sums of dipoles are those of charges close together.

    The charges' sums are tested by themselves, against Madelung constants.
    """
    rng = np.random.default_rng(seed)
    moments = rng.uniform(-1.0, 1.0, (2, N_MOMENTS)) * (RANKS <= 1)
    moments[:, 0] = [0.3, -0.3]
    cell = cell_from_parameters(
        np.array([*rng.uniform(5.0, 8.0, 3), *rng.uniform(75.0, 105.0, 3)])
    )
    separation = np.array([0.5, 0.5, 0.5]) + rng.uniform(-0.1, 0.1, 3)
    centres = rng.random(3) + np.array([np.zeros(3), separation])
    turns = Rotation.random(2, rng=rng).as_matrix()
    place = (cell, centres, turns, LATTICE)
    found = energy_of([site(own) for own in moments], *place)
    # terms of degree 13 and more are left out: (0.4 / 4)^13
    expected = energy_of([cluster(own, 14) for own in moments], *place)
    assert_allclose(found.energy, expected.energy, rtol=0, atol=1e-8)
    for name in ("centres", "rotations", "strain"):
        difference = getattr(found, name) - getattr(expected, name)
        assert_allclose(difference, 0.0, rtol=0, atol=1e-7, err_msg=name)
