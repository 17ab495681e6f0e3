import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.graphs import MolecularGraph, isomorphisms
from csp.comparison.molecules import crystal_of_atoms
from csp.comparison.overlay import Tolerances, compare_packings, packing_match
from csp.comparison.shells import Hydrogens, packing_shells
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import rotation_from_vector

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS, mirror=st.booleans(), form=st.sampled_from(["alpha", "beta"]))
def test_a_crystal_overlays_itself_however_described(
    alpha, beta, redescribed, seed, mirror, form
):
    crystal = {"alpha": alpha, "beta": beta}[form]
    match = packing_match(crystal, redescribed(crystal, seed, mirror=mirror))
    assert (match.n_matched, match.n_compared, match.same) == (15, 15, True)
    assert match.rmsd < 1e-9


@given(seed=SEEDS, noise=st.floats(0.0, 0.1), n=st.sampled_from([15, 20, 30]))
def test_it_does_not_matter_which_crystal_is_first(alpha, redescribed, seed, noise, n):
    other = redescribed(alpha, seed, noise=noise)
    forward, backward = packing_match(alpha, other, n), packing_match(other, alpha, n)
    assert forward.n_matched == backward.n_matched
    assert_allclose(forward.rmsd, backward.rmsd, rtol=0, atol=1e-9)
    assert_allclose(forward.rotation @ backward.rotation, np.eye(3), rtol=0, atol=1e-6)


@given(seed=SEEDS)
def test_the_rmsd_does_not_depend_on_the_description(
    alpha, strained, redescribed, seed
):
    # of four equally near molecules one belongs to the cluster: no order may choose it
    shell = packing_shells(alpha, 18).shells[0]
    assert (shell.n_core, shell.n_reference) == (17, 21)
    stretched = strained(alpha, (1.04, 0.97, 1.01))
    expected = packing_match(alpha, stretched, 18)
    match = packing_match(
        redescribed(alpha, seed), redescribed(stretched, seed + 1), 18
    )
    assert (expected.n_matched, match.n_matched) == (18, 18)
    assert_allclose(match.rmsd, expected.rmsd, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("distance", "angle", "same"),
    [(0.20, 20.0, True), (0.03, 90.0, False), (0.90, 2.0, False), (0.90, 90.0, True)],
)
def test_either_tolerance_can_tell_crystals_apart(
    beta, strained, distance, angle, same
):
    other = strained(beta, (1.08, 0.95, 1.0))
    assert packing_match(beta, other, 15, Tolerances(distance, angle)).same == same


def test_neighbours_may_come_in_another_order(alpha, strained):
    # the strain brings others among the nearest fifteen
    assert packing_match(alpha, strained(alpha, (1.0, 0.94, 1.06))).same


def test_supercells_are_the_same_crystal(beta, supercell):
    match = packing_match(beta, supercell(beta, (1, 2, 2)))
    assert match.same
    assert match.rmsd < 1e-9
    assert len(packing_shells(supercell(beta, (1, 2, 2))).shells) == 1


def test_the_rotation_carries_one_crystal_to_the_other(beta, strained):
    rotation = rotation_from_vector(np.array([0.3, -1.1, 0.7]))
    turned = Crystal(
        beta.cell @ rotation.T,
        beta.atomic_numbers,
        beta.positions @ rotation.T,
        beta.molecule_of_atom,
        beta.n_formula_units,
    )
    found = packing_match(beta, strained(turned, (1.01, 1.0, 1.0))).rotation
    # any symmetry of the crystal may come on top: compare what it does to the lattice
    carried = beta.cell @ found.T @ np.linalg.inv(turned.cell)
    assert_allclose(carried, np.rint(carried), rtol=0, atol=0.03)


def test_rmsd_of_a_known_deformation(beta, strained):
    # rigid molecules whose centroids move by strain: RMSD from the centroids alone
    stretched = strained(beta, (1.0, 1.03, 1.0))
    match = packing_match(beta, stretched)
    shell = packing_shells(beta).shells[0]
    cluster = shell.coordinates[: shell.n_reference]
    assert shell.n_reference == 15
    heights = cluster.mean(axis=1)[:, 1]
    moves = 0.03 * (heights - heights.mean())
    assert match.same
    assert match.rmsd == pytest.approx(np.sqrt(np.mean(moves**2)), rel=0.02)


def test_different_forms_share_few_molecules(alpha, beta):
    match = packing_match(alpha, beta, tolerances=Tolerances(0.25, 25.0))
    assert not match.same
    assert match.n_matched < 8


def test_turned_molecules_are_another_packing(beta):
    positions = np.array(beta.positions)
    for molecule in range(beta.n_molecules):
        atoms = beta.molecule_of_atom == molecule
        centre = positions[atoms].mean(axis=0)
        turn = rotation_from_vector(np.array([0.0, 0.0, np.radians(40.0)]))
        positions[atoms] = (positions[atoms] - centre) @ turn.T + centre
    turned = Crystal(
        beta.cell, beta.atomic_numbers, positions, beta.molecule_of_atom, 2
    )
    assert not packing_match(beta, turned).same


def test_a_second_kind_of_site_is_not_overlooked(beta):
    # two cells of beta in a row, one molecule of four turned about: P1, Z' = 4
    positions = np.concatenate([beta.positions, beta.positions + beta.cell[0]])
    molecules = np.concatenate([beta.molecule_of_atom, beta.molecule_of_atom + 2])
    atoms = molecules == 3
    centre = positions[atoms].mean(axis=0)
    turn = rotation_from_vector(np.array([0.0, np.radians(70.0), 0.0]))
    positions[atoms] = (positions[atoms] - centre) @ turn.T + centre
    mixed = Crystal(
        np.diag([2, 1, 1]) @ beta.cell,
        np.tile(beta.atomic_numbers, 2),
        positions,
        molecules,
        4,
    )
    assert packing_match(mixed, mixed).same
    assert not packing_match(beta, mixed).same
    assert not packing_match(mixed, beta).same


def test_hydrogens_count_only_if_asked(beta):
    # both acid hydrogens moved to the other oxygen of their group
    positions = np.array(beta.positions)
    for molecule in range(beta.n_molecules):
        atoms = np.flatnonzero(beta.molecule_of_atom == molecule)
        numbers = beta.atomic_numbers[atoms]
        oxygens, carbons = atoms[numbers == 8], atoms[numbers == 6]
        for hydrogen in atoms[numbers == 1]:
            lengths = np.linalg.norm(positions[oxygens] - positions[hydrogen], axis=1)
            bearer = oxygens[np.argmin(lengths)]
            carbon = carbons[
                np.argmin(
                    np.linalg.norm(positions[carbons] - positions[bearer], axis=1)
                )
            ]
            near = np.linalg.norm(positions[oxygens] - positions[carbon], axis=1) < 1.5
            (other,) = set(oxygens[near]) - {bearer}
            away = positions[other] - positions[carbon]
            positions[hydrogen] = positions[other] + 0.9 * away / np.linalg.norm(away)
    moved = Crystal(beta.cell, beta.atomic_numbers, positions, beta.molecule_of_atom, 2)
    assert packing_match(beta, moved).rmsd < 1e-9
    with_hydrogens = compare_packings(
        packing_shells(beta, hydrogens=Hydrogens.POLAR),
        packing_shells(moved, hydrogens=Hydrogens.POLAR),
    )
    assert with_hydrogens.rmsd > 0.2


def acetylene(shift):
    """A made-up packing of a linear molecule, two in the cell."""
    along = np.array([[0.0, 0.0, z] for z in (-1.66, -0.6, 0.6, 1.66)])
    tilted = [
        along @ rotation_from_vector(np.array([tilt, 0.4, 0.0])).T
        for tilt in (0.5, -0.5)
    ]
    cell = np.array([[4.5, 0.0, 0.0], [0.0, 5.5, 0.0], [0.4, 0.0, 6.5]])
    positions = np.concatenate([tilted[0], tilted[1] + shift @ cell])
    numbers = np.array([1, 6, 6, 1, 1, 6, 6, 1])
    return crystal_of_atoms(cell, numbers, positions)


@given(seed=SEEDS, mirror=st.booleans())
def test_linear_molecules_are_turned_about_their_axis(redescribed, seed, mirror):
    crystal = acetylene(np.array([0.5, 0.45, 0.5]))
    match = packing_match(crystal, redescribed(crystal, seed, mirror=mirror))
    assert match.same
    assert match.rmsd < 1e-9
    other = acetylene(np.array([0.5, 0.1, 0.1]))
    assert not packing_match(crystal, other).same


def hydrate(seed, order):
    """A made-up packing of formic acid and water."""
    rng = np.random.default_rng(seed)
    acid = np.array(
        [[0, 0, 0], [1.2, 0, 0], [-0.6, 1.2, 0], [-0.6, -0.95, 0], [-1.56, 1.15, 0]],
        dtype=float,
    )
    water = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], dtype=float)
    parts, numbers = [], []
    for place, (shape, elements) in enumerate(
        [(acid, [6, 8, 8, 1, 1]), (water, [8, 1, 1])] * 2
    ):
        turn = rotation_from_vector(2.0 * rng.standard_normal(3))
        parts.append(shape @ turn.T + np.array([4.2 * place, 0.3 * place, 0.0]))
        numbers += elements
    positions = np.concatenate(parts)
    cell = np.diag([16.8, 4.5, 4.8])
    return crystal_of_atoms(cell, np.array(numbers)[order], positions[order])


@given(seed=SEEDS)
def test_crystals_of_two_kinds_of_molecule_are_overlaid(redescribed, seed):
    rng = np.random.default_rng(seed)
    crystal = hydrate(1, np.arange(16))
    assert crystal.n_formula_units == 2
    shuffled = redescribed(hydrate(1, rng.permutation(16)), seed)
    match = packing_match(crystal, shuffled)
    assert match.same
    assert match.rmsd < 1e-9
    assert not packing_match(crystal, hydrate(2, np.arange(16))).same


def test_crystals_of_other_molecules_never_match(alpha):
    match = packing_match(alpha, acetylene(np.array([0.5, 0.45, 0.5])))
    assert (match.n_matched, match.same) == (0, False)
    assert match.rmsd == np.inf


def test_mappings_of_a_graph():
    bonds = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5))
    chain = MolecularGraph((6,) * 6, bonds)
    ring = MolecularGraph((6,) * 6, (*bonds, (0, 5)))
    assert len(isomorphisms(ring, ring)) == 12
    assert len(isomorphisms(chain, chain)) == 2
    assert len(isomorphisms(ring, chain)) == 0
    assert len(isomorphisms(chain, ring)) == 0
    permuted = MolecularGraph((8, 6, 6), ((0, 1), (1, 2)))
    assert isomorphisms(
        MolecularGraph((6, 6, 8), ((0, 1), (1, 2))), permuted
    ).tolist() == [[2, 1, 0]]


def test_misuse_is_explained(alpha, beta):
    with pytest.raises(InputError, match=r"in \(0, 1\) and \(0, 90\] degrees, got 1.5"):
        Tolerances(distance=1.5)
    with pytest.raises(InputError, match="at least 2, got 1"):
        packing_shells(alpha, 1)
    with pytest.raises(InputError, match="clusters of 15 and 20 molecules"):
        compare_packings(packing_shells(alpha, 15), packing_shells(beta, 20))
