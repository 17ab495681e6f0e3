"""Trial packings: within their ranges, and with the symmetry of their space group."""

from itertools import product

import numpy as np
import pytest
import spglib
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from csp.geometry import parameters_from_cell, volume
from csp.packing.expansion import crystal_of
from csp.packing.placement import (
    expected_volume,
    molecules_for_site,
    place,
    sample_cell,
    sample_orientation,
    site_rotations,
)
from csp.packing.sampling import as_point, sobol_points
from csp.packing.settings import COMMON_SPACE_GROUPS, PackingSettings
from csp.point_groups import axial, invariant_directions
from csp.records import CrystalKey
from csp.spacegroups import cartesian_rotations, space_group

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


def draw_of(number, site, draw, choices, settings=SETTINGS):
    group = space_group(number)
    key = CrystalKey(number, site.letter, draw)
    stream = f"{number:03d}{site.letter}"
    point = as_point(sobol_points(settings.seed, stream, draw, 1)[0])
    return place(key, point, group, choices, settings)


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
    crystal = crystal_of(packing, molecule)
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
    atoms = crystal_of(packing, molecule).to_ase()
    cell = (packing.cell, atoms.get_scaled_positions(), atoms.numbers)
    assert spglib.get_symmetry_dataset(cell, symprec=1e-4).number == number


@given(number=NUMBERS, draw=DRAWS)
def test_cell_is_filled_with_whole_molecules_in_number_as_the_site_says(
    molecules, number, draw
):
    packing, molecule = some_draw(number, draw, molecules)
    crystal = crystal_of(packing, molecule)
    site = space_group(number).site(packing.key.site)
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
    site = group.site(packing.key.site)
    content = expected_volume(molecule.conformer.molecule.atomic_numbers)
    factor = volume(packing.cell) / (content * site.multiplicity)
    low, high = SETTINGS.volume_factors
    assert low - 1e-9 <= factor <= high + 1e-9
    assert (packing.centre >= 0.0).all()
    assert (packing.centre < 1.0).all()
    assert_allclose(packing.rotation @ packing.rotation.T, np.eye(3), rtol=0, atol=1e-9)
    assert np.linalg.det(packing.rotation) > 0.0
    assert np.linalg.det(packing.cell) > 0.0
    # the operations of the site leave the centre where it is
    fixed = (
        group.rotations[site.stabiliser] @ packing.centre
        + group.translations[site.stabiliser]
        - packing.centre
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
        draw_of(14, group.site("a"), draw, on_centre).conformer for draw in range(64)
    ]
    assert labels.count("benzene") == 32


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
