"""Analytic gradients against central differences of the energy.

The derivative along a random direction is compared for strains, centres and rotations,
in crystals of every lattice system, of one and of two kinds of bodies, on general and
on special positions, with charges, dipoles and multipoles to rank 4, under pressure,
with anisotropic repulsion, with sums that end site by site, and inside walls.
"""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.geometry import rotation_from_vector
from csp.packing.placement import sample_cell
from csp.packing.sampling import Point
from csp.point_groups import axial, invariant_directions
from csp.potentials.bodies import Body
from csp.potentials.exp6 import ForceFieldName, parameter_set
from csp.potentials.force_field import (
    cell_energy,
    cutoffs_for,
    images_of,
    pair_table,
    site_table,
)
from csp.potentials.settings import PotentialSettings, SplinedSettings
from csp.potentials.solid_harmonics import N_MOMENTS, rotated
from csp.relaxation.press import contact_table, press_cutoffs
from csp.spacegroups import cartesian_rotations, space_group, strain_basis

GROUPS = (1, 2, 3, 5, 6, 9, 12, 14, 15, 18, 19, 29, 33, 43, 61, 62, 76, 81, 90, 92, 113)
GROUPS += (144, 146, 147, 148, 152, 169, 174, 195, 198, 205)
"""All lattice systems and centrings, screws and glides; high orders are slow."""
SEEDS = st.integers(0, 2**32 - 1)
STEP = 2e-4
"""Å; so small that a pair hardly ever meets its wall or cutoff on the way."""
SETTINGS = PotentialSettings(
    cutoff=7.0,
    switch_width=2.0,
    multipole_cutoff=8.0,
    multipole_switch_width=2.0,
    ewald_cutoff=6.0,
    ewald_accuracy=1e-13,
)


class Problem(NamedTuple):
    """A crystal, its tables, and the directions in which it may move."""

    cell: np.ndarray
    centres: np.ndarray
    rotations: np.ndarray
    images: tuple
    tables: tuple
    strains: np.ndarray
    shifts: list[np.ndarray]
    turns: list[np.ndarray]


def orbit(site_rotations, rng, rank):
    """One to three kinds of sites with the symmetry of the position."""
    types, sites, moments, axes = [], [], [], []
    names = sorted(parameter_set(ForceFieldName.REVISED_W99).types)
    own = rng.uniform(-0.5, 0.5, (rng.integers(1, 4), N_MOMENTS))
    for site in range(len(own)):
        name = names[rng.integers(len(names))]
        offset = rng.normal(scale=0.8, size=3)
        axis = np.roll(offset, 1)
        for rotation in site_rotations:
            types.append(name)
            sites.append(rotation @ offset)
            moments.append(rotated(own[site : site + 1], rotation)[0])
            axes.append(rotation @ axis / np.linalg.norm(axis))
    moments = np.array(moments)
    moments[:, 0] -= np.mean(moments[:, 0])
    return Body(tuple(types), np.array(sites), moments, np.array(axes)).up_to(rank)


def random_crystal(
    rng, number, n_bodies, volume_per_site, *, rank=4, settings=SETTINGS
):
    """Without settings the sums are those of the press."""
    group = space_group(number)
    draw = rng.random(9)
    point = Point(0.0, draw[:2], draw[3:6], ())
    cell = sample_cell(group.lattice, point, 1.3)
    cartesian = cartesian_rotations(group, cell)
    chosen = [group.sites[rng.integers(len(group.sites))] for _ in range(n_bodies)]
    groups = [cartesian[site.stabiliser] for site in chosen]
    bodies = [orbit(rotations, rng, rank) for rotations in groups]
    n_sites = sum(
        len(body.charges) * site.multiplicity
        for body, site in zip(bodies, chosen, strict=True)
    )
    cell *= np.cbrt(volume_per_site * n_sites / np.linalg.det(cell))
    images = images_of(group, chosen, cell)
    sites = site_table(bodies)
    pairs = pair_table(bodies, parameter_set(ForceFieldName.REVISED_W99))
    if settings is None:
        pairs = contact_table(pairs)
        cutoffs = press_cutoffs(pairs)
    else:
        cutoffs = cutoffs_for(sites, pairs, images, settings)
    return Problem(
        cell=cell,
        centres=np.array([site.point(rng.random(3)) for site in chosen]),
        rotations=np.broadcast_to(np.eye(3), (n_bodies, 3, 3)),
        images=images,
        tables=(sites, pairs, cutoffs),
        strains=strain_basis(group.lattice),
        shifts=[invariant_directions(rotations) for rotations in groups],
        turns=[invariant_directions(axial(rotations)) for rotations in groups],
    )


def anisotropic(problem):
    """The same crystal, the directions of all sites counting in its repulsion."""
    sites, pairs, cutoffs = problem.tables
    kinds = pairs.repulsion.diagonal()
    dipolar = 0.15 * np.outer(np.sin(kinds), np.cos(0.7 * kinds))
    quadrupolar = 0.15 * np.outer(np.cos(0.3 * kinds), np.sin(0.9 * kinds))
    pairs = pairs._replace(dipolar=dipolar, quadrupolar=quadrupolar)
    return problem._replace(tables=(sites, pairs, cutoffs))


def random_unit(rng, rows):
    direction = rng.normal(size=len(rows)) @ rows.reshape(len(rows), -1)
    return direction.reshape(rows.shape[1:]) / max(np.linalg.norm(direction), 1e-300)


def derivative(energy_at):
    """Fourth-order central difference at 0; passed over if it has not converged."""
    near = (energy_at(STEP) - energy_at(-STEP)) / (2.0 * STEP)
    far = (energy_at(2.0 * STEP) - energy_at(-2.0 * STEP)) / (4.0 * STEP)
    return (4.0 * near - far) / 3.0, near - far


def moved(problem, *, strain=None, shift=None, turn=None):
    """Energy after a strain of the cell, or a move of all bodies."""
    cell, centres, rotations = problem.cell, problem.centres, problem.rotations
    if strain is not None:
        cell = cell @ (np.eye(3) + strain)
    if shift is not None:
        centres = centres + shift @ np.linalg.inv(cell)
    if turn is not None:
        turned = [rotation_from_vector(vector) for vector in turn]
        rotations = np.array(turned) @ rotations
    return cell_energy(cell, centres, rotations, problem.images, problem.tables)


def check(problem, rng, most_doubtful=1e-5):
    """Compare the three kinds of derivatives with the differences of the energy.

    Differences that change by more than ``most_doubtful`` when the step is doubled have
    met a wall or the end of a sum, where the force has a kink.
    """
    result = moved(problem)
    copies = problem.images.copies[:, None]
    n_bodies = len(problem.centres)
    strain = random_unit(rng, problem.strains)
    shift = np.zeros((n_bodies, 3))
    turn = np.zeros((n_bodies, 3))
    for body in range(n_bodies):
        if len(problem.shifts[body]):
            shift[body] = random_unit(rng, problem.shifts[body])
        if len(problem.turns[body]):
            turn[body] = random_unit(rng, problem.turns[body])
    for kind, direction, analytic in (
        ("strain", strain, np.sum(strain * result.strain)),
        ("shift", shift, np.sum(copies * shift * result.centres)),
        ("turn", turn, np.sum(copies * turn * result.rotations)),
    ):
        numeric, doubt = derivative(
            lambda step, kind=kind, direction=direction: (
                moved(problem, **{kind: step * direction}).energy
            )
        )
        # exp-6 forces change by 1e-7 of themselves over (2e-4 Å)²; energies are rounded
        # at 1e-16, which the step turns into 1e-12 of the energy per Å; charges that
        # cross the cutoff of the Ewald sum make jumps of 1e-13 / 2e-4
        parts = sum(abs(value) for value in result.terms.values())
        scale = max(abs(analytic), np.abs(result.strain).max(), 0.01 * parts, 1.0)
        # a wall met on the way bends the force, or makes it jump
        assume(abs(doubt) < most_doubtful * scale)
        assert_allclose(numeric, analytic, rtol=0, atol=1e-6 * scale, err_msg=kind)


@pytest.mark.parametrize("rank", [0, 1, 4])
@given(number=st.sampled_from(GROUPS), n_bodies=st.sampled_from([1, 1, 2]), seed=SEEDS)
def test_gradient_of_a_crystal_of_molecules_with_multipoles(
    rank, number, n_bodies, seed
):
    rng = np.random.default_rng(seed)
    problem = random_crystal(rng, number, n_bodies, volume_per_site=14.0, rank=rank)
    assert problem.tables[0].rank == rank
    check(problem, rng)


@given(number=st.sampled_from(GROUPS), rank=st.sampled_from([0, 1, 4]), seed=SEEDS)
def test_gradient_where_molecules_overlap_and_walls_act(number, rank, seed):
    rng = np.random.default_rng(seed)
    problem = random_crystal(rng, number, 1, volume_per_site=2.0, rank=rank)
    assume(moved(problem).terms["wall"] != 0.0)
    check(problem, rng)


@given(
    number=st.sampled_from(GROUPS),
    volume_per_site=st.sampled_from([2.0, 6.0, 14.0]),
    seed=SEEDS,
)
def test_gradient_of_anisotropic_repulsion(number, volume_per_site, seed):
    rng = np.random.default_rng(seed)
    problem = random_crystal(rng, number, 1, volume_per_site, rank=0)
    turning = anisotropic(problem)
    assert moved(turning).energy != moved(problem).energy
    check(turning, rng)


@given(number=st.sampled_from(GROUPS), seed=SEEDS)
def test_gradient_where_sums_end_site_by_site(number, seed):
    rng = np.random.default_rng(seed)
    settings = SplinedSettings(**SETTINGS.model_dump())
    problem = random_crystal(rng, number, 1, 14.0, settings=settings)
    assert problem.tables[0].rank == 4
    # a cubic's curvature ends at both of its ends: the force has kinks there
    check(problem, rng, most_doubtful=1e-6)


@given(number=st.sampled_from(GROUPS), seed=SEEDS)
def test_gradient_under_pressure_is_that_of_the_enthalpy(number, seed):
    rng = np.random.default_rng(seed)
    settings = SETTINGS.model_copy(update={"pressure_gpa": 20.0})
    problem = random_crystal(rng, number, 2, volume_per_site=14.0, settings=settings)
    result = moved(problem)
    assert result.terms["work"] > 0.0
    check(problem, rng)


@given(number=st.sampled_from(GROUPS), n_bodies=st.sampled_from([1, 2]), seed=SEEDS)
def test_gradient_of_the_press(number, n_bodies, seed):
    rng = np.random.default_rng(seed)
    problem = random_crystal(rng, number, n_bodies, volume_per_site=10.0, settings=None)
    result = moved(problem)
    assert result.terms["work"] > 0.0
    # soft spheres and the pressure, and nothing else
    assert_allclose(
        result.energy, result.terms["work"] + result.terms["wall"], rtol=1e-12
    )
    check(problem, rng)
