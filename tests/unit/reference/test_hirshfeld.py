"""How large atoms are in molecules and crystals, compared with free ones."""

from dataclasses import replace

import numpy as np
import pytest
from pyscf import dft, gto
from pyscf.dft import numint

from csp.conformers.density_functional import quiet_scratch
from csp.crystal import Crystal
from csp.errors import ConvergenceError, InputError
from csp.geometry import rotation_from_vector
from csp.reference import hirshfeld
from csp.reference.fragment import fragment_of
from csp.reference.fragment_energies import Method, start_of
from csp.reference.hirshfeld import (
    free_atom,
    hirshfeld_of_crystal,
    hirshfeld_of_molecule,
    solved_start,
    volume_ratios_of_crystal,
    volume_ratios_of_molecule,
)
from csp.reference.subjects import doubled
from csp.units import ANGSTROM_PER_BOHR

METHOD = Method(("pbe",), "6-31g", 1)
QUADRATURE = 2e-3
"""What the coarse grid may change of a ratio."""
ELEMENTS = {1: "H", 2: "He", 8: "O", 10: "Ne"}
NUMBERS = np.array([8, 1, 1])
WATER = np.array([[0.0, 0.0, 0.0], [0.95, 0.05, 0.0], [-0.22, 0.93, 0.11]])
"""No two of its bonds are equal, so that no two of its atoms are."""
DIMER = np.array([WATER, WATER * [1.0, 1.0, -1.0] + [2.7, 0.4, 0.6]])
"""The second is a mirror image of the first."""


def waters(places, cell):
    n = len(places)
    return Crystal(
        cell, np.tile(NUMBERS, n), np.concatenate(places), np.repeat(range(n), 3), n
    )


@pytest.fixture(scope="module")
def start():
    return start_of(fragment_of([(NUMBERS, WATER)]), METHOD)


@pytest.fixture(scope="module")
def solve(start):
    """Water is solved once for all tests."""
    return lambda molecule, method: start


@pytest.fixture(scope="module")
def isolated(solve):
    return hirshfeld_of_molecule(fragment_of([(NUMBERS, WATER)]), METHOD, solve)


@pytest.fixture(scope="module")
def together(solve):
    """The mirrored pair in a huge cell."""
    return hirshfeld_of_crystal(waters(DIMER, 40.0 * np.eye(3)), METHOD, solve)


def densities_by_hand(start, points):
    """Density of the pair, and of each of its atoms if it were free, bohr^-3.

    By symmetry the mirror image has at a point what the molecule has at its image.
    """
    mirror = np.array([1.0, 1.0, -1.0])
    origin = (DIMER[1, 0] - DIMER[0, 0]) / ANGSTROM_PER_BOHR
    density = sum(
        numint.eval_rho(
            start.system, numint.eval_ao(start.system, some), start.densities[-1]
        )
        for some in (points, (points - origin) * mirror)
    )
    atoms = np.concatenate(DIMER) / ANGSTROM_PER_BOHR
    distances = np.linalg.norm(points[:, None] - atoms, axis=2)
    free = [
        free_atom(int(z), "pbe", "6-31g").density(column)
        for z, column in zip(np.tile(NUMBERS, 2), distances.T, strict=True)
    ]
    return density, np.array(free), distances.T


def becke_grid():
    """Points and weights for the pair, without any prior of free atoms."""
    atoms = np.concatenate(DIMER) / ANGSTROM_PER_BOHR
    symbols = [ELEMENTS[z] for z in np.tile(NUMBERS, 2)]
    pair = gto.M(
        atom=list(zip(symbols, atoms.tolist(), strict=True)), unit="Bohr", verbose=0
    )
    grids = dft.gen_grid.Grids(pair)
    grids.level = 3
    grids.build()
    apart = np.linalg.norm(grids.coords[:, None] - atoms, axis=2).min(axis=1)
    near = apart < hirshfeld.END_BOHR
    return grids.coords[near], grids.weights[near]


@pytest.mark.parametrize("number", [2, 10])
def test_a_free_atom_has_its_own_volume(number):
    atom = fragment_of([(np.array([number]), np.zeros((1, 3)))])
    shares = hirshfeld_of_molecule(atom, METHOD)
    np.testing.assert_allclose(shares.volume_ratios, 1.0, rtol=0.0, atol=5e-4)
    np.testing.assert_allclose(shares.populations, number, rtol=0.0, atol=1e-4)


def test_the_free_volume_is_that_of_a_restricted_atom():
    """Helium needs no average: PySCF's ordinary field and grid give the same."""
    system = gto.M(atom="He 0 0 0", basis="6-31g", verbose=0)
    with quiet_scratch():
        field = dft.RKS(system, xc="pbe")
        field.grids.level = 4
        field.kernel()
    points = field.grids.coords
    density = numint.eval_rho(system, numint.eval_ao(system, points), field.make_rdm1())
    volume = np.sum(field.grids.weights * density * np.linalg.norm(points, axis=1) ** 3)
    assert free_atom(2, "pbe", "6-31g").volume == pytest.approx(volume, rel=1e-4)


@pytest.mark.parametrize("number", [1, 6, 8, 17])
def test_a_free_atom_is_neutral(number):
    distances = np.linspace(0.0, hirshfeld.END_BOHR, 20001)
    density = free_atom(number, "pbe", "6-31g").density(distances)
    electrons = np.trapezoid(4.0 * np.pi * distances**2 * density, distances)
    assert electrons == pytest.approx(number, abs=1e-3)


def test_populations_are_all_electrons(isolated, together):
    assert isolated.populations.sum() == pytest.approx(10.0, abs=3e-3)
    assert together.populations.sum() == pytest.approx(20.0, abs=6e-3)
    assert isolated.populations[0] > 8.1


def test_water_is_near_published_ratios(isolated):
    oxygen, *hydrogen = isolated.volume_ratios
    assert 0.85 < oxygen < 1.0
    assert all(0.5 < ratio < 0.75 for ratio in hydrogen)


def test_a_pair_agrees_with_becke_integration(start, together):
    points, weights = becke_grid()
    density, free, distances = densities_by_hand(start, points)
    shares = weights * density * free / free.sum(axis=0)
    volumes = (shares * distances**3).sum(axis=1)
    expected = volumes / [
        free_atom(int(z), "pbe", "6-31g").volume for z in np.tile(NUMBERS, 2)
    ]
    np.testing.assert_allclose(
        together.volume_ratios, expected, rtol=0.0, atol=QUADRATURE
    )
    np.testing.assert_allclose(
        together.populations, shares.sum(axis=1), rtol=0.0, atol=QUADRATURE
    )


def test_molecules_far_apart_are_isolated(solve, isolated):
    found = volume_ratios_of_crystal(waters([WATER], 30.0 * np.eye(3)), METHOD, solve)
    np.testing.assert_allclose(found, isolated.volume_ratios, rtol=0.0, atol=1e-9)
    pair = waters([WATER, WATER + np.array([15.0, 0.0, 0.0])], 30.0 * np.eye(3))
    found = volume_ratios_of_crystal(pair, METHOD, solve)
    np.testing.assert_allclose(
        found, np.tile(isolated.volume_ratios, 2), rtol=0.0, atol=1e-9
    )


def test_a_neighbour_changes_the_atoms_that_touch_it(isolated, together):
    change = together.volume_ratios[:3] - isolated.volume_ratios
    assert np.abs(change).max() > 0.02


def test_free_atoms_keep_their_volumes_at_any_distance():
    """The densities of helium atoms add up to what the weights are made of."""
    cell = np.array([[1.9, 0.0, 0.0], [0.4, 2.3, 0.0], [0.2, 0.3, 2.8]])
    crystal = Crystal(cell, np.array([2]), np.zeros((1, 3)), np.zeros(1, dtype=int), 1)
    shares = hirshfeld_of_crystal(crystal, METHOD)
    np.testing.assert_allclose(shares.volume_ratios, 1.0, rtol=0.0, atol=1e-3)
    np.testing.assert_allclose(shares.populations, 2.0, rtol=0.0, atol=1e-3)


def test_a_doubled_cell_has_the_same_atoms_twice(solve):
    crystal = waters([WATER], np.array([[3.6, 0, 0], [0.4, 4.9, 0], [0.3, 0.5, 5.6]]))
    once = volume_ratios_of_crystal(crystal, METHOD, solve)
    twice = volume_ratios_of_crystal(doubled(crystal), METHOD, solve)
    np.testing.assert_allclose(twice, np.tile(once, 2), rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("hand", [1.0, -1.0])
def test_ratios_turn_with_the_crystal(solve, together, hand):
    """Nor do they depend on which atom comes first, or on the hand."""
    rotation = hand * rotation_from_vector(np.array([0.3, -1.1, 0.7]))
    order = np.array([4, 2, 0, 5, 1, 3])
    turned = np.concatenate(DIMER)[order] @ rotation.T + [1.0, 2.0, 3.0]
    crystal = Crystal(
        40.0 * np.eye(3), np.tile(NUMBERS, 2)[order], turned, order // 3, 2
    )
    found = hirshfeld_of_crystal(crystal, METHOD, solve)
    np.testing.assert_allclose(
        found.volume_ratios, together.volume_ratios[order], rtol=0.0, atol=QUADRATURE
    )


def test_congruent_molecules_are_solved_and_integrated_once(monkeypatch, start):
    """Two molecules related by an inversion centre, in different orders of atoms."""
    solved, integrated = [], []
    integrate = hirshfeld._shares

    def count(*args):
        integrated.append(args)
        return integrate(*args)

    def solve(molecule, method):
        solved.append(molecule)
        return start

    monkeypatch.setattr(hirshfeld, "_shares", count)
    cell = np.array([[4.6, 0, 0], [0.4, 6.3, 0], [0.3, 0.5, 7.6]])
    order = np.array([2, 0, 1])
    places = np.concatenate([WATER, (0.5 * cell.sum(axis=0) - WATER)[order]])
    numbers = np.concatenate([NUMBERS, NUMBERS[order]])
    crystal = Crystal(cell, numbers, places, np.repeat([0, 1], 3), 2)
    found = volume_ratios_of_crystal(crystal, METHOD, solve)
    assert len(solved) == len(integrated) == 1
    np.testing.assert_array_equal(found[3:], found[:3][order])


def test_a_chiral_molecule_lends_its_density_to_its_mirror_image():
    numbers = np.array([8, 8, 1, 1])
    peroxide = np.array(
        [[0.72, 0, 0], [-0.72, 0, 0], [0.95, 0.62, 0.71], [-1.1, -0.93, 0.12]]
    )
    start = start_of(fragment_of([(numbers, peroxide)]), METHOD)
    expected = volume_ratios_of_molecule(start.fragment, METHOD, lambda *_: start)
    mirrored = fragment_of([(numbers[::-1], peroxide[::-1] * [1.0, -1.0, 1.0])])
    found = volume_ratios_of_molecule(mirrored, METHOD, lambda *_: start)
    np.testing.assert_allclose(found[::-1], expected, rtol=0.0, atol=QUADRATURE)


def test_the_last_functional_counts():
    molecule = fragment_of([(np.array([1, 1]), np.array([[0.0, 0, 0], [0.74, 0, 0]]))])
    chain = replace(METHOD, functionals=("hf", "pbe"))
    found = volume_ratios_of_molecule(molecule, chain)
    expected = volume_ratios_of_molecule(molecule, METHOD)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-4)
    other = volume_ratios_of_molecule(molecule, replace(METHOD, functionals=("hf",)))
    assert np.abs(other - expected).max() > 0.01


def test_a_radical_is_no_molecule():
    hydroxyl = fragment_of([(NUMBERS[:2], WATER[:2])])
    with pytest.raises(InputError, match="odd number of electrons"):
        volume_ratios_of_molecule(hydroxyl, METHOD)


def test_what_does_not_converge_is_tried_with_more_care(monkeypatch, start):
    attempts = []

    def fail_once(molecule, method, attempt=0):
        attempts.append(attempt)
        if attempt == 0:
            raise ConvergenceError("not yet")
        return start

    monkeypatch.setattr(hirshfeld, "start_of", fail_once)
    assert solved_start(start.fragment, METHOD) is start
    assert attempts == [0, 1]
