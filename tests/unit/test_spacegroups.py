"""The 230 space groups: algebra, another program's tables, sites and strains."""

from itertools import product

import numpy as np
import pytest
import spglib
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pymatgen.core.operations import SymmOp
from pyxtal.symmetry import Group

from csp.errors import InputError
from csp.geometry import cell_from_parameters
from csp.spacegroups import (
    N_SPACE_GROUPS,
    cartesian_rotations,
    readable_symbol,
    space_group,
    strain_basis,
    symbols,
)

NUMBERS = range(1, N_SPACE_GROUPS + 1)
LATTICES = {
    "triclinic": range(1, 3),
    "monoclinic": range(3, 16),
    "orthorhombic": range(16, 75),
    "tetragonal": range(75, 143),
    "hexagonal": range(143, 195),
    "cubic": range(195, 231),
}
SOHNCKE = {1, *range(3, 6), *range(16, 25), *range(75, 81), *range(89, 99)}
SOHNCKE |= {*range(143, 147), *range(149, 156), *range(168, 174), *range(177, 183)}
SOHNCKE |= {*range(195, 200), *range(207, 215)}
SEEDS = st.integers(0, 2**32 - 1)


def random_cell(lattice, seed):
    rng = np.random.default_rng(seed)
    a, b, c = rng.uniform(4.0, 20.0, 3)
    alpha, beta, gamma = rng.uniform(65.0, 115.0, 3)
    parameters = {
        "triclinic": [a, b, c, alpha, beta, gamma],
        "monoclinic": [a, b, c, 90.0, beta, 90.0],
        "orthorhombic": [a, b, c, 90.0, 90.0, 90.0],
        "tetragonal": [a, a, c, 90.0, 90.0, 90.0],
        "hexagonal": [a, a, c, 90.0, 90.0, 120.0],
        "cubic": [a, a, a, 90.0, 90.0, 90.0],
    }[lattice]
    return cell_from_parameters(np.array(parameters))


def codes(rotations, translations):
    """Each operation as bytes; translations modulo 1 in units of 1/24."""
    steps = np.rint(24.0 * translations)
    # all translations of the standard settings are multiples of 1/8 or 1/6
    assert_allclose(24.0 * translations, steps, rtol=0, atol=1e-6)
    rows = np.concatenate([rotations.reshape(-1, 9), np.mod(steps, 24.0)], axis=1)
    return [row.astype(np.int8).tobytes() for row in rows]


def test_operations_are_closed_under_multiplication():
    for number in NUMBERS:
        group = space_group(number)
        R, t = group.rotations, group.translations
        generators = np.random.default_rng(number).choice(len(R), min(len(R), 6))
        known = set(codes(R, t))
        assert len(known) == group.order
        for k in generators:
            products = codes(R[k] @ R, t @ R[k].T + t[k])
            assert set(products) == known, number


def test_identity_comes_first_and_determinants_are_one():
    for number in NUMBERS:
        group = space_group(number)
        assert (group.rotations[0] == np.eye(3)).all()
        assert (group.translations[0] == 0.0).all()
        determinants = np.linalg.det(group.rotations)
        assert_allclose(np.abs(determinants), 1.0, rtol=1e-12)
        assert (group.translations >= 0.0).all()
        assert (group.translations < 1.0).all()
        assert group.is_chiral == (number in SOHNCKE)
        assert number in LATTICES[group.lattice]
        assert group.symbol == symbols()[number]


def test_operations_are_spglibs_in_one_of_its_settings():
    settings = {number: [] for number in NUMBERS}
    for hall_number in range(1, 531):
        found = spglib.get_symmetry_from_database(hall_number)
        number = spglib.get_spacegroup_type(hall_number).number
        settings[number].append(
            frozenset(codes(found["rotations"].astype(float), found["translations"]))
        )
    for number in NUMBERS:
        group = space_group(number)
        own = frozenset(codes(group.rotations, group.translations))
        assert own in settings[number], number


def test_operations_of_a_site_fix_it_and_the_others_make_its_images():
    rng = np.random.default_rng(1)
    for number in NUMBERS:
        group = space_group(number)
        for site in group.sites:
            point = site.point(rng.random(3))
            images = point @ np.swapaxes(group.rotations, 1, 2) + group.translations
            moved = images - point
            is_fixed = np.abs(moved - np.rint(moved)).max(axis=1) < 1e-6
            assert np.flatnonzero(is_fixed).tolist() == site.stabiliser.tolist()
            own = images[site.images]
            apart = own[:, None] - own[None]
            apart = np.abs(apart - np.rint(apart)).max(axis=2)
            assert (apart + np.eye(len(own)) > 1e-6).all(), (number, site.letter)
            assert site.images[0] == 0
            assert site.multiplicity == len(site.images)
            assert site.multiplicity * len(site.stabiliser) == group.order
            # an independent table has the multiplicity with the letter
            table = Group(number)[site.letter]
            assert (table.multiplicity, table.letter) == (
                site.multiplicity,
                site.letter,
            )


def test_stabilisers_are_groups():
    for number in NUMBERS:
        group = space_group(number)
        for site in group.sites:
            own = group.rotations[site.stabiliser]
            members = {tuple(element.ravel()) for element in own}
            assert len(members) == len(own)
            products = (own[:, None] @ own[None]).reshape(-1, 9)
            assert {tuple(element) for element in products} == members


def test_last_site_is_the_general_position_and_no_other():
    for number in NUMBERS:
        sites = space_group(number).sites
        assert [site.is_general for site in sites] == [False] * (len(sites) - 1) + [
            True
        ]
        assert sites[-1].multiplicity == space_group(number).order


def test_all_wyckoff_positions_are_there_in_the_order_of_the_tables():
    for number in NUMBERS:
        letters = [site.letter for site in space_group(number).sites]
        expected = [position.letter for position in Group(number).Wyckoff_positions]
        assert letters == expected[::-1]
        assert sorted(letters, key=lambda x: (x == "A", x)) == letters


def test_a_position_is_fixed_if_one_point_is_all_of_it():
    rng = np.random.default_rng(2)
    for number in NUMBERS:
        for site in space_group(number).sites:
            points = [site.point(rng.random(3)) for _ in range(4)]
            apart = np.abs(np.diff(points, axis=0)).max()
            assert site.is_fixed == (apart < 1e-12)


def normaliser(number):
    """Operations that map a group onto itself, and where each letter comes from."""
    group = Group(number)
    table = group.get_alternatives()
    letters = [site.letter for site in space_group(number).sites]
    for text, row in zip(
        table["Coset Representative"], table["Transformed WP"], strict=True
    ):
        affine = SymmOp.from_xyz_str(text).affine_matrix
        yield (
            affine[:3, :3],
            affine[:3, 3],
            dict(zip(letters, row.split(), strict=True)),
        )


def is_on(group, letter, point):
    """Whether a point belongs to a Wyckoff position: an image lies on its locus."""
    site = group.site(letter)
    images = group.rotations @ point + group.translations
    shifts = np.array(list(product((-1, 0, 1), repeat=3)), dtype=float)
    residual = np.eye(3) - site.matrix @ np.linalg.pinv(site.matrix)
    away = np.mod(images, 1.0)[:, None] + shifts - site.offset
    return np.abs(away @ residual.T).max(axis=2).min() < 1e-6


@pytest.mark.parametrize(
    "numbers", [range(first, first + 23) for first in NUMBERS[::23]]
)
def test_relabelled_letters_are_related_by_a_map_of_the_normaliser(numbers):
    """The operations are the tables'; that they do what the letters say is geometry."""
    for number in numbers:
        group = space_group(number)
        rng = np.random.default_rng(number)
        known = set(codes(group.rotations, group.translations))
        found = []
        for Q, q, mapping in normaliser(number):
            inverse = np.linalg.inv(Q)
            assert_allclose(abs(np.linalg.det(Q)), 1.0, rtol=1e-9)
            turned = Q @ group.rotations @ inverse
            moved = group.translations @ Q.T + q - turned @ q
            assert set(codes(np.rint(turned), np.mod(moved, 1.0))) == known
            assert_allclose(turned, np.rint(turned), rtol=0, atol=1e-9)
            for site in group.sites:
                before = group.site(mapping[site.letter]).point(rng.random(3))
                assert is_on(group, site.letter, Q @ before + q), (number, mapping)
            found.append(tuple(sorted(mapping.items())))
        identity = tuple((site.letter, site.letter) for site in group.sites)
        own = {tuple(sorted(mapping.items())) for mapping in group.relabellings}
        assert own == {*found, tuple(sorted(identity))}


def test_relabellings_are_a_group_that_keeps_site_symmetries():
    for number in NUMBERS:
        group = space_group(number)
        letters = [site.letter for site in group.sites]
        rows = {tuple(mapping[x] for x in letters) for mapping in group.relabellings}
        assert len(rows) == len(group.relabellings)
        assert tuple(letters) in rows
        for first, second in product(group.relabellings, repeat=2):
            assert tuple(second[first[x]] for x in letters) in rows
        for mapping in group.relabellings:
            assert sorted(mapping.values()) == sorted(letters)
            for letter, image in mapping.items():
                before, after = group.site(letter), group.site(image)
                assert before.multiplicity == after.multiplicity
                traces = [
                    sorted(np.trace(group.rotations[s.stabiliser], axis1=1, axis2=2))
                    for s in (before, after)
                ]
                assert_allclose(*traces, rtol=0, atol=1e-9)
                assert before.is_fixed == after.is_fixed


def test_cartesian_rotations_are_orthogonal_and_the_same_for_every_cell():
    for number in NUMBERS:
        group = space_group(number)
        first = cartesian_rotations(group, random_cell(group.lattice, number))
        assert_allclose(
            first @ np.swapaxes(first, 1, 2),
            np.broadcast_to(np.eye(3), first.shape),
            rtol=0,
            atol=1e-12,
        )
        second = cartesian_rotations(group, random_cell(group.lattice, number + 1))
        assert_allclose(second, first, rtol=0, atol=1e-12)


def test_cartesian_rotation_moves_cartesian_columns():
    group = space_group(144)
    cell = random_cell("hexagonal", 3)
    fractional = np.array([0.2, 0.5, 0.9])
    for rotation, cartesian in zip(
        group.rotations, cartesian_rotations(group, cell), strict=True
    ):
        assert_allclose(
            cartesian @ (fractional @ cell),
            (rotation @ fractional) @ cell,
            rtol=0,
            atol=1e-12,
        )


@pytest.mark.parametrize("number", [1, 2, 5, 14, 43, 62, 88, 141, 148, 167, 194, 230])
@given(seed=SEEDS)
def test_strains_keep_lattice_and_operations(number, seed):
    group = space_group(number)
    cell = random_cell(group.lattice, seed)
    rotations = cartesian_rotations(group, cell)
    for strain in strain_basis(group.lattice):
        assert_allclose(rotations @ strain, strain @ rotations, rtol=0, atol=1e-12)
        assert (np.triu(strain, k=1) == 0.0).all()
    mixed = np.tensordot(
        np.random.default_rng(seed).normal(size=len(strain_basis(group.lattice))),
        strain_basis(group.lattice),
        axes=1,
    )
    strained = cell @ (np.eye(3) + 0.05 * mixed)
    assert_allclose(cartesian_rotations(group, strained), rotations, rtol=0, atol=1e-12)


@pytest.mark.parametrize("number", [1, 2, 3, 14, 16, 61, 75, 142, 143, 167, 195, 230])
def test_there_are_as_many_strains_as_free_cell_parameters(number):
    """Symmetric matrices that all rotations leave alone: a character sum."""
    group = space_group(number)
    rotations = cartesian_rotations(group, random_cell(group.lattice, 1))
    traces = np.trace(rotations, axis1=1, axis2=2)
    squares = np.trace(rotations @ rotations, axis1=1, axis2=2)
    free = np.mean(0.5 * (traces**2 + squares))
    basis = strain_basis(group.lattice)
    assert_allclose(len(basis), free, rtol=1e-9)
    flat = basis.reshape(len(basis), 9)
    assert_allclose(flat @ flat.T, np.eye(len(basis)), rtol=0, atol=1e-15)


def test_symbols_are_written_as_in_print():
    assert symbols()[14] == "P2₁/c"
    assert symbols()[61] == "Pbca"
    assert symbols()[178] == "P6₁22"
    assert readable_symbol("I4_1/acd") == "I4₁/acd"
    assert len(set(symbols().values())) == N_SPACE_GROUPS


@pytest.mark.parametrize("number", [0, 231, -3])
def test_number_that_is_no_space_group_is_refused(number):
    with pytest.raises(InputError, match=f"no space group {number}: .* 1 to 230"):
        space_group(number)


def test_letter_that_is_no_site_is_refused_with_the_choices():
    with pytest.raises(InputError, match=r"no Wyckoff position 'f': .* a, b, c, d, e$"):
        space_group(14).site("f")
    assert space_group(14).site("b").multiplicity == 2
