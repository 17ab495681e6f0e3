"""All kinds of crystals, compared by all measures, in any description."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.molecules import crystal_of_atoms
from csp.comparison.overlay import Tolerances, packing_match
from csp.comparison.sameness import (
    Criteria,
    compare_crystals,
    contents_of,
    has_hydrogens,
    without_hydrogens,
)
from csp.comparison.shells import packing_shells
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import rotation_from_vector

SEEDS = st.integers(0, 2**32 - 1)


def turned(crystal, molecule, degrees):
    """One molecule of the cell turned about an axis through its centroid."""
    positions = np.array(crystal.positions)
    atoms = crystal.molecule_of_atom == molecule
    centre = positions[atoms].mean(axis=0)
    turn = rotation_from_vector(np.radians(degrees) * np.array([0.6, 0.0, 0.8]))
    positions[atoms] = (positions[atoms] - centre) @ turn.T + centre
    return Crystal(
        crystal.cell,
        crystal.atomic_numbers,
        positions,
        crystal.molecule_of_atom,
        crystal.n_formula_units,
    )


def rock_salt(length, numbers=(11, 17)):
    corners = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2.0
    sites = np.concatenate([corners, corners + np.array([0.5, 0.0, 0.0])])
    kinds = np.repeat(numbers, 4)
    return crystal_of_atoms(np.eye(3) * length, kinds, sites * length)


def dry_ice(length, length_c=None):
    """CO2 in Pa-3: linear molecules along the body diagonals."""
    cell = np.diag([length, length, length_c or length])
    centres = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2.0
    axes = np.array([[1, 1, 1], [-1, -1, 1], [1, -1, -1], [-1, 1, -1]]) / 3**0.5
    parts = [
        c @ cell + np.outer([-1.16, 0.0, 1.16], a)
        for c, a in zip(centres, axes, strict=True)
    ]
    return crystal_of_atoms(cell, np.tile([8, 6, 8], 4), np.concatenate(parts))


def chloride():
    """A made-up salt: protonated formamide and chloride, two of each."""
    ion = np.array(
        [[0, 0, 0], [1.25, 0, 0], [-0.7, 1.1, 0], [-0.55, -0.95, 0]], dtype=float
    )
    parts, numbers = [], []
    for place, axis in enumerate([[0.3, 0.9, -0.4], [1.2, -0.5, 0.8]]):
        turn = rotation_from_vector(np.array(axis))
        parts += [ion @ turn.T + np.array([5.5 * place, 0.4, 0.2])]
        parts += [np.array([[5.5 * place + 2.9, 2.6 - place, 2.4]])]
        numbers += [6, 8, 7, 1, 17]
    cell = np.array([[11.0, 0.0, 0.0], [0.7, 5.0, 0.0], [0.0, 0.9, 5.2]])
    return crystal_of_atoms(cell, np.array(numbers), np.concatenate(parts))


@pytest.fixture(scope="module")
def crystals(alpha, beta, supercell, chiral_crystal):
    """Forms, salts, chiral ones, Z' = 4 with an odd molecule, linear and round ones."""
    return {
        "alpha": alpha,
        "beta": beta,
        "chiral": chiral_crystal(19),
        "two conformations": turned(supercell(beta, (2, 1, 1)), 3, 70.0),
        "salt": chloride(),
        "linear": dry_ice(5.6),
        "ions": rock_salt(5.64),
    }


NAMES = ["alpha", "beta", "chiral", "two conformations", "salt", "linear", "ions"]


@given(seed=SEEDS, mirror=st.booleans(), name=st.sampled_from(NAMES))
def test_a_crystal_is_itself_however_described(
    crystals, redescribed, seed, mirror, name
):
    other = redescribed(crystals[name], seed, mirror=mirror)
    found = compare_crystals(crystals[name], other)
    assert (found.packing.n_matched, found.packing.same) == (15, True)
    assert found.packing.rmsd < 1e-7
    assert found.powder_similarity == pytest.approx(1.0, abs=1e-9)
    assert found.amd == pytest.approx(0.0, abs=1e-9)
    assert found.notes == ()


@given(seed=SEEDS, name=st.sampled_from(NAMES), noise=st.floats(0.01, 0.1))
def test_it_depends_on_neither_order_nor_description(
    crystals, redescribed, seed, name, noise
):
    """Of a crystal without any symmetry beside its idealised form."""
    ideal = crystals[name]
    noisy = redescribed(ideal, 1, noise=noise)
    here = compare_crystals(ideal, noisy)
    there = compare_crystals(redescribed(noisy, seed), redescribed(ideal, seed + 1))
    assert here.packing.n_matched == there.packing.n_matched
    assert_allclose(there.packing.rmsd, here.packing.rmsd, rtol=0, atol=2e-4)
    assert there.powder_similarity == pytest.approx(here.powder_similarity, abs=1e-9)
    assert there.amd == pytest.approx(here.amd, abs=1e-9)


@given(seed=SEEDS, shift=st.floats(0.0, 0.2), name=st.sampled_from(NAMES))
def test_displaced_molecules_deviate_by_no_more(
    crystals, redescribed, seed, shift, name
):
    """Every molecule moved by one length in a direction of its own."""
    crystal = crystals[name]
    rng = np.random.default_rng(seed)
    moves = rng.standard_normal((crystal.n_molecules, 3))
    moves *= shift / np.linalg.norm(moves, axis=1, keepdims=True)
    moved = Crystal(
        crystal.cell,
        crystal.atomic_numbers,
        crystal.positions + moves[crystal.molecule_of_atom],
        crystal.molecule_of_atom,
        crystal.n_formula_units,
    )
    found = compare_crystals(crystal, redescribed(moved, seed)).packing
    assert found.same
    assert found.rmsd <= shift + 1e-9
    if crystal.n_molecules == 2 and shift > 0.01:
        # two sublattices that moved apart: the rest of the fit is their mean
        relative = np.linalg.norm(moves[0] - moves[1])
        assert found.rmsd <= 0.5 * relative + 1e-9


@given(seed=SEEDS)
def test_one_molecule_in_eight_that_is_turned_is_noticed(
    beta, supercell, redescribed, seed
):
    large = supercell(beta, (1, 2, 2))
    flipped = redescribed(turned(large, seed % 8, 75.0), seed)
    for first, second in ((beta, flipped), (flipped, beta)):
        match = packing_match(first, second)
        assert 0 <= match.n_matched <= 14
        assert not match.same


def test_mirror_images_are_the_same(chiral_crystal):
    crystal = chiral_crystal(19)
    mirror = np.diag([1.0, 1.0, -1.0])
    other = Crystal(
        crystal.cell @ mirror,
        crystal.atomic_numbers,
        crystal.positions @ mirror,
        crystal.molecule_of_atom,
        crystal.n_formula_units,
    )
    match = packing_match(crystal, other)
    assert match.same
    assert match.rmsd < 1e-7
    assert np.linalg.det(match.rotation) == pytest.approx(-1.0)


def test_a_common_layer_of_two_crystals_is_found(alpha, strained):
    """Layers drawn apart: nothing but the layer of the central molecule is common."""
    shell = packing_shells(alpha).shells[0]
    heights = shell.centroids[: shell.n_core] @ alpha.cell[2]
    in_layer = np.abs(heights) < 0.1 * np.linalg.norm(alpha.cell[2])
    match = packing_match(alpha, strained(alpha, (1.0, 1.0, 1.6)))
    assert match.n_matched >= in_layer.sum() == 5
    assert match.rmsd < 1e-6


def test_linear_molecules_and_single_atoms_can_differ():
    assert packing_match(dry_ice(5.6), dry_ice(5.7)).same
    assert not packing_match(dry_ice(5.6), dry_ice(5.6, 8.0)).same
    expanded = packing_match(rock_salt(5.64), rock_salt(5.64 * 1.02))
    assert expanded.same
    # the neighbours move along the lines to them: 2 % of their distances
    shell = packing_shells(rock_salt(5.64)).shells[0]
    assert shell.n_open == 2
    squares = (shell.coordinates[: shell.n_reference, 0] ** 2).sum(axis=1)
    nearest = np.sort(squares)[:15]
    assert expanded.rmsd == pytest.approx(0.02 * np.sqrt(nearest.mean()), rel=0.05)
    caesium = crystal_of_atoms(
        np.eye(3) * 3.6, np.array([11, 17]), np.array([[0.0] * 3, [1.8] * 3])
    )
    assert not packing_match(rock_salt(5.64), caesium).same


def test_hydrogens_are_ignored_where_one_crystal_has_none(beta, redescribed):
    bare = without_hydrogens(beta)
    assert not has_hydrogens(bare)
    for first, second in ((beta, redescribed(bare, 4)), (redescribed(bare, 4), beta)):
        found = compare_crystals(first, second)
        assert found.packing.same
        assert found.packing.rmsd < 1e-9
        assert found.powder_similarity == pytest.approx(1.0, abs=1e-9)
        assert found.amd == pytest.approx(0.0, abs=1e-9)
        assert found.notes[0].endswith("compared without any")
    with pytest.raises(InputError, match="one of the crystals lacks hydrogen"):
        compare_crystals(beta, bare, Criteria(hydrogens=True))


def test_water_without_hydrogens_is_compared_by_its_oxygens(redescribed):
    water = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], dtype=float)
    cell = np.diag([4.5, 4.9, 7.3])
    parts = [water, water @ rotation_from_vector(np.array([1.0, 0.5, 0.0])).T + 2.6]
    ice = crystal_of_atoms(cell, np.tile([8, 1, 1], 2), np.concatenate(parts))
    found = compare_crystals(ice, redescribed(without_hydrogens(ice), 2))
    assert found.packing.same
    assert found.packing.rmsd < 1e-7
    assert len(packing_shells(ice).shells[0].coordinates[0]) == 3


def test_a_hydrate_whose_water_lacks_hydrogens_is_compared_without_any(
    redescribed,
):
    acid = np.array([[0, 0, 0], [1.2, 0, 0], [-0.6, 1.2, 0], [-0.6, -0.95, 0]])
    water = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], dtype=float)
    positions = np.concatenate([acid, water + np.array([4.2, 0.3, 0.4])])
    numbers = np.array([6, 8, 8, 1, 8, 1, 1])
    cell = np.diag([8.4, 4.5, 4.8])
    whole = crystal_of_atoms(cell, numbers, positions)
    partial = crystal_of_atoms(cell, numbers[:5], positions[:5])
    found = compare_crystals(whole, redescribed(partial, 3))
    assert found.packing.same
    assert found.packing.rmsd < 1e-7
    assert found.notes == ("one crystal lacks hydrogen atoms: compared without any",)


def test_hydrogens_can_count(beta):
    # every hydrogen pushed 0.4 Å away: nothing else moves
    positions = np.array(beta.positions)
    hydrogens = beta.atomic_numbers == 1
    positions[hydrogens] += np.array([0.0, 0.0, 0.4])
    moved = Crystal(beta.cell, beta.atomic_numbers, positions, beta.molecule_of_atom, 2)
    ignored = compare_crystals(beta, moved)
    assert (ignored.packing.rmsd, ignored.amd) == pytest.approx((0.0, 0.0), abs=1e-9)
    criteria = Criteria(tolerances=Tolerances(0.9, 90.0), hydrogens=True)
    counted = compare_crystals(beta, moved, criteria)
    # two of eight atoms, 0.4 Å each, less what the fit takes up
    assert 0.1 < counted.packing.rmsd < 0.2
    assert counted.amd is not None
    assert counted.amd > 0.02


def test_other_molecules_never_match(beta, crystals):
    found = compare_crystals(beta, crystals["salt"])
    assert (found.packing.n_matched, found.packing.same) == (0, False)
    assert found.packing.rmsd == np.inf
    assert found.amd is None
    assert found.notes == ("the crystals differ in contents: C2H2O4 and CHNO + Cl",)


def test_contents_count_molecules(alpha, supercell):
    assert contents_of(supercell(alpha, (1, 1, 2))) == "C2H2O4"
    assert contents_of(rock_salt(5.64)) == "Cl + Na"
    acid, base = alpha.atomic_numbers[:8], np.array([8])
    mixed = Crystal(
        np.eye(3) * 20.0,
        np.concatenate([acid, base, base]),
        np.zeros((10, 3)),
        np.array([0] * 8 + [1, 2]),
        1,
    )
    assert contents_of(mixed) == "C2H2O4 + 2 O"
