"""Trial packings: within their ranges, and with the symmetry of their space group."""

from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from csp.conformers.monomers_file import read_monomers
from csp.geometry import parameters_from_cell, volume
from csp.packing.expansion import crystal_of
from csp.packing.occupation import Occupation
from csp.packing.placement import (
    Place,
    expected_volume,
    is_chiral,
    molecules_for_site,
    place,
    places_of,
    sample_cell,
    sample_orientation,
    site_rotations,
)
from csp.packing.presets import COMMON_SPACE_GROUPS
from csp.packing.sampling import as_point, sobol_points
from csp.packing.settings import PackingSettings
from csp.point_groups import axial, invariant_directions
from csp.potentials.bodies import Component, FormulaUnit, rigid_molecule
from csp.potentials.settings import PotentialSettings
from csp.records import CrystalKey
from csp.spacegroups import cartesian_rotations, space_group

OXALIC_ACID = Path(__file__).parents[3] / "data" / "oxalic_acid" / "monomers.json"
SETTINGS = PackingSettings()
DRAWS = st.integers(0, 10_000)
NUMBERS = st.integers(1, 230) | st.sampled_from(COMMON_SPACE_GROUPS)
LATTICES = [
    "triclinic",
    "monoclinic",
    "orthorhombic",
    "tetragonal",
    "hexagonal",
    "cubic",
]


def draw_of(number, site, draw, choices):
    key = CrystalKey(number, site.letter, draw)
    stream = f"{number:03d}{site.letter}"
    point = as_point(sobol_points(SETTINGS.seed, stream, draw, 1)[0])
    return place(key, point, [Place(site, tuple(choices), (1,))], SETTINGS)


def alone(molecule):
    """The formula unit of one molecule."""
    return FormulaUnit((Component(1, (molecule,)),))


def some_draw(number, draw, molecules):
    """A packing on one of the sites that one of the molecules fits."""
    group = space_group(number)
    names = sorted(molecules)
    for k in range(len(names) * len(group.sites)):
        index = draw + k
        site = group.sites[index % len(group.sites)]
        molecule = molecules[names[index // len(group.sites) % len(names)]]
        if molecules_for_site(group, site, [molecule]):
            return draw_of(number, site, draw, [molecule]), molecule
    raise AssertionError("every molecule fits the general position")


def images_of_atoms(crystal, group):
    """Fractional positions of all atoms after each operation of the group."""
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    moved = fractional @ np.swapaxes(group.rotations, 1, 2)
    return fractional, moved + group.translations[:, None]


@given(number=NUMBERS, draw=DRAWS)
def test_packing_has_all_operations_of_its_space_group(molecules, number, draw):
    packing, molecule = some_draw(number, draw, molecules)
    crystal = crystal_of(packing, alone(molecule))
    group = space_group(number)
    fractional, images = images_of_atoms(crystal, group)
    for image in images[np.random.default_rng(draw).permutation(len(images))[:12]]:
        apart = image[:, None] - fractional
        apart = np.linalg.norm((apart - np.rint(apart)) @ crystal.cell, axis=2)
        partner = apart.argmin(axis=1)
        assert apart.min(axis=1).max() < 1e-4
        assert sorted(partner.tolist()) == list(range(len(partner)))
        numbers = crystal.atomic_numbers
        assert_array_equal(numbers[partner], numbers)


@given(number=NUMBERS, draw=DRAWS)
def test_spglib_finds_the_space_group_of_a_packing_without_symmetry_of_its_own(
    molecules, number, draw
):
    molecule = molecules["CHFClBr"]
    packing = draw_of(number, space_group(number).sites[-1], draw, [molecule])
    atoms = crystal_of(packing, alone(molecule)).to_ase()
    cell = (packing.cell, atoms.get_scaled_positions(), atoms.numbers)
    assert spglib.get_symmetry_dataset(cell, symprec=1e-4).number == number


@given(number=NUMBERS, draw=DRAWS)
def test_cell_is_filled_with_whole_molecules_in_number_as_the_site_says(
    molecules, number, draw
):
    packing, molecule = some_draw(number, draw, molecules)
    crystal = crystal_of(packing, alone(molecule))
    site = space_group(number).site(packing.sites)
    n = len(molecule.atoms)
    assert crystal.n_formula_units == crystal.n_molecules == site.multiplicity
    assert len(crystal.positions) == site.multiplicity * n
    numbers = molecule.conformer.molecule.atomic_numbers

    def distances(points):
        return np.linalg.norm(points[:, None] - points, axis=2)

    for k in range(site.multiplicity):
        own = crystal.molecule_of_atom == k
        assert_array_equal(crystal.atomic_numbers[own], numbers)
        assert_allclose(
            distances(crystal.positions[own]),
            distances(molecule.atoms),
            rtol=0,
            atol=1e-9,
        )


@given(number=NUMBERS, draw=DRAWS)
def test_packing_lies_within_its_ranges(molecules, number, draw):
    packing, molecule = some_draw(number, draw, molecules)
    group = space_group(number)
    site = group.site(packing.sites)
    content = expected_volume(molecule.conformer.molecule.atomic_numbers)
    factor = volume(packing.cell) / (content * site.multiplicity)
    low, high = SETTINGS.volume_factors
    assert low - 1e-9 <= factor <= high + 1e-9
    assert (packing.centres >= 0.0).all()
    assert (packing.centres < 1.0).all()
    assert len(packing.rotations) == len(packing.centres) == 1
    (centre,), (rotation,) = packing.centres, packing.rotations
    assert_allclose(rotation @ rotation.T, np.eye(3), rtol=0, atol=1e-9)
    assert np.linalg.det(rotation) > 0.0
    assert np.linalg.det(packing.cell) > 0.0
    # the operations of the site leave the centre where it is
    fixed = (
        group.rotations[site.stabiliser] @ centre
        + group.translations[site.stabiliser]
        - centre
    )
    assert_allclose(fixed, np.rint(fixed), rtol=0, atol=1e-6)
    assert_allclose(packing.cell[0, 1:], 0.0, rtol=0, atol=1e-12)
    assert_allclose(packing.cell[1, 2], 0.0, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lattice", LATTICES)
@given(seed=st.integers(0, 2**32 - 1), largest=st.floats(1.0, 10.0))
def test_cell_shapes_keep_their_lattice_and_bounds(lattice, seed, largest):
    point = as_point(np.random.default_rng(seed).random(13))
    cell = sample_cell(lattice, point, largest)
    a, b, c, alpha, beta, gamma = parameters_from_cell(cell)
    angles = np.array([alpha, beta, gamma])
    expected = {
        "triclinic": angles,
        "monoclinic": np.array([90.0, beta, 90.0]),
        "hexagonal": np.array([90.0, 90.0, 120.0]),
    }.get(lattice, np.full(3, 90.0))
    assert_allclose(angles, expected, rtol=0, atol=1e-9)
    if lattice == "triclinic":
        assert angles.min() >= 60.0 - 1e-9
        assert angles.max() <= 120.0 + 1e-9
        assert volume(cell) / (a * b * c) > 0.4 - 1e-9
    if lattice == "monoclinic":
        assert 90.0 - 1e-9 <= beta <= 130.0 + 1e-9
    if lattice in {"tetragonal", "hexagonal", "cubic"}:
        assert_allclose(a, b, rtol=1e-12)
    if lattice == "cubic":
        assert_allclose(a, c, rtol=1e-12)
    if lattice in {"triclinic", "monoclinic", "orthorhombic"}:
        mean = np.cbrt(a * b * c)
        assert max(a, b) / mean <= largest * (1 + 1e-9)
        assert min(a, b) / mean >= 1.0 / largest * (1 - 1e-9)


def test_triclinic_angles_that_are_not_flat_are_taken_as_they_are():
    row = np.full(13, 0.5)
    row[3:6] = [0.25, 0.5, 0.75]
    cell = sample_cell("triclinic", as_point(row), 2.0)
    assert_allclose(parameters_from_cell(cell)[3:], [75.0, 90.0, 105.0], rtol=1e-9)


@pytest.mark.parametrize("corner", list(product([0.0, 0.9999], repeat=3)))
def test_no_choice_of_angles_makes_a_triclinic_cell_flat(corner):
    """Not even 120°, 120° and 120°, which are no cell at all."""
    row = np.full(13, 0.5)
    row[3:6] = corner
    cell = sample_cell("triclinic", as_point(row), 2.0)
    a, b, c, *angles = parameters_from_cell(cell)
    assert volume(cell) / (a * b * c) > 0.4
    # towards 90° and never past it
    assert ((np.array(angles) > 90.0) == (np.array(corner) > 0.5)).all()


def test_cell_lengths_spread_over_the_whole_range():
    points = [as_point(row) for row in sobol_points(1, "lengths", 0, 128)]
    cells = np.array([sample_cell("orthorhombic", point, 2.5) for point in points])
    logarithms = np.log(np.diagonal(cells, axis1=1, axis2=2)) / np.log(2.5)
    assert_allclose(logarithms.mean(axis=0), 0.0, rtol=0, atol=0.02)
    assert logarithms[:, :2].max() > 0.97
    assert logarithms[:, :2].min() < -0.97


def test_orientations_on_the_general_position_are_uniform(molecules):
    one = np.eye(3)[None]
    rotations = np.array(
        [
            sample_orientation(one, molecules["water"].symmetry.rotations, row[9:12])
            for row in sobol_points(1, "orientations", 0, 512)
        ]
    ).reshape(-1, 9)
    # the moments of Haar measure; 512 quasi-random points miss them by 1/√512 at most
    assert_allclose(rotations.mean(axis=0), 0.0, rtol=0, atol=0.02)
    assert_allclose(rotations.T @ rotations / 512, np.eye(9) / 3.0, rtol=0, atol=0.03)


def test_molecule_on_an_axis_is_turned_about_it_by_any_angle(molecules):
    group = space_group(15)
    site = group.site("e")
    rotations = site_rotations(group, site)
    water = molecules["water"]
    axis = invariant_directions(axial(rotations))[0]
    drawn = np.array(
        [
            sample_orientation(rotations, water.symmetry.rotations, row[9:12])
            for row in sobol_points(1, "turns", 0, 256)
        ]
    )
    oxygen = drawn @ (water.atoms[0] / np.linalg.norm(water.atoms[0]))
    assert_allclose(np.abs(oxygen @ axis), 1.0, rtol=1e-6)
    # both ways up, and hydrogens in all directions around the axis
    assert 0.3 < np.mean(oxygen @ axis > 0.0) < 0.7
    hydrogen = drawn @ (water.atoms[1] - water.atoms[2])
    across = hydrogen[:, [0, 2]]
    angles = np.sort(np.degrees(np.arctan2(across[:, 1], across[:, 0])))
    assert np.diff(angles).max() < 10.0


def test_conformers_that_fit_share_the_draws(molecules):
    group = space_group(14)
    choices = [molecules["oxalic acid"], molecules["water"], molecules["benzene"]]
    on_centre = molecules_for_site(group, group.site("a"), choices)
    assert [item.conformer.label for item in on_centre] == ["1", "benzene"]
    assert molecules_for_site(group, group.site("e"), choices) == choices
    labels = [
        draw_of(14, group.site("a"), draw, on_centre).conformers for draw in range(64)
    ]
    assert labels.count(("benzene",)) == labels.count(("1",)) == 32


def test_volume_of_a_molecule_is_the_sum_of_its_atoms():
    # Hofmann (2002): oxalic acid 2 C, 4 O, 2 H; an element without entry takes 30 Å³
    oxalic = np.array([6, 6, 8, 8, 8, 8, 1, 1])
    assert_allclose(expected_volume(oxalic), 2 * 13.87 + 4 * 11.39 + 2 * 5.08)
    assert_allclose(expected_volume(np.array([92, 1])), 35.08)


def test_cartesian_rotations_of_a_site_are_those_of_every_cell_of_its_lattice(
    molecules,
):
    for number in (12, 15, 62, 166, 194):
        group = space_group(number)
        for site in group.sites[:-1]:
            point = as_point(np.random.default_rng(number).random(13))
            cell = sample_cell(group.lattice, point, 3.0)
            assert_allclose(
                site_rotations(group, site),
                cartesian_rotations(group, cell)[site.stabiliser],
                rtol=0,
                atol=1e-12,
            )


# --------------------------------------------------- what was drawn before stays


FIRST_DRAWS = [
    ((14, "e", 0), "1", [-5.804316843679291, 0.0, 8.604200797573236],
     [0.30888826213777065, 0.5709866704419255, 0.35867023188620806],
     [-0.6790143653225399, 0.29520629304809576, -0.672155291752159]),
    ((14, "e", 7), "3", [-7.671909876260974, 0.0, 9.260622770480996],
     [0.5004686703905463, 0.08130256924778223, 0.9544340567663312],
     [0.47185495784344006, -0.6336994825665507, -0.6130072304250997]),
    ((14, "a", 3), "1", [-1.1998224438240312, 0.0, 6.23269496965429],
     [0.0, 0.0, 0.0],
     [0.6694987329075103, -0.3991124023546715, -0.6264828305084832]),
    ((2, "i", 5), "1", [-1.8971599003568427, 0.6046958566718752, 3.873399516261459],
     [0.41914014983922243, 0.9111952325329185, 0.40482716355472803],
     [-0.9382667401083609, 0.0011566552138487785, 0.3459106626791749]),
    ((61, "a", 2), "3", [0.0, 0.0, 4.9205509415429205],
     [0.0, 0.0, 0.0],
     [-0.22548831097428812, -0.6846920473256941, 0.6930741821355864]),
    ((15, "e", 4), "1", [-1.277529262895258, 0.0, 4.913103336863008],
     [0.0, 0.02639800403267145, 0.25],
     [0.7366010969018759, 0.12537509572185823, -0.664605077783557]),
    ((113, "e", 6), "4", [0.0, 0.0, 5.159693266135355],
     [0.3777670841664076, 0.8777670841664076, 0.8847143109887838],
     [0.7045888911334901, -0.6310596214541196, -0.32452773172945026]),
]  # fmt: skip
"""Draw, conformer, c axis, centre, second row of the rotation: of the code that knew
one independent molecule alone; the same seed still gives the same crystals."""


@pytest.mark.parametrize(("draw", "label", "axis", "centre", "row"), FIRST_DRAWS)
def test_single_molecules_are_drawn_as_ever(draw, label, axis, centre, row):
    number, letter, index = draw
    unit = FormulaUnit((Component(1, conformers_of_oxalic_acid()),))
    places = places_of(Occupation(number, (letter,), Fraction(1), True), unit)
    point = as_point(sobol_points(1, f"{number}{letter}", index, 1)[0])
    packing = place(CrystalKey(*draw), point, places, SETTINGS)
    assert packing.conformers == (label,)
    # to the last bits, which another library of functions may round its own way
    assert_allclose(packing.cell[2], axis, rtol=1e-14, atol=1e-15)
    assert_allclose(packing.centres, [centre], rtol=1e-14, atol=1e-15)
    assert_allclose(packing.rotations[0, 1], row, rtol=1e-13, atol=1e-14)


@cache
def conformers_of_oxalic_acid():
    potential = PotentialSettings()
    return tuple(
        rigid_molecule(item, potential)
        for item in read_monomers(OXALIC_ACID).conformers
    )


# ------------------------------------------------------------- several molecules


SEVERAL = [
    (("CHFClBr",), 14, "ee"),
    (("CHFClBr",), 1, "aaa"),
    (("oxalic acid",), 14, "ae"),
    (("oxalic acid",), 2, "ab"),
    (("oxalic acid", "water"), 15, "a.ef"),
    (("water", "CHFClBr"), 62, "c.d"),
    (("SF6", "water"), 148, "a.f"),
    (("benzene", "CHFClBr"), 148, "a.f"),
]


@pytest.fixture(scope="module")
def several(molecules):
    """A draw of several molecules, and the formula unit of one of each kind."""

    def make(kinds, number, sites, draw, both_hands=True):
        unit = FormulaUnit(
            tuple(Component(1, (molecules[name],), both_hands) for name in kinds)
        )
        letters = tuple(sites.split("."))
        occupation = Occupation(number, letters, Fraction(1), False)
        places = places_of(occupation, unit)
        row = sobol_points(1, f"{number}{sites}", draw, 1, occupation.n_bodies)[0]
        key = CrystalKey(number, sites, draw)
        return place(key, as_point(row), places, SETTINGS), unit

    return make


@settings(max_examples=15)
@given(case=st.sampled_from(SEVERAL), draw=st.integers(0, 200))
def test_several_molecules_have_all_operations_of_the_space_group(several, case, draw):
    packing, unit = several(*case, draw)
    group = space_group(case[1])
    crystal = crystal_of(packing, unit)
    n_molecules = sum(group.site(letter).multiplicity for letter in packing.sites)
    assert crystal.n_molecules == n_molecules
    fractional, images = images_of_atoms(crystal, group)
    rng = np.random.default_rng(draw)
    for image in images[rng.permutation(len(images))[:4]]:
        apart = image[:, None] - fractional
        apart = np.linalg.norm((apart - np.rint(apart)) @ crystal.cell, axis=2)
        assert apart.min(axis=1).max() < 1e-4
        partner = apart.argmin(axis=1)
        assert_array_equal(crystal.atomic_numbers[partner], crystal.atomic_numbers)


@settings(max_examples=15)
@given(case=st.sampled_from(SEVERAL), draw=st.integers(0, 1000))
def test_several_molecules_lie_within_their_ranges(several, molecules, case, draw):
    kinds, number, sites = case
    packing, _ = several(*case, draw)
    group = space_group(number)
    names = [
        name
        for name, letters in zip(kinds, sites.split("."), strict=True)
        for _ in letters
    ]
    assert packing.sites == sites.replace(".", "")
    assert packing.key == CrystalKey(number, sites, draw)
    assert packing.space_group == number
    assert not packing.has_left_symmetry
    labels = tuple(molecules[name].conformer.label for name in names)
    assert packing.conformers == labels
    content = sum(
        group.site(letter).multiplicity
        * expected_volume(molecules[name].conformer.molecule.atomic_numbers)
        for letter, name in zip(packing.sites, names, strict=True)
    )
    low, high = SETTINGS.volume_factors
    assert low - 1e-9 <= volume(packing.cell) / content <= high + 1e-9
    identity = np.broadcast_to(np.eye(3), packing.rotations.shape)
    assert_allclose(
        packing.rotations @ packing.rotations.mT, identity, rtol=0, atol=1e-9
    )
    assert (packing.centres >= 0.0).all()
    assert (packing.centres < 1.0).all()
    for letter, centre in zip(packing.sites, packing.centres, strict=True):
        own = group.site(letter).stabiliser
        fixed = group.rotations[own] @ centre + group.translations[own] - centre
        assert_allclose(fixed, np.rint(fixed), rtol=0, atol=1e-6)


def test_molecules_of_one_asymmetric_unit_are_drawn_apart(molecules):
    """Neither their centres nor their orientations have anything to do with another."""
    unit = FormulaUnit((Component(1, (molecules["oxalic acid"],)),))
    places = places_of(Occupation(14, ("ee",), Fraction(2), True), unit)
    numbers = []
    for index, row in enumerate(sobol_points(1, "14ee", 0, 1024, 2)):
        drawn = place(CrystalKey(14, "ee", index), as_point(row), places, SETTINGS)
        numbers.append([*drawn.centres.ravel(), *drawn.rotations.ravel()])
    correlation = np.corrcoef(np.array(numbers).T)
    first = [0, 1, 2, *range(6, 15)]
    second = [3, 4, 5, *range(15, 24)]
    # plane patterns of Sobol's points leave 0.24 between some functions of them
    assert np.abs(correlation[np.ix_(first, second)]).max() < 0.3
    assert np.abs(correlation[np.ix_(first[:3], second[:3])]).max() < 0.05


# --------------------------------------------------------------------------- hands


def test_molecules_with_mirrors_or_centres_are_not_chiral(molecules):
    chiral = [name for name, own in molecules.items() if is_chiral(own)]
    assert chiral == ["CHFClBr"]


def hands_of(packings):
    return {tuple(np.sign(np.linalg.det(p.rotations)).astype(int)) for p in packings}


@pytest.mark.parametrize(
    ("kinds", "number", "sites", "both_hands", "expected"),
    [
        (("CHFClBr",), 19, "a", True, {(1,)}),
        (("CHFClBr",), 19, "aa", True, {(1, 1), (1, -1)}),
        (("CHFClBr",), 19, "aa", False, {(1, 1)}),
        (("CHFClBr",), 1, "aaa", True, {(1, i, j) for i in (1, -1) for j in (1, -1)}),
        # the first chiral one keeps its hand, wherever it comes
        (("water", "CHFClBr"), 19, "a.aa", True, {(1, 1, 1), (1, 1, -1)}),
        # mirror images of what has a mirror are nothing new
        (("water",), 19, "aa", True, {(1, 1)}),
        (("oxalic acid", "water"), 14, "e.e", True, {(1, 1)}),
    ],
)
def test_further_chiral_molecules_have_either_hand(
    several, kinds, number, sites, both_hands, expected
):
    packings = [
        several(kinds, number, sites, draw, both_hands)[0] for draw in range(64)
    ]
    assert hands_of(packings) == expected


def test_both_hands_are_equally_frequent(several):
    packings = [several(("CHFClBr",), 14, "ee", draw)[0] for draw in range(128)]
    hands = np.linalg.det([p.rotations[1] for p in packings])
    assert int((hands < 0.0).sum()) == 64


def test_conformers_and_hands_share_the_draws(molecules):
    """Of a kind with an achiral and a chiral conformer, each pair as often."""
    unit = FormulaUnit((Component(1, (molecules["water"], molecules["CHFClBr"])),))
    places = places_of(Occupation(1, ("aa",), Fraction(2), True), unit)
    assert [own.hands for own in places] == [(1,), (1, -1)]
    rows = sobol_points(1, "1aa", 0, 128, 2)
    packings = [
        place(CrystalKey(1, "aa", k), as_point(row), places, SETTINGS)
        for k, row in enumerate(rows)
    ]
    second = [
        (p.conformers[1], int(np.sign(np.linalg.det(p.rotations[1])))) for p in packings
    ]
    counts = {pair: second.count(pair) for pair in set(second)}
    assert counts == {(n, h): 32 for n in ("water", "CHFClBr") for h in (1, -1)}


def test_a_mirrored_molecule_is_the_mirror_image_of_the_other(several):
    """Atoms of the second molecule have the opposite chirality of the first's."""

    def handedness(atoms):
        return np.sign(np.linalg.det(atoms[1:4] - atoms[0]))

    seen = set()
    for draw in range(16):
        packing, unit = several(("CHFClBr",), 1, "aa", draw)
        first, second = crystal_of(packing, unit).positions.reshape(2, 5, 3)
        hand = np.sign(np.linalg.det(packing.rotations[1]))
        assert handedness(first) * hand == handedness(second)
        seen.add(hand)
    assert seen == {1.0, -1.0}


def test_orientations_of_mirror_images_are_uniform(several):
    packings = [several(("CHFClBr",), 1, "aa", draw)[0] for draw in range(512)]
    for hand in (1.0, -1.0):
        own = np.array(
            [
                hand * p.rotations[1].ravel()
                for p in packings
                if hand * np.linalg.det(p.rotations[1]) > 0.0
            ]
        )
        assert len(own) == 256
        assert_allclose(own.mean(axis=0), 0.0, rtol=0, atol=0.04)
        assert_allclose(own.T @ own / len(own), np.eye(9) / 3.0, rtol=0, atol=0.06)
