"""One crystal has one energy, however it is described; and an oracle for the sums."""

from itertools import product
from math import factorial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation
from scipy.special import lpmv

from csp.errors import InputError
from csp.packing.placement import sample_cell
from csp.packing.sampling import Point
from csp.potentials.bodies import Body
from csp.potentials.exp6 import ForceFieldName, parameter_set
from csp.potentials.force_field import (
    cell_energy,
    cutoffs_for,
    images_of,
    pair_table,
    site_table,
)
from csp.potentials.rigid_crystal import inverted
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import (
    N_MOMENTS,
    operators,
    rank_and_order,
    rotated,
)
from csp.potentials.solid_harmonics import product as multiplied
from csp.potentials.walls import wall_of
from csp.spacegroups import cartesian_rotations, space_group
from csp.units import COULOMB_CONSTANT

PARAMETERS = parameter_set(ForceFieldName.REVISED_W99)
SEEDS = st.integers(0, 2**32 - 1)
SETTINGS = PotentialSettings(
    cutoff=8.0,
    switch_width=2.0,
    multipole_cutoff=9.0,
    multipole_switch_width=3.0,
    ewald_cutoff=7.0,
    ewald_accuracy=1e-13,
)
NUMBERS = (1, 2, 4, 5, 9, 14, 15, 19, 29, 33, 43, 61, 76, 88, 114, 144, 148, 169, 198)
"""Inversion, screws, glides (those with a quarter, too), centrings."""
UNCHANGED = 1e-10
"""Sums of the same terms in another order; the Ewald sums neglect 1e-13."""


class Crystal(NamedTuple):
    """Bodies in a cell without symmetry."""

    cell: np.ndarray
    centres: np.ndarray
    rotations: np.ndarray
    bodies: list[Body]


def random_body(rng, n):
    names = sorted(PARAMETERS.types)
    types = tuple(names[k] for k in rng.integers(len(names), size=n))
    moments = rng.uniform(-0.5, 0.5, (n, N_MOMENTS))
    moments[:, 0] -= moments[:, 0].mean()
    return Body(types, rng.normal(scale=0.9, size=(n, 3)), moments)


def random_cell(rng, lattice, volume):
    draw = rng.random(8)
    point = Point(0.0, draw[:2], draw[2:5], ())
    cell = sample_cell(lattice, point, 1.3)
    return cell * np.cbrt(volume / np.linalg.det(cell))


def random_crystal(rng, volume_per_site=16.0):
    bodies = [random_body(rng, 3), random_body(rng, 4)]
    return Crystal(
        random_cell(rng, "triclinic", 7.0 * volume_per_site),
        rng.random((2, 3)),
        Rotation.random(2, rng=rng).as_matrix(),
        bodies,
    )


def energy_of(crystal, settings=SETTINGS, pairs=None):
    """In P1, all molecules given."""
    group = space_group(1)
    sites = site_table(crystal.bodies)
    images = images_of(group, group.sites * len(crystal.bodies), crystal.cell)
    pairs = pairs or pair_table(crystal.bodies, PARAMETERS)
    tables = (sites, pairs, cutoffs_for(sites, pairs, images, settings))
    return cell_energy(crystal.cell, crystal.centres, crystal.rotations, images, tables)


def assert_same_energy(found, expected, copies=1):
    """To rounding of the largest part of the energy."""
    scale = max(abs(value) for value in expected.terms.values())
    assert_allclose(
        found.energy / copies, expected.energy, rtol=0, atol=UNCHANGED * scale
    )
    for name, value in expected.terms.items():
        assert_allclose(
            found.terms[name] / copies, value, rtol=0, atol=UNCHANGED * scale
        )


@given(seed=SEEDS)
def test_energy_does_not_depend_on_origin_or_cell_of_a_molecule(seed):
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng)
    expected = energy_of(crystal)
    shifted = crystal.centres + rng.random(3)
    assert_same_energy(energy_of(crystal._replace(centres=shifted)), expected)
    elsewhere = crystal.centres + rng.integers(-2, 3, (2, 3))
    assert_same_energy(energy_of(crystal._replace(centres=elsewhere)), expected)


@given(seed=SEEDS)
def test_energy_does_not_depend_on_the_choice_of_cell(seed):
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng)
    basis = np.eye(3, dtype=int)
    for _ in range(2):
        i, j = rng.choice(3, 2, replace=False)
        basis[i] += rng.choice([-1, 1]) * basis[j]
    basis = np.roll(basis, rng.integers(3), axis=0)
    other = crystal._replace(
        cell=basis @ crystal.cell, centres=crystal.centres @ np.linalg.inv(basis)
    )
    assert_same_energy(energy_of(other), energy_of(crystal))


@given(seed=SEEDS, axis=st.integers(0, 2))
def test_energy_per_molecule_does_not_depend_on_the_supercell(seed, axis):
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng)
    repeats = np.ones(3)
    repeats[axis] = 2.0
    centres = np.concatenate([crystal.centres, crystal.centres + np.eye(3)[axis]])
    double = Crystal(
        repeats[:, None] * crystal.cell,
        centres / repeats,
        np.concatenate([crystal.rotations] * 2),
        crystal.bodies * 2,
    )
    expected, found = energy_of(crystal), energy_of(double)
    assert_same_energy(found, expected, copies=2)
    scale = np.abs(expected.centres).max() + np.abs(expected.rotations).max()
    for name in ("centres", "rotations"):
        assert_allclose(
            getattr(found, name),
            np.concatenate([getattr(expected, name)] * 2),
            rtol=0,
            atol=1e-9 * scale,
        )


@given(seed=SEEDS)
def test_energy_does_not_depend_on_the_orientation_of_the_crystal(seed):
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng)
    turn = Rotation.random(rng=rng).as_matrix()
    other = crystal._replace(
        cell=crystal.cell @ turn.T, rotations=turn @ crystal.rotations
    )
    expected, found = energy_of(crystal), energy_of(other)
    assert_same_energy(found, expected)
    scale = np.abs(expected.strain).max() + np.abs(expected.centres).max()
    for name in ("centres", "rotations"):
        turned = getattr(expected, name) @ turn.T
        assert_allclose(getattr(found, name), turned, rtol=0, atol=1e-9 * scale)
    assert_allclose(
        found.strain, turn @ expected.strain @ turn.T, rtol=0, atol=1e-9 * scale
    )


@given(seed=SEEDS)
def test_a_crystal_feels_no_force_and_no_torque_as_a_whole(seed):
    """Molecules pull one another; turning cell and molecules together is free."""
    result = energy_of(random_crystal(np.random.default_rng(seed)))
    scale = np.abs(result.strain).max() + np.abs(result.centres).max()
    assert_allclose(result.centres.sum(axis=0), 0.0, rtol=0, atol=1e-9 * scale)
    # for h' = h (1 + ε) an antisymmetric ε is the turn of rows by ε^T
    skew = result.strain - result.strain.T
    torque = np.array([skew[1, 2], skew[2, 0], skew[0, 1]])
    assert_allclose(
        torque + result.rotations.sum(axis=0), 0.0, rtol=0, atol=1e-9 * scale
    )


@given(seed=SEEDS)
def test_energy_does_not_depend_on_the_order_of_molecules_and_sites(seed):
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng)
    first, second = crystal.bodies
    order = rng.permutation(len(first.charges))
    renumbered = Body(
        tuple(np.array(first.types)[order].tolist()),
        first.sites[order],
        first.moments[order],
    )
    other = Crystal(
        crystal.cell,
        crystal.centres[::-1],
        crystal.rotations[::-1],
        [second, renumbered],
    )
    expected, found = energy_of(crystal), energy_of(other)
    assert_same_energy(found, expected)
    scale = np.abs(expected.centres).max()
    assert_allclose(found.centres[::-1], expected.centres, rtol=0, atol=1e-9 * scale)


@given(number=st.sampled_from(NUMBERS), seed=SEEDS)
def test_crystal_written_out_without_symmetry_has_the_same_energy_and_gradient(
    number, seed
):
    rng = np.random.default_rng(seed)
    group = space_group(number)
    body = random_body(rng, 4)
    cell = random_cell(rng, group.lattice, 60.0 * group.order)
    centre, rotation = rng.random(3), Rotation.random(rng=rng).as_matrix()
    sites = site_table([body])
    pairs = pair_table([body], PARAMETERS)
    images = images_of(group, group.sites[-1:], cell)
    tables = (sites, pairs, cutoffs_for(sites, pairs, images, SETTINGS))
    found = cell_energy(cell, centre[None], rotation[None], images, tables)

    cartesian = cartesian_rotations(group, cell)
    written_out = Crystal(
        cell,
        group.rotations @ centre + group.translations,
        np.broadcast_to(np.eye(3), cartesian.shape),
        # mirror images are bodies of their own
        [
            Body(
                body.types,
                body.sites @ (R @ rotation).T,
                rotated(body.moments, R @ rotation),
            )
            for R in cartesian
        ],
    )
    expected = energy_of(written_out)
    assert_same_energy(found, expected)
    scale = np.abs(expected.strain).max() + np.abs(expected.centres).max()
    forces = np.broadcast_to(found.centres[0], (group.order, 3))
    assert_allclose(
        np.einsum("nij,nj->ni", cartesian, forces),
        expected.centres,
        rtol=0,
        atol=1e-8 * scale,
    )
    torques = np.linalg.det(cartesian)[:, None] * (cartesian @ found.rotations[0])
    assert_allclose(torques, expected.rotations, rtol=0, atol=1e-8 * scale)
    # one molecule speaks for its images only along strains that keep the symmetry
    mean = np.mean(np.swapaxes(cartesian, 1, 2) @ found.strain @ cartesian, axis=0)
    assert_allclose(mean, expected.strain, rtol=0, atol=1e-8 * scale)


# ------------------------------------------------------------------ an oracle


def atom_pairs(crystal, reach):
    """All pairs of atoms of two molecules: both sites, vectors from B to A.

    Each pair is met from both ends, but for those the cell shares with its images,
    which are met once from each cell.
    """
    spans = np.linalg.norm(np.linalg.inv(crystal.cell), axis=0)
    widest = max(np.linalg.norm(body.sites, axis=1).max() for body in crystal.bodies)
    ticks = [
        np.arange(-n, n + 1)
        for n in np.ceil((reach + 2.0 * widest) * spans).astype(int) + 1
    ]
    cells = np.array(list(product(*ticks))) @ crystal.cell
    positions = [
        centre @ crystal.cell + body.sites @ rotation.T
        for centre, rotation, body in zip(
            crystal.centres, crystal.rotations, crystal.bodies, strict=True
        )
    ]
    for a, one in enumerate(crystal.bodies):
        for b, other in enumerate(crystal.bodies):
            shifts = cells[np.abs(cells).max(axis=1) > 1e-9] if a == b else cells
            for i in range(len(one.types)):
                for j in range(len(other.types)):
                    vectors = positions[a][i] - positions[b][j] - shifts
                    near = np.linalg.norm(vectors, axis=1) < reach
                    yield (a, i), (b, j), vectors[near]


def types_and_distances(crystal, reach):
    for (a, i), (b, j), vectors in atom_pairs(crystal, reach):
        types = crystal.bodies[a].types[i], crystal.bodies[b].types[j]
        yield types, np.linalg.norm(vectors, axis=1)


def switch(r, cutoff, width):
    """1 − (10 x³ − 15 x⁴ + 6 x⁵) over the last ``width`` before the cutoff."""
    x = np.clip((r - (cutoff - width)) / width, 0.0, 1.0)
    return 1.0 - 10.0 * x**3 + 15.0 * x**4 - 6.0 * x**5


@given(seed=SEEDS)
def test_exp6_is_the_double_sum_over_atoms_with_its_switch(seed):
    crystal = random_crystal(np.random.default_rng(seed))
    repulsion, dispersion = 0.0, 0.0
    for (first, second), r in types_and_distances(crystal, SETTINGS.cutoff):
        pair = PARAMETERS.pair(first, second)
        weight = switch(r, SETTINGS.cutoff, SETTINGS.switch_width)
        repulsion += 0.5 * pair.repulsion * float(weight @ np.exp(-pair.exponent * r))
        dispersion -= 0.5 * pair.dispersion * float(weight @ r**-6)
    # without walls, so that molecules may overlap
    pairs = pair_table(crystal.bodies, PARAMETERS)
    open_pairs = pairs._replace(wall=np.zeros_like(pairs.wall))
    terms = energy_of(crystal, pairs=open_pairs).terms
    assert_allclose(terms["repulsion"], repulsion, rtol=1e-10)
    assert_allclose(terms["dispersion"], dispersion, rtol=1e-10)
    assert terms["wall"] == 0.0


def interaction_in_vacuum(one, other, vectors):
    """Two sites, l_A + l_B ≤ 4, by Hobson's theorem, kJ/mol.

    ``(∂_x + i∂_y)^m ∂_z^(l−m) r⁻¹ = (−1)^(l+m) (l − m)! P_l^m(cos θ) e^(imφ) r^(−l−1)``
    with Condon's and Shortley's phase in P.
    """
    x, y, z = vectors.T
    r = np.linalg.norm(vectors, axis=1)
    reflected = inverted(Body(("X",), np.zeros((1, 3)), other[None])).moments
    weights = multiplied(operators(one[None]), operators(reflected))[0]
    total = np.zeros(len(r))
    for index, weight in enumerate(weights):
        rank, order, is_imaginary = rank_and_order(index)
        value = lpmv(order, rank, z / r) * np.exp(1j * order * np.arctan2(y, x))
        value *= (-1.0) ** (rank + order) * factorial(rank - order) / r ** (rank + 1)
        total += weight * (value.imag if is_imaginary else value.real)
    return COULOMB_CONSTANT * total


@given(seed=SEEDS)
def test_walls_replace_the_whole_energy_of_the_pairs_inside_them(seed):
    crystal = random_crystal(np.random.default_rng(seed), volume_per_site=8.0)
    expected = 0.0
    for (a, i), (b, j), vectors in atom_pairs(crystal, 2.0):
        one, other = crystal.bodies[a], crystal.bodies[b]
        pair = PARAMETERS.pair(one.types[i], other.types[j])
        wall = wall_of(pair, float(one.charges[i] * other.charges[j]))
        r = np.linalg.norm(vectors, axis=1)
        is_inside = r < wall.distance
        if not is_inside.any():
            continue
        near, r = vectors[is_inside], r[is_inside]
        x = wall.distance - r
        continued = wall.energy + wall.force * x + wall.cubic * x**3
        bare = pair.repulsion * np.exp(-pair.exponent * r) - pair.dispersion / r**6
        moments = (
            rotated(one.moments[i : i + 1], crystal.rotations[a])[0],
            rotated(other.moments[j : j + 1], crystal.rotations[b])[0],
        )
        soft = wall.distance * (0.8 + 0.2 * (r / wall.distance) ** 5)
        away = near * (soft / r)[:, None]
        continued += interaction_in_vacuum(*moments, away)
        bare += interaction_in_vacuum(*moments, near)
        expected += 0.5 * float(np.sum(continued - bare))
    pairs = pair_table(crystal.bodies, PARAMETERS)
    open_pairs = pairs._replace(wall=np.zeros_like(pairs.wall))
    with_walls = energy_of(crystal, pairs=pairs)
    without = energy_of(crystal, pairs=open_pairs)
    scale = max(abs(value) for value in without.terms.values())
    assert_allclose(
        with_walls.energy - without.energy, expected, rtol=1e-9, atol=1e-10 * scale
    )


@pytest.mark.parametrize("seed", range(5))
def test_tail_makes_up_for_the_dispersion_beyond_the_cutoff(seed):
    crystal = random_crystal(np.random.default_rng(seed))
    pairs = pair_table(crystal.bodies, PARAMETERS)
    pairs = pairs._replace(wall=np.zeros_like(pairs.wall))
    short, long = (
        energy_of(crystal, SETTINGS.model_copy(update={"cutoff": cutoff}), pairs).terms
        for cutoff in (10.0, 24.0)
    )
    missing = short["dispersion"] - long["dispersion"]
    with_tail = missing + short["tail"] - long["tail"]
    assert missing > 1.0
    # the tail takes the atoms for spread evenly; at 10 Å they are, to some percent
    assert abs(with_tail) < 0.1 * missing


def test_left_handed_cell_is_refused():
    crystal = random_crystal(np.random.default_rng(1))
    swapped = crystal._replace(cell=crystal.cell[[1, 0, 2]])
    with pytest.raises(InputError, match=r"right-handed, got volume -112\.000 Å³"):
        energy_of(swapped)
