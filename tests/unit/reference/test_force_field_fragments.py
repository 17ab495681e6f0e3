"""The force field of a crystal given by its atoms, and of its pairs in empty space."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from csp.conformers.monomers_file import read_monomers
from csp.crystal import Crystal
from csp.errors import InputError
from csp.potentials.bodies import rigid_molecule
from csp.potentials.exp6 import parameter_set
from csp.potentials.isolated import P1, isolated_energy
from csp.potentials.rigid_crystal import (
    crystal_energy,
    inverted,
    rigid_crystal,
    tables_of,
)
from csp.potentials.settings import PotentialSettings
from csp.reference.dimers import fragments_of
from csp.reference.force_field_fragments import RigidForceField
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
