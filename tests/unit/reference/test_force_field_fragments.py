"""The force field of a crystal given by its atoms, and of its pairs in empty space."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from csp.conformers.monomers_file import read_monomers
from csp.conformers.settings import Level, MultipoleLevel
from csp.crystal import Crystal
from csp.errors import InputError
from csp.potentials.bodies import Body, rigid_molecule
from csp.potentials.exp6 import parameter_set
from csp.potentials.isolated import P1, isolated_energy
from csp.potentials.rigid_crystal import (
    crystal_energy,
    inverted,
    rigid_crystal,
    tables_of,
)
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import rotated
from csp.reference.dimers import fragments_of
from csp.reference.force_field_fragments import ELECTROSTATICS, RigidForceField
from csp.reference.fragment import fragment_of
from csp.reference.fragment_energies import Method, interaction_energies
from csp.reference.fragment_store import FragmentStore

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"
SETTINGS = PotentialSettings()
PARAMETERS = parameter_set(SETTINGS.force_field)
CONFORMERS = read_monomers(DATA / "monomers.json").conformers


@pytest.fixture
def force_field(tmp_path):
    return RigidForceField("revised-w99", FragmentStore(tmp_path), CONFORMERS)


def two_molecules(seed=1):
    """A polar conformer and the mirror image of it, in a triclinic cell."""
    rng = np.random.default_rng(seed)
    polar = next(c for c in CONFORMERS if dipole(c) > 0.3)
    molecule = rigid_molecule(polar, SETTINGS)
    turns = Rotation.random(2, random_state=rng).as_matrix()
    cell = np.array([[6.2, 0, 0], [1.0, 6.9, 0], [-0.7, 0.8, 7.5]])
    centres = np.array([[0.1, 0.2, 0.3], [0.6, 0.7, 0.75]])
    return molecule, turns, cell, centres


def dipole(conformer):
    moments = conformer.multipoles.moments
    charges = moments[:, 0] @ conformer.molecule.positions
    return float(np.linalg.norm(charges + moments[:, [2, 3, 1]].sum(axis=0)))


def as_atoms(molecule, turns, cell, centres, rng):
    """The crystal as atoms only, in another order in each molecule."""
    places, numbers = [], []
    for hand, turn, centre in zip((1.0, -1.0), turns, centres, strict=True):
        order = rng.permutation(len(molecule.atoms))
        places.append((hand * molecule.atoms @ turn.T + centre @ cell)[order])
        numbers.append(molecule.conformer.molecule.atomic_numbers[order])
    owner = np.repeat([0, 1], len(molecule.atoms))
    return Crystal(cell, np.concatenate(numbers), np.concatenate(places), owner, 2)


def test_a_crystal_of_atoms_has_the_energy_of_its_rigid_bodies(force_field):
    molecule, turns, cell, centres = two_molecules()
    body = molecule.with_multipoles()
    bodies = [body, inverted(body)]
    packed = rigid_crystal(bodies, cell, centres, turns, P1)
    expected = crystal_energy(packed, tables_of(bodies, PARAMETERS, SETTINGS)).energy
    rng = np.random.default_rng(2)
    crystal = as_atoms(molecule, turns, cell, centres, rng)
    assert_allclose(force_field.of_crystal(crystal), expected, rtol=0, atol=0.01)
    # a left-handed choice of the same lattice
    other = Crystal(
        cell[[1, 0, 2]],
        crystal.atomic_numbers,
        crystal.positions,
        crystal.molecule_of_atom,
        2,
    )
    assert_allclose(force_field.of_crystal(other), expected, rtol=0, atol=0.01)


def test_a_pair_is_what_remains_of_a_crystal_in_an_endless_cell(force_field):
    """Images go as 1/L³; Ewald's sum over them is independent of the direct one."""
    molecule, turns, cell, centres = two_molecules()
    body = molecule.with_multipoles()
    crystal = as_atoms(molecule, turns, cell, centres, np.random.default_rng(2))
    (pair,) = (
        p.fragment
        for p in fragments_of(replace_cell(crystal, 60.0 * np.eye(3)), 8.0).dimers
    )
    without_tail = SETTINGS.model_copy(
        update={"tail_correction": False, "ewald_accuracy": 1e-10}
    )

    def interaction(length):
        box = length * np.eye(3)
        fractional = centres @ cell / length
        total = 0.0
        for sign, chosen in ((1.0, [0, 1]), (-1.0, [0]), (-1.0, [1])):
            bodies = [[body, inverted(body)][k] for k in chosen]
            packed = rigid_crystal(bodies, box, fractional[chosen], turns[chosen], P1)
            tables = tables_of(bodies, PARAMETERS, without_tail)
            total += sign * crystal_energy(packed, tables).energy
        return total

    small, large = interaction(30.0), interaction(60.0)
    endless = large + (large - small) / 7.0
    assert abs(large - small) > 0.01
    assert_allclose(force_field.of_dimer(pair), endless, rtol=0, atol=0.002)


def replace_cell(crystal, cell):
    return Crystal(
        cell,
        crystal.atomic_numbers,
        crystal.positions,
        crystal.molecule_of_atom,
        crystal.n_formula_units,
    )


def test_all_pairs_of_an_apolar_crystal_make_its_energy(force_field):
    """No tail; quadrupoles fall off as r⁻⁵, so that a finite cluster is enough."""
    apolar = next(c for c in CONFORMERS if dipole(c) < 1e-3)
    molecule = rigid_molecule(apolar, SETTINGS)
    cell = np.array([[5.6, 0, 0], [0.9, 6.0, 0], [-0.7, 0.8, 6.1]])
    body = molecule.with_multipoles()
    packed = rigid_crystal([body], cell, np.zeros((1, 3)), np.eye(3)[None], P1)
    without_tail = SETTINGS.model_copy(update={"tail_correction": False})
    tables = tables_of([body], PARAMETERS, without_tail)
    expected = crystal_energy(packed, tables).energy
    numbers = apolar.molecule.atomic_numbers
    owner = np.zeros(len(numbers), dtype=int)
    crystal = Crystal(cell, numbers, molecule.atoms, owner, 1)
    found = {
        reach: sum(
            pair.count * force_field.of_dimer(pair.fragment)
            for pair in fragments_of(crystal, reach).dimers
        )
        for reach in (7.0, 14.0)
    }
    assert abs(found[7.0] - expected) > 0.1
    assert_allclose(found[14.0], expected, rtol=0, atol=0.05)


def test_bodies_that_do_not_meet_have_no_energy():
    molecule, *_ = two_molecules()
    body = molecule.with_multipoles()
    assert isolated_energy([body], np.zeros((1, 3)), PARAMETERS, SETTINGS) == 0.0
    far = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 200.0]])
    assert abs(isolated_energy([body, body], far, PARAMETERS, SETTINGS)) < 1e-3


def test_a_force_field_that_does_not_exist_is_told(force_field):
    wrong = replace(force_field, name="nonsense")
    molecule, turns, cell, centres = two_molecules()
    crystal = as_atoms(molecule, turns, cell, centres, np.random.default_rng(2))
    with pytest.raises(InputError, match="nonsense"):
        wrong.of_crystal(crystal)


def test_electrostatics_alone_have_no_repulsion_and_need_no_types(force_field):
    """Far apart exp-6 has gone, and the pair's energy is that of its multipoles."""
    molecule, turns, *_ = two_molecules()
    body = molecule.with_multipoles()
    far = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 13.9]])
    places = [
        sign * molecule.atoms @ turn.T
        for sign, turn in zip((1, -1), turns, strict=True)
    ]
    numbers = molecule.conformer.molecule.atomic_numbers
    pair = fragment_of([(numbers, x + c) for x, c in zip(places, far, strict=True)])
    bare = replace(force_field, name=ELECTROSTATICS)
    turned = [
        Body(b.types, b.sites @ t.T, rotated(b.moments, t))
        for b, t in zip((body, inverted(body)), turns, strict=True)
    ]
    no_exp6 = SETTINGS.model_copy(update={"cutoff": 6.0})
    expected = isolated_energy(turned, far, PARAMETERS, no_exp6)
    # hydrogens are not foreshortened
    assert_allclose(bare.of_dimer(pair), expected, rtol=0.01)
    assert abs(expected) > 0.05


@pytest.mark.slow
def test_what_a_hybrid_changes_in_distant_pairs_is_electrostatic(tmp_path):
    """Two waters 5.5 Å apart: counterpoised PBE0 − PBE against multipoles."""
    water = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.468], [0.0, -0.757, -0.468]])
    numbers = np.array([8, 1, 1])
    for angle in (115, 175):
        turn = Rotation.from_euler("xyz", [angle, 20, 10], degrees=True).as_matrix()
        there = water @ turn.T + 7.0 * np.array([0.1, 0.6, -0.79])
        pair = fragment_of([(numbers, water), (numbers, there)])
        method = Method(("pbe", "pbe0"), "def2-svpd", 1, 1e-7)
        low, high = interaction_energies(pair, method).energies
        multipoles = [
            RigidForceField(
                ELECTROSTATICS,
                FragmentStore(tmp_path),
                level=MultipoleLevel(Level(functional, "none", "6-311g(d,p)")),
            ).of_dimer(pair)
            for functional in ("pbe", "pbe0")
        ]
        assert_allclose(multipoles[1] - multipoles[0], high - low, rtol=0, atol=0.01)
        assert abs(high - low) > 0.02
