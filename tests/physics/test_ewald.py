"""Ewald sums against Madelung constants and direct sums over whole molecules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from csp.geometry import cell_from_parameters
from csp.potentials.bodies import Body
from csp.potentials.force_field import cell_energy, cutoffs_for, images_of, site_table
from csp.potentials.kernels.tables import Pairs
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import N_MOMENTS
from csp.spacegroups import space_group
from csp.units import COULOMB_CONSTANT

SEEDS = st.integers(0, 2**32 - 1)
# Madelung constants for the distance of nearest neighbours: Crandall & Buhler, J. Phys.
# A 20, 5497 (1987); rounded, CRC Handbook of Chemistry and Physics.
ROCK_SALT = 1.747564594633182
CAESIUM_CHLORIDE = 1.762674773070988


def charged(sites, charges, dipoles=None):
    """Rigid charges, with dipoles or without; types do not matter without exp-6."""
    moments = np.zeros((len(sites), N_MOMENTS))
    moments[:, 0] = charges
    if dipoles is not None:
        moments[:, [2, 3, 1]] = dipoles
    return Body(("X",) * len(sites), sites, moments)


def ion(charge):
    return charged(np.zeros((1, 3)), [charge])


def coulomb(cell, centres, bodies, group=1, site=-1, **settings):
    """Energy of charges and dipoles alone, all bodies on the same kind of site."""
    sites = site_table(bodies)
    zero = np.zeros((len(sites.offsets),) * 2)
    pairs = Pairs(zero, zero + 1.0, zero, zero, zero, zero, zero)
    chosen = [space_group(group).sites[site]] * len(bodies)
    images = images_of(space_group(group), chosen, cell)
    cutoffs = cutoffs_for(sites, pairs, images, PotentialSettings(**settings))
    identity = np.broadcast_to(np.eye(3), (len(bodies), 3, 3))
    return cell_energy(cell, centres, identity, images, (sites, pairs, cutoffs))


FACES = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
SALT_CENTRES = np.vstack([FACES, FACES + 0.5])


@pytest.mark.parametrize(
    ("cutoff", "accuracy", "relative"),
    [(9.0, 1e-14, 1e-12), (7.0, 1e-12, 1e-10), (10.0, 1e-7, 1e-5)],
)
def test_rock_salt_has_its_madelung_constant(cutoff, accuracy, relative):
    cell = 5.64 * np.eye(3)
    bodies = [ion(+1)] * 4 + [ion(-1)] * 4
    energy = coulomb(
        cell, SALT_CENTRES, bodies, ewald_cutoff=cutoff, ewald_accuracy=accuracy
    ).energy
    madelung = -energy / 4.0 * 2.82 / COULOMB_CONSTANT
    # ions that lie on the cutoff count or not: the neglected term is as accurate
    assert_allclose(madelung, ROCK_SALT, rtol=relative)


@pytest.mark.parametrize(
    ("number", "site", "length", "expected"),
    [(225, "a", 2.82 * 2.0, ROCK_SALT), (221, "a", 4.12, CAESIUM_CHLORIDE)],
    ids=["NaCl", "CsCl"],
)
def test_ions_on_special_sites_of_the_cubic_groups_have_theirs(
    number, site, length, expected
):
    group = space_group(number)
    cell = length * np.eye(3)
    # site b differs from a by the origin: same operations, centre at (½, ½, ½)
    centres = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    result = coulomb(
        cell,
        centres,
        [ion(+1), ion(-1)],
        group=number,
        site=[item.letter for item in group.sites].index(site),
        ewald_cutoff=9.0,
        ewald_accuracy=1e-14,
    )
    nearest = length / 2.0 if number == 225 else length * np.sqrt(0.75)
    pairs = group.site(site).multiplicity
    madelung = -result.energy / pairs * nearest / COULOMB_CONSTANT
    assert_allclose(madelung, expected, rtol=1e-12)
    # no ion at a centre of symmetry feels a force
    assert_allclose(result.centres, 0.0, rtol=0, atol=1e-9)


def random_cell(rng, volume):
    a, b, c = rng.uniform(0.8, 1.25, 3)
    angles = rng.uniform(70.0, 110.0, 3)
    cell = cell_from_parameters(np.array([a, b, c, *angles]))
    return cell * np.cbrt(volume / np.linalg.det(cell))


def random_body(rng, n, total, *, dipoles=False):
    sites = rng.normal(size=(n, 3))
    charges = rng.uniform(-0.6, 0.6, n)
    own = rng.uniform(-0.5, 0.5, (n, 3)) if dipoles else None
    return charged(sites, charges + (total - charges.sum()) / n, own)


@given(seed=SEEDS, is_ionic=st.booleans(), dipoles=st.booleans())
def test_energy_and_gradient_do_not_depend_on_the_ewald_parameter(
    seed, is_ionic, dipoles
):
    rng = np.random.default_rng(seed)
    charge = 1.0 if is_ionic else 0.0
    bodies = [
        random_body(rng, 4, charge, dipoles=dipoles),
        random_body(rng, 3, -charge, dipoles=dipoles),
    ]
    cell, centres = random_cell(rng, 160.0), rng.random((2, 3))
    results = [
        coulomb(cell, centres, bodies, ewald_cutoff=cutoff, ewald_accuracy=accuracy)
        for cutoff, accuracy in [(5.0, 1e-14), (7.0, 1e-14), (9.0, 1e-12)]
    ]
    scale = COULOMB_CONSTANT * sum(float(np.sum(body.moments**2)) for body in bodies)
    for other in results[1:]:
        # a neglected term is 1e-12 of a pair's energy; a thousand of them are left out
        assert_allclose(other.energy, results[0].energy, rtol=0, atol=1e-9 * scale)
        for name in ("strain", "centres", "rotations"):
            assert_allclose(
                getattr(other, name),
                getattr(results[0], name),
                rtol=0,
                atol=1e-8 * scale,
            )


def charges_in_cell(cell, centres, bodies):
    """Positions (n_molecules, n_sites, 3) and charges, all bodies of one size."""
    positions = np.array(
        [
            centre @ cell + body.sites
            for centre, body in zip(centres, bodies, strict=True)
        ]
    )
    return positions, np.array([body.charges for body in bodies])


def direct_sum(cell, centres, bodies, radius):
    """Σ over whole molecules, faded out smoothly between radius/2 and radius.

    A sphere with a smooth edge: the interactions of dipoles and of quadrupoles average
    to zero over the angles of every shell, so the sum converges fast.
    """
    positions, charges = charges_in_cell(cell, centres, bodies)
    middles = centres @ cell
    reach = np.ceil(radius / np.abs(np.linalg.det(cell)) * _face_areas(cell)).astype(
        int
    )
    ticks = [np.arange(-n - 1, n + 2) for n in reach]
    cells = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    total = 0.0
    for a, own in enumerate(positions):
        for b, other in enumerate(positions):
            distances = np.linalg.norm(middles[b] + cells - middles[a], axis=1)
            keep = (distances < radius) & (distances > 1e-9)
            x = np.clip(2.0 * distances[keep] / radius - 1.0, 0.0, 1.0)
            weights = 1.0 - x**4 * (35.0 - 84.0 * x + 70.0 * x**2 - 20.0 * x**3)
            for i, site in enumerate(own):
                for j, partner in enumerate(other):
                    r = np.linalg.norm(partner + cells[keep] - site, axis=1)
                    product = charges[a, i] * charges[b, j]
                    total += 0.5 * product * float(weights @ (1.0 / r))
    return COULOMB_CONSTANT * total


def _face_areas(cell):
    return np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)


@pytest.mark.parametrize("seed", range(4))
def test_quadrupolar_molecules_have_the_energy_of_their_direct_sum(seed):
    """Centrosymmetric molecules: no dipoles, so no question of shape or surface."""
    rng = np.random.default_rng(seed)
    half, charges = rng.normal(size=(2, 3)), rng.uniform(-0.5, 0.5, 2)
    sites = np.vstack([half, -half, np.zeros((1, 3))])
    bodies = [charged(sites, [*charges, *charges, -2.0 * charges.sum()])]
    cell = random_cell(rng, 120.0)
    centres = rng.random((1, 3))
    expected = direct_sum(cell, centres, bodies, 40.0)
    energy = coulomb(cell, centres, bodies, ewald_accuracy=1e-12).energy
    assert abs(expected) > 0.05
    # direct sums to 20, 30 and 40 Å miss the Ewald sum by up to 2e-2, 4e-4, 4e-5
    assert_allclose(energy, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_polar_crystal_is_surrounded_by_a_conductor(seed):
    """E(sphere in vacuum) = E(Ewald) + 2πk M² / 3V for the cell's dipole M.

    References:
        de Leeuw, Perram & Smith, Proc. R. Soc. A373, 27 (1980).
    """
    rng = np.random.default_rng(seed)
    bodies = [random_body(rng, 3, 0.0), random_body(rng, 3, 0.0)]
    cell, centres = random_cell(rng, 200.0), rng.random((2, 3))
    dipole = sum(body.charges @ body.sites for body in bodies)
    volume = np.linalg.det(cell)
    surface = 2.0 * np.pi * COULOMB_CONSTANT * dipole @ dipole / (3.0 * volume)
    energy = coulomb(cell, centres, bodies, ewald_accuracy=1e-12).energy
    expected = direct_sum(cell, centres, bodies, 40.0)
    assert surface > 1.0
    # direct sums to 20, 30 and 40 Å miss by up to 0.1, 0.01, 0.001
    assert_allclose(energy + surface, expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_dipoles_have_the_energy_of_pairs_of_close_charges(seed):
    """A dipole as charges ±1/h at ±h/2 along it; energies differ by the order h²."""
    rng = np.random.default_rng(seed)
    cell, centres = random_cell(rng, 200.0), rng.random((2, 3))
    bodies = [random_body(rng, 3, 0.0, dipoles=True) for _ in range(2)]

    def as_charges(body, h):
        dipoles = body.moments[:, [2, 3, 1]]
        sizes = np.linalg.norm(dipoles, axis=1)
        steps = 0.5 * h * dipoles / sizes[:, None]
        points = np.vstack([body.sites, body.sites + steps, body.sites - steps])
        return charged(points, np.concatenate([body.charges, sizes / h, -sizes / h]))

    settings = {"ewald_accuracy": 1e-12, "ewald_cutoff": 8.0}
    exact = coulomb(cell, centres, bodies, **settings)
    errors = []
    for h in (0.1, 0.05):
        pairs = [as_charges(body, h) for body in bodies]
        # the two charges of a dipole, and those of two dipoles of one molecule, are
        # sites of one body: they do not interact
        rough = coulomb(cell, centres, pairs, **settings)
        errors.append(
            [
                rough.energy - exact.energy,
                *(rough.strain - exact.strain).ravel(),
                *(rough.centres - exact.centres).ravel(),
                *(rough.rotations - exact.rotations).ravel(),
            ]
        )
    first, second = np.array(errors)
    scale = np.abs(exact.strain).max()
    extrapolated = (4.0 * second - first) / 3.0
    assert np.abs(first).max() > 1e-4 * scale  # so there is an order to see
    assert_allclose(extrapolated, 0.0, rtol=0, atol=0.02 * np.abs(first).max())
    mixed = exact.terms["charge_dipole"], exact.terms["dipole_dipole"]
    assert min(abs(term) for term in mixed) > 0.01


@given(seed=SEEDS)
def test_virial_of_point_charges_is_their_energy(seed):
    """E(λh) = E(h)/λ, so tr dE/dε = −E; and E is unchanged by a turn of the cell."""
    rng = np.random.default_rng(seed)
    charges = rng.uniform(-1.0, 1.0, 5)
    bodies = [ion(charge) for charge in charges - charges.mean()]
    cell, centres = random_cell(rng, 150.0), rng.random((5, 3))
    result = coulomb(cell, centres, bodies, ewald_accuracy=1e-13, ewald_cutoff=8.0)
    scale = COULOMB_CONSTANT * float(charges @ charges)
    assert_allclose(np.trace(result.strain), -result.energy, rtol=0, atol=1e-9 * scale)
    assert_allclose(result.strain, result.strain.T, rtol=0, atol=1e-9 * scale)
    assert_allclose(result.centres.sum(axis=0), 0.0, rtol=0, atol=1e-9 * scale)
    # pairs of neighbours cancel to rounding
    assert_allclose(result.rotations, 0.0, rtol=0, atol=1e-14 * scale)


@given(seed=SEEDS)
def test_charges_of_one_molecule_do_not_interact_with_one_another(seed):
    """Far apart, the molecules of a crystal have no energy left."""
    rng = np.random.default_rng(seed)
    body = random_body(rng, 4, 0.0)
    turn = Rotation.random(rng=rng).as_matrix()
    bodies = [charged(body.sites @ turn.T, body.charges)]
    length = 60.0
    energy = coulomb(
        length * np.eye(3),
        np.zeros((1, 3)),
        bodies,
        ewald_cutoff=25.0,
        ewald_accuracy=1e-10,
    ).energy
    dipole = body.charges @ body.sites
    # a cubic lattice of dipoles has the Lorentz field: −2πk M²/3V in a conductor;
    # quadrupoles are smaller by (1 Å / 60 Å)²
    lorentz = -2.0 * np.pi * COULOMB_CONSTANT * dipole @ dipole / (3.0 * length**3)
    assert_allclose(energy, lorentz, rtol=0.02, atol=1e-4)
