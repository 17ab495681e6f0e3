"""Fragments' energies against PySCF's own contractions, grids and first guesses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pyscf import df, dft, gto
from scipy.spatial.transform import Rotation

from csp.conformers.density_functional import quiet_scratch
from csp.errors import ConvergenceError, InputError
from csp.reference import fragment_energies
from csp.reference.densities import placed
from csp.reference.fragment import fragment_of
from csp.reference.fragment_energies import (
    Method,
    interaction_energies,
    monomer_energies,
    start_of,
)
from csp.reference.integrals import Fit, Quadrature
from csp.units import KJ_PER_MOL_PER_HARTREE

WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.468], [0.0, -0.757, -0.468]])
SYMBOLS = np.array([8, 1, 1])
METHOD = Method(("pbe", "pbe0"), "6-31g", 1)
SLOW_FIT = "def2-universal-jkfit"


def hydrogen_bonded():
    turn = Rotation.from_euler("xyz", [115, 20, 10], degrees=True).as_matrix()
    return fragment_of([(SYMBOLS, WATER), (SYMBOLS, WATER @ turn.T + [0.2, 1.9, -2.2])])


def with_an_inversion_centre():
    first = WATER + np.array([0.3, 1.1, 1.3])
    return fragment_of([(SYMBOLS, first), (SYMBOLS, -first)])


def plainly(pair, functional, ghosts=()):
    """PySCF's own density fitting, grid and guess; hartree."""
    atoms = [
        (("GHOST-" if k in ghosts else "") + {8: "O", 1: "H"}[z], x)
        for k, (z, x) in enumerate(
            zip(pair.numbers.tolist(), pair.positions.tolist(), strict=True)
        )
    ]
    system = gto.M(atom=atoms, basis="6-31g", verbose=0)
    field = dft.RKS(system, xc=functional).density_fit(auxbasis=SLOW_FIT)
    field.grids.level = 1
    field.conv_tol = 1e-10
    return float(field.kernel())


@pytest.mark.slow
@pytest.mark.parametrize("make", [hydrogen_bonded, with_an_inversion_centre])
def test_counterpoised_energies_are_those_of_three_plain_calculations(make):
    pair = make()
    expected = []
    with quiet_scratch():
        for functional in METHOD.functionals:
            whole = plainly(pair, functional)
            parts = [plainly(pair, functional, g) for g in (range(3, 6), range(3))]
            expected.append((whole - sum(parts)) * KJ_PER_MOL_PER_HARTREE)
    found = interaction_energies(pair, METHOD)
    assert_allclose(found.energies, expected, rtol=0, atol=0.002)


@pytest.mark.parametrize("make", [hydrogen_bonded, with_an_inversion_centre])
def test_densities_of_the_molecules_save_iterations_and_change_nothing(make):
    pair = make()
    turn = -Rotation.from_euler("xyz", [10, 70, 30], degrees=True).as_matrix()
    order = [2, 0, 1]
    alone = fragment_of([(SYMBOLS[order], (WATER @ turn.T + 3.0)[order])])
    start = start_of(alone, METHOD)
    cold = interaction_energies(pair, METHOD)
    warm = interaction_energies(pair, METHOD, [start])
    assert warm.iterations <= cold.iterations - 4
    assert_allclose(warm.energies, cold.energies, rtol=0, atol=1e-3)


@pytest.mark.parametrize("hand", [1.0, -1.0])
def test_basis_functions_turn_with_the_molecule(hand):
    rng = np.random.default_rng(0)
    positions = rng.normal(scale=1.5, size=(4, 3))
    symbols = np.array(["O", "C", "H", "N"])
    turn = hand * Rotation.random(random_state=rng).as_matrix()
    order = np.array([2, 0, 3, 1])
    target = positions @ turn.T + 1.0

    def kinetic(names, places):
        atoms = list(zip(names.tolist(), places.tolist(), strict=True))
        system = gto.M(atom=atoms, basis="def2-tzvpp", verbose=0)
        return system, system.intor("int1e_kin")

    system, integrals = kinetic(symbols, positions)
    back = np.argsort(order)
    _, expected = kinetic(symbols[back], target[back])
    (found,) = placed([integrals], system, target, order)
    assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_contractions_are_those_of_pyscf():
    pair = hydrogen_bonded()
    symbols = ["O" if z == 8 else "H" for z in pair.numbers]
    atoms = list(zip(symbols, pair.positions, strict=True))
    system = gto.M(atom=atoms, basis="def2-svp", verbose=0)
    field = dft.RKS(system, xc="pbe0").density_fit(auxbasis=SLOW_FIT)
    field.max_cycle = 2
    field.kernel()
    grids = dft.gen_grid.Grids(system)
    grids.level = 1
    grids.build()
    tagged = field.make_rdm1()
    other = np.array(tagged) + 0.1 * np.outer(*[tagged[3]] * 2)
    slow_fit = df.DF(system, auxbasis=SLOW_FIT)
    fit = Fit(system, auxbasis=SLOW_FIT).build()
    quadrature = Quadrature(system, grids)
    for density in (tagged, other):
        for found, expected in zip(
            fit.get_jk(density), slow_fit.get_jk(density), strict=True
        ):
            assert_allclose(found, expected, rtol=0, atol=1e-9)
        found = quadrature.nr_rks(system, grids, "pbe0", density)
        expected = dft.numint.NumInt().nr_rks(system, grids, "pbe0", density)
        for one, same in zip(found, expected, strict=True):
            assert_allclose(one, same, rtol=0, atol=1e-6)


def test_a_radical_and_a_missing_basis_are_told():
    hydroxyl = fragment_of([(np.array([8, 1]), np.array([[0.0, 0, 0], [0, 0, 1]]))])
    with pytest.raises(InputError, match="odd number of electrons"):
        monomer_energies(hydroxyl, METHOD)
    water = fragment_of([(SYMBOLS, WATER)])
    with pytest.raises(InputError, match="no basis 'nonsense'"):
        monomer_energies(water, Method(("pbe",), "nonsense", 1))


def test_a_field_that_does_not_converge_is_helped_by_the_next_attempt(monkeypatch):
    monkeypatch.setattr(fragment_energies, "_ITERATIONS", 3)
    water = fragment_of([(SYMBOLS, WATER)])
    with pytest.raises(ConvergenceError, match="pbe does not converge"):
        monomer_energies(water, METHOD)
    helped = monomer_energies(water, METHOD, attempt=1)
    monkeypatch.undo()
    assert_allclose(
        helped.energies, monomer_energies(water, METHOD).energies, rtol=0, atol=1e-3
    )
