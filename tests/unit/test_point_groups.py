"""Point groups of molecules, and the ways in which a molecule fits a site."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from csp.conformers.monomers_file import read_monomers
from csp.geometry import rotation_from_vector
from csp.molecule import Molecule
from csp.packing.placement import sample_cell, site_rotations
from csp.packing.sampling import Point
from csp.point_groups import (
    axial,
    invariant_directions,
    molecular_symmetry,
    orientations_on_site,
    symmetrised,
)
from csp.spacegroups import cartesian_rotations, space_group

OXALIC_ACID = Path(__file__).parents[2] / "data" / "oxalic_acid" / "monomers.json"
SEEDS = st.integers(0, 2**32 - 1)


def molecule_of(numbers, *parts):
    positions = np.vstack(parts).astype(float)
    bonds = np.zeros((0, 2), int)
    return Molecule(np.array(numbers), positions, bonds, 0, "test").centred()


def ring(radius, n, height=0.0):
    angles = 2.0 * np.pi * np.arange(n) / n
    return np.column_stack(
        [radius * np.cos(angles), radius * np.sin(angles), np.full(n, height)]
    )


CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)
SIX_WAYS = np.vstack([np.eye(3), -np.eye(3)])
ORIGIN = np.zeros((1, 3))
# name: molecule, Schoenflies symbol, order
MOLECULES = {
    "bromochlorofluoromethane": (
        molecule_of(
            [6, 1, 9, 17, 35],
            ORIGIN,
            CORNERS * np.array([[1.09], [1.38], [1.77], [1.94]]),
        ),
        "C1",
        1,
    ),
    "hydrogen peroxide": (
        molecule_of(
            [8, 8, 1, 1],
            [[0, 0.73, 0], [0, -0.73, 0], [0.8, 0.9, 0.5], [-0.8, -0.9, 0.5]],
        ),
        "C2",
        2,
    ),
    "water": (
        molecule_of([8, 1, 1], [[0, 0, 0.1], [0, 0.76, -0.49], [0, -0.76, -0.49]]),
        "C2v",
        4,
    ),
    "urea": (
        molecule_of(
            [6, 8, 7, 7, 1, 1, 1, 1],
            [[0, 0, 0], [0, 0, 1.22], [0, 1.15, -0.7], [0, -1.15, -0.7]],
            [[0, 2.0, -0.2], [0, -2.0, -0.2], [0, 1.15, -1.7], [0, -1.15, -1.7]],
        ),
        "C2v",
        4,
    ),
    "ammonia": (
        molecule_of([7, 1, 1, 1], ORIGIN, ring(0.94, 3, height=-0.38)),
        "C3v",
        6,
    ),
    "allene": (
        molecule_of(
            [6, 6, 6, 1, 1, 1, 1],
            [[0, 0, 0], [0, 0, 1.31], [0, 0, -1.31]],
            [[0, 0.93, 1.86], [0, -0.93, 1.86], [0.93, 0, -1.86], [-0.93, 0, -1.86]],
        ),
        "D2d",
        8,
    ),
    "boron trifluoride": (
        molecule_of([5, 9, 9, 9], ORIGIN, ring(1.3, 3)),
        "D3h",
        12,
    ),
    "benzene": (
        molecule_of([6] * 6 + [1] * 6, ring(1.39, 6), ring(2.48, 6)),
        "D6h",
        24,
    ),
    "methane": (molecule_of([6] + [1] * 4, ORIGIN, 1.09 * CORNERS), "Td", 24),
    "sulfur hexafluoride": (
        molecule_of([16] + [9] * 6, ORIGIN, 1.56 * SIX_WAYS),
        "Oh",
        48,
    ),
}
LINEAR = {
    "carbon dioxide": molecule_of([6, 8, 8], ORIGIN, [[0, 0, 1.16], [0, 0, -1.16]]),
    "acetylene": molecule_of(
        [6, 6, 1, 1], [[0, 0, 0.6], [0, 0, -0.6], [0, 0, 1.66], [0, 0, -1.66]]
    ),
    "hydrogen cyanide": molecule_of(
        [1, 6, 7], [[0, 0, -1.06], [0, 0, 0], [0, 0, 1.15]]
    ),
}
SLOW = {"benzene", "methane", "sulfur hexafluoride"}
"""Molecules of many axes, all pairs of which take seconds under type checks."""
SYMMETRIES = {
    name: symmetrised(molecule, molecular_symmetry(molecule))[1]
    for name, (molecule, *_) in MOLECULES.items()
}


def turned(molecule, seed, noise):
    """The molecule in a random orientation, its atoms a little off."""
    rng = np.random.default_rng(seed)
    positions = molecule.positions @ Rotation.random(rng=rng).as_matrix().T
    return molecule.at(positions + noise * rng.normal(size=positions.shape)).centred()


def contains(group, elements, atol=1e-6):
    gaps = np.abs(group[None] - np.asarray(elements)[:, None]).max(axis=(2, 3))
    return bool((gaps.min(axis=1) < atol).all())


@pytest.mark.parametrize("name", MOLECULES)
@given(seed=SEEDS)
def test_molecule_has_its_point_group_in_any_orientation(name, seed):
    molecule, symbol, order = MOLECULES[name]
    # 0.001 Å is what tightly converged optimisations leave
    symmetry = molecular_symmetry(turned(molecule, seed, noise=0.0005))
    assert symmetry.symbol == symbol
    assert len(symmetry.rotations) == order
    assert_array_equal(symmetry.permutations[0], np.arange(len(molecule.positions)))


@pytest.mark.parametrize("name", [*MOLECULES, *LINEAR])
@given(seed=SEEDS, noise=st.sampled_from([0.0, 0.0005]))
def test_symmetrised_geometry_is_near_and_invariant_under_a_group(name, seed, noise):
    ideal = LINEAR[name] if name in LINEAR else MOLECULES[name][0]
    molecule = turned(ideal, seed, noise)
    average, symmetry = symmetrised(molecule, molecular_symmetry(molecule))
    assert np.abs(average.positions - molecule.positions).max() <= 8.0 * noise + 1e-9
    rotations = symmetry.rotations
    assert_allclose(rotations[0], np.eye(3), rtol=0, atol=1e-8)
    # the products below differ by less than the tolerance of fitting a site, 1e-4
    for rotation, permutation in zip(rotations, symmetry.permutations, strict=True):
        assert_allclose(rotation @ rotation.T, np.eye(3), rtol=0, atol=1e-12)
        moved = average.positions @ rotation.T
        assert_allclose(moved, average.positions[permutation], rtol=0, atol=1e-10)
        assert contains(rotations, rotation @ rotations, atol=1e-7)
        assert_array_equal(
            molecule.atomic_numbers[permutation], molecule.atomic_numbers
        )


@pytest.mark.parametrize(
    ("label", "symbol", "order"),
    [("1", "C2h", 4), ("2", "Cs", 2), ("3", "C2h", 4), ("4", "C2v", 4)],
)
def test_computed_conformers_of_oxalic_acid_have_their_point_groups(
    label, symbol, order
):
    conformers = read_monomers(OXALIC_ACID).conformers
    molecule = next(item.molecule for item in conformers if item.label == label)
    symmetry = molecular_symmetry(molecule)
    assert (symmetry.symbol, len(symmetry.rotations)) == (symbol, order)
    average, symmetry = symmetrised(molecule, symmetry)
    for rotation, permutation in zip(
        symmetry.rotations, symmetry.permutations, strict=True
    ):
        assert_allclose(
            average.positions @ rotation.T,
            average.positions[permutation],
            rtol=0,
            atol=1e-10,
        )


def test_single_atom_has_the_identity():
    symmetry = molecular_symmetry(molecule_of([18], ORIGIN))
    assert symmetry.symbol == "Kh"
    assert_array_equal(symmetry.rotations, [np.eye(3)])


@given(seed=SEEDS)
def test_linear_molecules_fit_the_general_position_and_centrosymmetric_ones_a_centre(
    seed,
):
    general, centre = np.eye(3)[None], np.array([np.eye(3), -np.eye(3)])
    for name, ideal in LINEAR.items():
        molecule = turned(ideal, seed, noise=0.0)
        _, symmetry = symmetrised(molecule, molecular_symmetry(molecule))
        assert len(orientations_on_site(general, symmetry.rotations)) == 1
        is_fitting = len(orientations_on_site(centre, symmetry.rotations)) == 1
        assert is_fitting == (name != "hydrogen cyanide")


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("carbon dioxide", {(205, "a"), (14, "a"), (64, "a"), (58, "a"), (148, "a")}),
        ("hydrogen cyanide", {(44, "a"), (161, "a"), (99, "a")}),
    ],
)
def test_linear_molecules_sit_on_axes_of_every_order(name, places):
    """Carbon dioxide's own crystal is Pa-3 with Z′ = ⅙."""
    molecule = turned(LINEAR[name], 3, noise=0.0)
    _, symmetry = symmetrised(molecule, molecular_symmetry(molecule))
    products = (symmetry.rotations[:, None] @ symmetry.rotations[None]).reshape(
        -1, 3, 3
    )
    assert all(contains(symmetry.rotations, item[None]) for item in products)
    for number, letter in places:
        group = space_group(number)
        site = site_rotations(group, group.site(letter))
        assert len(orientations_on_site(site, symmetry.rotations)), (number, letter)


def generated(elements):
    """The group that some orthogonal matrices generate."""
    found, new = [], [np.eye(3)]
    while new:
        found += new
        new = []
        for product in (e @ item for e in elements for item in list(found)):
            if not contains(np.array(found + new), product[None]):
                new.append(product)
    return np.array(found)


@pytest.mark.parametrize("name", sorted({*MOLECULES} - SLOW))
@given(seed=SEEDS)
def test_every_orientation_that_fits_belongs_to_a_family(name, seed):
    """A site with the symmetry of a turned molecule takes it in that orientation.

    The orientation must be one of those returned, turned about the site's axis,
    followed by an operation of the site or preceded by one of the molecule: all these
    give the same crystals.
    """
    rng = np.random.default_rng(seed)
    own = SYMMETRIES[name].rotations
    planted = Rotation.random(rng=rng).as_matrix()
    site = planted @ generated(rng.choice(own, size=2)) @ planted.T
    families = orientations_on_site(site, own)
    assert len(families) > 0
    for family in families:
        assert_allclose(np.linalg.det(family), 1.0, rtol=1e-9)
        assert contains(own, family.T @ site @ family, atol=1e-4)
    turns = invariant_directions(axial(site))
    if len(turns) == 3:
        assert_array_equal(families, [np.eye(3)])
        return
    # left over after undoing the family and the molecule's own operations
    proper = own[np.linalg.det(own) > 0.0]
    left = planted @ proper[:, None] @ np.swapaxes(families, 1, 2)[None]
    left = left.reshape(-1, 3, 3)
    if len(turns) == 1:
        gaps = np.linalg.norm(left @ turns[0] - turns[0], axis=1)
        assert gaps.min() < 1e-4
    else:
        of_site = site[np.linalg.det(site) > 0.0]
        gaps = np.abs(left[:, None] - of_site[None]).max(axis=(2, 3))
        assert gaps.min() < 1e-4


def kinds_of(rotations):
    """How many operations there are of each trace and handedness."""
    traces = np.rint(np.trace(rotations, axis1=1, axis2=2)).astype(int)
    handedness = np.rint(np.linalg.det(rotations)).astype(int)
    return Counter(zip(traces.tolist(), handedness.tolist(), strict=True))


def special_sites():
    """One special position of each class of site symmetry."""
    ones = np.full(3, 0.5)
    point = Point(0.0, ones[:2], ones, ())
    found = {}
    for number in range(2, 231):
        group = space_group(number)
        cell = sample_cell(group.lattice, point, 2.0)
        cartesian = cartesian_rotations(group, cell)
        for site in group.sites[:-1]:
            rotations = cartesian[site.stabiliser]
            found.setdefault(frozenset(kinds_of(rotations).items()), rotations)
    return list(found.values())


def test_molecules_fit_the_special_positions_whose_symmetry_they_have():
    sites = special_sites()
    # the 32 crystallographic point groups less the trivial one
    assert len(sites) == 31
    for rotations in sites:
        needed = kinds_of(rotations)
        for name in ("bromochlorofluoromethane", "water", "ammonia", "benzene"):
            own = SYMMETRIES[name].rotations
            families = orientations_on_site(rotations, own)
            for family in families:
                assert contains(own, family.T @ rotations @ family, atol=1e-4)
            # each group whose kinds these molecules have is one of their subgroups
            assert (len(families) > 0) == (needed <= kinds_of(own)), name


@pytest.mark.parametrize(
    ("generators", "polar", "axes"),
    [
        ([np.eye(3)], 3, 3),
        ([-np.eye(3)], 0, 3),
        ([np.diag([1.0, -1.0, 1.0])], 2, 1),
        ([np.diag([-1.0, 1.0, -1.0])], 1, 1),
        ([rotation_from_vector(np.array([0.0, 0.0, 2.0 * np.pi / 3.0]))], 1, 1),
        ([np.diag([-1.0, -1.0, 1.0]), np.diag([-1.0, 1.0, 1.0])], 1, 0),
        ([np.diag([-1.0, -1.0, 1.0]), np.diag([1.0, -1.0, -1.0])], 0, 0),
        ([np.diag([-1.0, 1.0, -1.0]), -np.eye(3)], 0, 1),
    ],
    ids=["1", "-1", "m", "2", "3", "mm2", "222", "2/m"],
)
def test_molecule_on_a_site_may_move_and_turn_as_the_site_allows(
    generators, polar, axes
):
    group = generated(np.array(generators))
    along = invariant_directions(group)
    about = invariant_directions(axial(group))
    assert (len(along), len(about)) == (polar, axes)
    for rotation in group:
        assert_allclose(along @ rotation.T, along, rtol=0, atol=1e-9)
        turned_about = np.linalg.det(rotation) * (about @ rotation.T)
        assert_allclose(turned_about, about, rtol=0, atol=1e-9)
    for rows in (along, about):
        assert_allclose(rows @ rows.T, np.eye(len(rows)), rtol=0, atol=1e-12)
