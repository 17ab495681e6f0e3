"""From a computed conformer to interaction sites with charges and multipoles."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from csp.conformers.monomers_file import read_monomers
from csp.errors import InputError
from csp.molecule import Conformer, ElectrostaticPotential, Molecule, Multipoles
from csp.potentials.bodies import (
    Body,
    interaction_sites,
    rigid_molecule,
    symmetric_moments,
)
from csp.potentials.charges import fit_error, fitted_charges
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import N_MOMENTS, rank_and_order, rotated
from csp.units import COULOMB_CONSTANT

OXALIC_ACID = Path(__file__).parents[3] / "data" / "oxalic_acid" / "monomers.json"
CONFORMERS = {item.label: item for item in read_monomers(OXALIC_ACID).conformers}
RANKS = np.array([rank_and_order(index)[0] for index in range(N_MOMENTS)])


@pytest.mark.parametrize("label", CONFORMERS)
def test_sites_and_charges_have_the_symmetry_of_the_molecule(label):
    molecule = rigid_molecule(CONFORMERS[label], PotentialSettings())
    assert len(molecule.symmetry.rotations) > 1
    for rotation, permutation in zip(
        molecule.symmetry.rotations, molecule.symmetry.permutations, strict=True
    ):
        for points in (molecule.atoms, molecule.sites):
            assert_allclose(points @ rotation.T, points[permutation], rtol=0, atol=1e-9)
        assert_allclose(
            molecule.charges, molecule.charges[permutation], rtol=0, atol=1e-9
        )
        assert np.array_equal(
            np.array(molecule.types), np.array(molecule.types)[permutation]
        )


@pytest.mark.parametrize("label", CONFORMERS)
def test_charges_are_neutral_and_their_fit_error_is_that_of_the_potential(label):
    conformer = CONFORMERS[label]
    molecule = rigid_molecule(conformer, PotentialSettings())
    assert_allclose(molecule.charges.sum(), 0.0, rtol=0, atol=1e-9)
    assert_allclose(
        molecule.charge_fit_error,
        fit_error(conformer.potential, molecule.sites, molecule.charges),
        rtol=1e-12,
    )
    # point charges on atoms leave 5 to 15 % of a potential unexplained
    assert molecule.charge_fit_error < 0.15
    # the average over the symmetry costs next to nothing
    best = fitted_charges(conformer.potential, molecule.sites, 0.0)
    assert molecule.charge_fit_error < 1.01 * fit_error(
        conformer.potential, molecule.sites, best
    )


@pytest.mark.parametrize(
    ("name", "shift"),
    [("revised-w99", 0.1), ("w99", 0.1), ("fit", 0.0)],
)
def test_hydrogen_sites_move_towards_their_neighbour_as_the_set_demands(name, shift):
    molecule = rigid_molecule(CONFORMERS["1"], PotentialSettings(force_field=name))
    atoms, sites = molecule.atoms, molecule.sites
    graph = molecule.conformer.molecule
    hydrogens = np.flatnonzero(graph.atomic_numbers == 1)
    heavy = np.flatnonzero(graph.atomic_numbers != 1)
    assert_array_equal(sites[heavy], atoms[heavy])
    for hydrogen in hydrogens:
        bond = graph.bonds[(graph.bonds == hydrogen).any(axis=1)][0]
        oxygen = int(bond[bond != hydrogen][0])
        before = np.linalg.norm(atoms[hydrogen] - atoms[oxygen])
        after = np.linalg.norm(sites[hydrogen] - sites[oxygen])
        assert_allclose(before - after, shift, rtol=0, atol=1e-12)
        along = np.cross(
            sites[hydrogen] - atoms[oxygen], atoms[hydrogen] - atoms[oxygen]
        )
        assert_allclose(along, 0.0, rtol=0, atol=1e-12)


def test_hydrogen_without_a_bond_stays_where_it_is():
    molecule = Molecule(
        np.array([1]), np.array([[1.0, 2.0, 3.0]]), np.zeros((0, 2), int), 0, "H"
    )
    assert_array_equal(interaction_sites(molecule, 0.1), molecule.positions)


def test_conformer_of_an_element_without_parameters_is_refused():
    source = CONFORMERS["1"].molecule
    numbers = np.where(source.atomic_numbers == 6, 14, source.atomic_numbers)
    silicon = Molecule(numbers, source.positions, source.bonds, 0, "a silicon acid")
    potential = ElectrostaticPotential(np.full((1, 3), 9.0), np.ones(1))
    multipoles = Multipoles(np.zeros((len(numbers), 25)), "none")
    with pytest.raises(InputError, match="no parameters for Si as bonded in a silicon"):
        rigid_molecule(
            Conformer("1", silicon, 0.0, potential, multipoles, "test"),
            PotentialSettings(),
        )


@pytest.mark.parametrize("label", CONFORMERS)
def test_multipoles_have_the_symmetry_and_the_charge_of_the_molecule(label):
    molecule = rigid_molecule(CONFORMERS[label], PotentialSettings())
    assert abs(molecule.moments[:, 0].sum()) < 1e-14
    for rotation, permutation in zip(
        molecule.symmetry.rotations, molecule.symmetry.permutations, strict=True
    ):
        moved = np.empty_like(molecule.moments)
        moved[permutation] = rotated(molecule.moments, rotation)
        assert_allclose(moved, molecule.moments, rtol=0, atol=1e-9)


@pytest.mark.parametrize("label", CONFORMERS)
def test_average_over_the_symmetry_changes_computed_moments_by_their_error(label):
    """Numerical integration breaks the symmetry a little, and no more."""
    conformer = CONFORMERS[label]
    molecule = rigid_molecule(conformer, PotentialSettings(force_field="fit"))
    assert_array_equal(molecule.sites, molecule.atoms)  # so nothing was shifted
    change = np.abs(molecule.moments - conformer.multipoles.moments)
    # largest moments: charges 0.8, hexadecapoles 3 e Å⁴
    assert change.max() < 0.01


def test_average_spreads_a_missing_charge_evenly_and_gives_a_fixed_point():
    molecule = rigid_molecule(CONFORMERS["1"], PotentialSettings())
    rng = np.random.default_rng(3)
    rough = molecule.moments + rng.normal(scale=0.1, size=molecule.moments.shape)
    smooth = symmetric_moments(rough, molecule.symmetry, 1.0)
    assert_allclose(smooth[:, 0].sum(), 1.0, rtol=0, atol=1e-14)
    again = symmetric_moments(smooth, molecule.symmetry, 1.0)
    assert_allclose(again, smooth, rtol=0, atol=1e-9)
    charged = symmetric_moments(rough, molecule.symmetry, 9.0)
    assert_allclose(charged[:, 0] - smooth[:, 0], 1.0, rtol=0, atol=1e-14)
    assert_array_equal(charged[:, 1:], smooth[:, 1:])


def legendre_potential(sites, moments, points):
    """Potential of axial moments, kJ/mol/e: Σ Q_l0 P_l(cos θ) / r^(l+1)."""
    total = np.zeros(len(points))
    for site, own in zip(sites, moments, strict=True):
        away = points - site
        r = np.linalg.norm(away, axis=1)
        cosine = away[:, 2] / r
        for rank in range(5):
            legendre = np.polynomial.Legendre.basis(rank)(cosine)
            total += own[rank**2] * legendre / r ** (rank + 1)
    return COULOMB_CONSTANT * total


def test_moments_of_a_foreshortened_hydrogen_still_act_from_its_nucleus():
    """A diatomic O–H along z with axial moments: far away nothing has changed."""
    bond = 0.97
    molecule = Molecule(
        np.array([8, 1, 6, 8]),
        np.array([[0.0, 0, 0], [0, 0, bond], [0, 0, -1.4], [0, 0, -2.6]]),
        np.array([[0, 1], [0, 2], [2, 3]]),
        0,
        "a straight acid",
    ).centred()
    rng = np.random.default_rng(1)
    moments = np.zeros((4, N_MOMENTS))
    moments[:, [0, 1, 4, 9, 16]] = rng.normal(scale=0.3, size=(4, 5))
    moments[:, 0] -= moments[:, 0].mean()
    potential = ElectrostaticPotential(
        rng.normal(scale=5.0, size=(30, 3)), rng.normal(size=30)
    )
    conformer = Conformer(
        "1", molecule, 0.0, potential, Multipoles(moments, "made up"), "made up"
    )
    found = rigid_molecule(conformer, PotentialSettings())
    assert_allclose(
        np.linalg.norm(found.sites - found.atoms, axis=1), [0, 0.1, 0, 0], atol=1e-12
    )
    angles = np.linspace(0.1, 3.0, 9)
    directions = np.column_stack([np.sin(angles), np.zeros(9), np.cos(angles)])
    for distance in (10.0, 20.0):
        points = distance * directions
        before = legendre_potential(molecule.positions, moments, points)
        after = legendre_potential(found.sites, found.moments, points)
        # what is left out: the shift by 0.1 Å gives Q₄ a part of rank 5, 5 · 0.1 Å Q₄
        r = np.linalg.norm(points - found.sites[1], axis=1)
        left_out = COULOMB_CONSTANT * 5 * 0.1 * abs(moments[1, 16]) / r**6
        assert (np.abs(after - before) < 1.5 * left_out).all()
        unmoved = legendre_potential(found.sites, moments, points)
        assert np.abs(unmoved - before).max() > 100.0 * left_out.max()


def test_bodies_are_the_sites_with_charges_or_with_multipoles():
    molecule = rigid_molecule(CONFORMERS["2"], PotentialSettings())
    charges, multipoles = molecule.with_charges(), molecule.with_multipoles()
    for body in (charges, multipoles):
        assert body.types == molecule.types
        assert_array_equal(body.sites, molecule.sites)
    assert_array_equal(charges.charges, molecule.charges)
    assert_array_equal(charges.moments[:, 1:], 0.0)
    assert (charges.rank, multipoles.rank) == (0, 4)
    assert_array_equal(multipoles.moments, molecule.moments)


@pytest.mark.parametrize("rank", range(5))
def test_moments_above_a_rank_are_left_out(rank):
    moments = np.random.default_rng(0).normal(size=(2, N_MOMENTS))
    body = Body(("X", "X"), np.eye(3)[:2], moments).up_to(rank)
    assert body.rank == rank
    assert_array_equal(body.moments, np.where(rank >= RANKS, moments, 0.0))


def test_body_without_moments_has_rank_0():
    assert Body(("X",), np.zeros((1, 3)), np.zeros((1, N_MOMENTS))).rank == 0


def test_arrays_of_a_body_cannot_be_written():
    body = rigid_molecule(CONFORMERS["1"], PotentialSettings()).with_multipoles()
    for array in (body.sites, body.moments):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
