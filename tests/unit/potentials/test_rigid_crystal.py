"""Symmetry of a crystal of rigid bodies from its operations alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from csp.errors import InputError
from csp.packing.placement import sample_cell
from csp.packing.sampling import Point
from csp.potentials.bodies import Body
from csp.potentials.exp6 import ForceFieldName, parameter_set
from csp.potentials.rigid_crystal import (
    crystal_energy,
    expanded,
    inverted,
    rigid_crystal,
    tables_of,
)
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import N_MOMENTS, rotated
from csp.spacegroups import Operations, cartesian_rotations, space_group

SEEDS = st.integers(0, 2**32 - 1)
PARAMETERS = parameter_set(ForceFieldName.REVISED_W99)
NAMES = sorted(PARAMETERS.types)
SETTINGS = PotentialSettings(
    cutoff=7.0,
    ewald_cutoff=6.0,
    ewald_accuracy=1e-13,
    multipole_cutoff=8.0,
    multipole_switch_width=2.0,
)
CELLS = {2: 6, 14: 4, 61: 3, 62: 3, 88: 2, 113: 2, 148: 2, 152: 2, 205: 1, 221: 1}
"""Space group and the number of strains that its lattice is free to make."""


def cell_of(number, rng, volume=400.0):
    draw = rng.random(11)
    point = Point(0.0, draw[:2], draw[2:5], ())
    cell = sample_cell(space_group(number).lattice, point, 1.3)
    return cell * np.cbrt(volume / np.linalg.det(cell))


def body_with(site_rotations, rng):
    """Two kinds of sites and multipoles that a point group leaves as they are."""
    types, sites, moments = [], [], []
    own = rng.uniform(-0.4, 0.4, (2, N_MOMENTS))
    for kind in range(2):
        offset = rng.normal(scale=0.8, size=3)
        name = NAMES[rng.integers(len(NAMES))]
        for rotation in site_rotations:
            types.append(name)
            sites.append(rotation @ offset)
            moments.append(rotated(own[kind : kind + 1], rotation)[0])
    moments = np.array(moments)
    moments[:, 0] -= moments[:, 0].mean()
    return Body(tuple(types), np.array(sites), moments)


def operations_of(number):
    group = space_group(number)
    return Operations(group.rotations, group.translations)


def on_site(number, letter, rng):
    """A crystal with one body on a Wyckoff position."""
    group = space_group(number)
    site = group.site(letter)
    cell = cell_of(number, rng)
    body = body_with(cartesian_rotations(group, cell)[site.stabiliser], rng)
    centre = site.point(rng.uniform(0.05, 0.45, 3))
    return rigid_crystal(
        [body], cell, centre[None], np.eye(3)[None], operations_of(number)
    )


def energy(crystal):
    return crystal_energy(crystal, tables_of(crystal.bodies, PARAMETERS, SETTINGS))


PLACES = [(2, "a"), (2, "i"), (14, "a"), (14, "e"), (15, "e"), (61, "a"), (62, "c")]
PLACES += [(113, "a"), (148, "a"), (148, "c"), (152, "a"), (205, "a"), (205, "c")]


@pytest.mark.parametrize(("number", "letter"), PLACES)
def test_position_is_found_from_the_operations(number, letter):
    group = space_group(number)
    site = group.site(letter)
    crystal = on_site(number, letter, np.random.default_rng(number))
    assert crystal.n_molecules == site.multiplicity
    assert crystal.images.copies.tolist() == [site.multiplicity]
    assert_array_equal(crystal.images.rotation, group.rotations[site.images])
    assert_array_equal(crystal.images.translation, group.translations[site.images])
    assert bool(crystal.images.is_general[0]) is site.is_general
    expected = cartesian_rotations(group, crystal.cell)[site.stabiliser]
    assert_allclose(crystal.stabilisers[0], expected, rtol=0, atol=1e-9)
    assert len(crystal.operations.rotations) == group.order


def test_bodies_on_general_and_special_positions_have_their_own_images():
    rng = np.random.default_rng(3)
    group = space_group(14)
    cell = cell_of(14, rng)
    inversion = cartesian_rotations(group, cell)[group.site("a").stabiliser]
    bodies = [body_with(inversion, rng), body_with(np.eye(3)[None], rng)]
    centres = np.array([[0.0, 0.0, 0.0], [0.3, 0.4, 0.1]])
    crystal = rigid_crystal(
        bodies, cell, centres, np.stack([np.eye(3)] * 2), operations_of(14)
    )
    assert crystal.images.body.tolist() == [0, 0, 1, 1, 1, 1]
    assert crystal.images.first.tolist() == [0, 2]
    assert [len(rotations) for rotations in crystal.stabilisers] == [2, 1]


def test_body_without_the_symmetry_of_its_position_is_not_taken_for_one_with_it():
    """Equal shape is not enough: other types of atoms, or other centres."""
    cell = cell_of(2, np.random.default_rng(0))
    sites = np.array([[0.0, 0.0, 0.6], [0.0, 0.0, -0.6]])
    moments = np.zeros((2, N_MOMENTS))

    def n_molecules(types, centre):
        body = Body(types, sites, moments)
        return rigid_crystal(
            [body], cell, np.array([centre]), np.eye(3)[None], operations_of(2)
        ).n_molecules

    assert n_molecules(("O_W1", "O_W1"), [0.5, 0.0, 0.0]) == 1
    assert n_molecules(("O_W1", "O_W1"), [0.5, 0.0, 0.01]) == 2
    assert n_molecules(("O_W1", "N_W1"), [0.5, 0.0, 0.0]) == 2


@pytest.mark.parametrize(("number", "count"), CELLS.items())
def test_strains_that_keep_the_symmetry_are_as_many_as_free_cell_parameters(
    number, count
):
    crystal = on_site(
        number, space_group(number).sites[-1].letter, np.random.default_rng(1)
    )
    assert crystal.strains.shape == (count, 3, 3)
    flat = crystal.strains.reshape(count, 9)
    assert_allclose(flat @ flat.T, np.eye(count), rtol=0, atol=1e-12)
    # the strained cell has the symmetry still: its metric is that of its images
    strain = np.tensordot(np.linspace(0.01, 0.03, count), crystal.strains, axes=1)
    assert_allclose(strain, strain.T, rtol=0, atol=1e-15)
    cell = crystal.cell @ (np.eye(3) + strain)
    metric = cell @ cell.T
    for turn in space_group(number).rotations:
        assert_allclose(turn.T @ metric @ turn, metric, rtol=0, atol=1e-9)


@given(number=st.sampled_from([14, 15, 61, 88, 148, 205]), seed=SEEDS)
def test_order_of_the_operations_does_not_matter(number, seed):
    """Nor whether the identity is the first of them."""
    rng = np.random.default_rng(seed)
    group = space_group(number)
    cell = cell_of(number, rng, 60.0 * group.order)
    body = body_with(np.eye(3)[None], rng)
    centre, rotation = rng.random((1, 3)), Rotation.random(rng=rng).as_matrix()[None]
    order = rng.permutation(group.order)
    crystals = [
        rigid_crystal(
            [body],
            cell,
            centre,
            rotation,
            operations_of(number).chosen(chosen),
        )
        for chosen in (np.arange(group.order), order)
    ]
    expected, found = (energy(crystal) for crystal in crystals)
    scale = sum(abs(value) for value in expected.terms.values())
    assert_allclose(found.energy, expected.energy, rtol=0, atol=1e-10 * scale)
    for name in ("centres", "rotations"):
        assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=0, atol=1e-9 * scale
        )


@given(place=st.sampled_from(PLACES), seed=SEEDS)
def test_crystal_written_out_has_the_same_energy(place, seed):
    crystal = on_site(*place, np.random.default_rng(seed))
    whole = expanded(crystal)
    assert len(whole.bodies) == whole.n_molecules == crystal.n_molecules
    assert (np.linalg.det(whole.rotations) > 0.0).all()
    expected, found = energy(crystal), energy(whole)
    scale = sum(abs(value) for value in expected.terms.values())
    assert_allclose(found.energy, expected.energy, rtol=0, atol=1e-10 * scale)
    for strain in crystal.strains:
        assert_allclose(
            np.sum(found.strain * strain),
            np.sum(expected.strain * strain),
            rtol=0,
            atol=1e-9 * scale,
        )


def test_inverted_body_is_the_body_moved_by_the_inversion():
    body = body_with(np.eye(3)[None], np.random.default_rng(4))
    mirror = inverted(body)
    assert mirror.types == body.types
    assert_array_equal(mirror.sites, -body.sites)
    assert_allclose(
        mirror.moments, rotated(body.moments, -np.eye(3)), rtol=0, atol=1e-14
    )


def test_crystal_elsewhere_keeps_bodies_and_symmetry():
    crystal = on_site(14, "a", np.random.default_rng(6))
    other = crystal.at(1.1 * crystal.cell, crystal.centres + 0.5, crystal.rotations)
    assert other.bodies is crystal.bodies
    assert other.images is crystal.images
    assert_allclose(other.cell, 1.1 * crystal.cell, rtol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        other.cell[0] = 0.0


def test_operations_that_stretch_the_cell_are_refused():
    cell = np.diag([5.0, 6.0, 7.0])  # no four-fold axis
    body = body_with(np.eye(3)[None], np.random.default_rng(0))
    with pytest.raises(InputError, match=r"do not fit the cell .* stretch it by"):
        rigid_crystal(
            [body], cell, np.zeros((1, 3)), np.eye(3)[None], operations_of(81)
        )


def test_operations_without_the_identity_are_refused():
    body = body_with(np.eye(3)[None], np.random.default_rng(0))
    with pytest.raises(InputError, match="lack the identity x, y, z: add it"):
        rigid_crystal(
            [body],
            cell_of(14, np.random.default_rng(0)),
            np.full((1, 3), 0.2),
            np.eye(3)[None],
            operations_of(14).chosen(np.arange(1, 4)),
        )
