import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.invariants import average_minimum_distances, invariant_distance
from csp.comparison.reduction import reduced_cell
from csp.comparison.symmetry import find_symmetry
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import cell_from_parameters, volume
from csp.spacegroups import space_group

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    "number",
    [
        *(1, 2, 4, 5, 9, 14, 15, 19, 29, 33, 43, 48, 56, 61, 70, 76, 78, 88, 96, 114),
        *(142, 146, 148, 155, 161, 169, 170, 198, 205),
    ],
)
def test_a_crystal_has_the_space_group_it_was_made_in(number, chiral_crystal):
    crystal = chiral_crystal(number)
    symmetry = find_symmetry(crystal)
    assert symmetry.number == number
    assert symmetry.z_prime == 1.0
    assert symmetry.n_operations == space_group(number).order
    assert symmetry.conventional.n_formula_units == crystal.n_formula_units
    is_centring = (symmetry.rotations == np.eye(3)).all(axis=(1, 2))
    primitive = volume(symmetry.conventional.cell) / is_centring.sum()
    reduced = volume(cell_from_parameters(symmetry.reduced))
    assert reduced == pytest.approx(primitive, rel=1e-6)
    # the operations are those of the same setting as in the tables of csp
    ours = {
        (*rotation.ravel().astype(int), *np.rint(24 * translation).astype(int) % 24)
        for rotation, translation in zip(
            space_group(number).rotations, space_group(number).translations, strict=True
        )
    }
    theirs = {
        (*rotation.ravel().astype(int), *np.rint(24 * translation).astype(int) % 24)
        for rotation, translation in zip(
            symmetry.rotations, symmetry.translations, strict=True
        )
    }
    assert ours == theirs


@given(seed=SEEDS)
def test_symmetry_does_not_depend_on_the_description(alpha, redescribed, seed):
    first = find_symmetry(alpha)
    symmetry = find_symmetry(redescribed(alpha, seed, noise=2e-3))
    assert (symmetry.display_symbol, symmetry.z_prime) == ("Pbca", 0.5)
    assert symmetry.conventional.n_formula_units == 4
    assert_allclose(symmetry.reduced, first.reduced, rtol=0, atol=1e-6)


def test_supercells_come_back_as_one_conventional_cell(beta, supercell):
    symmetry = find_symmetry(supercell(beta, (2, 1, 3)))
    assert (symmetry.display_symbol, symmetry.z_prime) == ("P2₁/c", 0.5)
    assert len(symmetry.conventional.positions) == len(beta.positions)
    assert symmetry.conventional.n_formula_units == beta.n_formula_units


def test_a_p21_crystal_that_is_really_p21c_is_said_to_be_that(beta):
    # P2₁ of beta: one whole molecule in general position, Z' = 1, its inversion unused
    rng = np.random.default_rng(3)
    half_turn = np.diag([-1.0, 1.0, -1.0])
    molecule = beta.positions[beta.molecule_of_atom == 0]
    molecule = molecule + 1e-3 * rng.standard_normal(molecule.shape)
    shift = 0.5 * beta.cell[1] + 0.5 * beta.cell[2]
    crystal = Crystal(
        beta.cell,
        np.tile(beta.atomic_numbers[beta.molecule_of_atom == 0], 2),
        np.concatenate([molecule, molecule @ half_turn + shift]),
        np.repeat([0, 1], 8),
        2,
    )
    fine = find_symmetry(crystal, tolerance=1e-4)
    assert (fine.symbol, fine.z_prime) == ("P2_1", 1.0)
    symmetry = find_symmetry(crystal)
    assert (symmetry.number, symmetry.symbol, symmetry.z_prime) == (14, "P2_1/c", 0.5)


@given(seed=SEEDS)
def test_the_conventional_crystal_is_the_crystal(beta, redescribed, seed):
    crystal = redescribed(beta, seed, noise=1e-3)
    symmetry = find_symmetry(crystal)
    again = symmetry.conventional
    gap = invariant_distance(
        average_minimum_distances(crystal), average_minimum_distances(again)
    )
    assert gap < 0.01
    fractional = again.positions @ np.linalg.inv(again.cell)
    for rotation, translation in zip(
        symmetry.rotations, symmetry.translations, strict=True
    ):
        difference = (fractional @ rotation.T + translation)[:, None] - fractional
        distances = np.linalg.norm(
            (difference - np.rint(difference)) @ again.cell, axis=2
        )
        assert distances.min(axis=1).max() < 1e-9


def test_handedness_is_kept(chiral_crystal):
    # D of the signed volume of C-F, C-Cl, C-Br: the same before and after
    def hand(crystal):
        atoms = crystal.positions[crystal.molecule_of_atom == 0]
        return np.sign(np.linalg.det(atoms[2:] - atoms[0]))

    crystal = chiral_crystal(19)
    assert hand(find_symmetry(crystal).conventional) == hand(crystal)


def test_a_hopeless_tolerance_is_lowered_and_the_result_says_so(beta, redescribed):
    # at 1 Å spglib now and then puts two atoms on one site of a blurred crystal
    found = [
        find_symmetry(redescribed(beta, seed, noise=0.25), tolerance=1.0)
        for seed in range(12)
    ]
    assert {symmetry.tolerance for symmetry in found} == {1.0, 0.5}
    for symmetry in found:
        assert symmetry.conventional.density == pytest.approx(beta.density, rel=1e-3)


def test_bad_tolerances_and_crystals_are_refused(beta):
    with pytest.raises(InputError, match=r"tolerance must lie between .* got 2"):
        find_symmetry(beta, tolerance=2.0)
    positions = np.array(beta.positions)
    positions[1] = positions[0]
    numbers = np.full(len(positions), 6)
    overlapping = Crystal(beta.cell, numbers, positions, beta.molecule_of_atom, 2)
    with pytest.raises(InputError, match="no two atoms lie on one another"):
        find_symmetry(overlapping)


SPECIAL_CELLS = [
    np.eye(3) * 5.0,
    np.array([[0.0, 3.0, 3.0], [3.0, 0.0, 3.0], [3.0, 3.0, 0.0]]),
    np.array([[-3.0, 3.0, 3.0], [3.0, -3.0, 3.0], [3.0, 3.0, -3.0]]),
    cell_from_parameters(np.array([5.0, 5.0, 8.0, 90.0, 90.0, 120.0])),
    cell_from_parameters(np.array([5.33, 6.015, 5.436, 90.0, 115.83, 90.0])),
    cell_from_parameters(np.array([6.0, 7.0, 8.0, 71.0, 82.0, 93.0])),
]


@given(seed=SEEDS, which=st.integers(0, len(SPECIAL_CELLS) - 1))
def test_all_cells_of_a_lattice_have_one_reduced_cell(seed, which):
    rng = np.random.default_rng(seed)
    matrix = np.eye(3)
    for _ in range(6):
        i, j = rng.choice(3, 2, replace=False)
        matrix[i] += rng.integers(-2, 3) * matrix[j]
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    cell = SPECIAL_CELLS[which]
    other = matrix @ cell @ rotation
    assert_allclose(reduced_cell(other), reduced_cell(cell), rtol=0, atol=1e-6)


def test_a_reduced_cell_keeps_the_volume():
    cell = np.array([[1.0, 0.0, 0.0], [9.0, 2.0, 0.0], [7.0, 5.0, 3.0]])
    reduced = reduced_cell(cell)
    assert_allclose(volume(cell_from_parameters(reduced)), 6.0, rtol=1e-9, atol=0)
    assert_allclose(
        reduced, [1.0, 2.0, np.sqrt(10), 108.434949, 90, 90], rtol=1e-6, atol=0
    )


def test_flat_cells_are_refused():
    with pytest.raises(InputError, match="three independent lattice vectors"):
        reduced_cell(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [5.0, 3.0, 0.0]]))
