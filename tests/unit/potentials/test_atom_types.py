"""Force-field types of atoms in small molecules."""

from pathlib import Path

import numpy as np
import pytest

from csp.conformers.reading import read_molecule
from csp.errors import InputError
from csp.molecule import Molecule
from csp.potentials.atom_types import atom_types, neighbours_of
from csp.potentials.exp6 import ForceFieldName

HERE = Path(__file__).parent

# SMILES, W99 types and FIT types of the atoms in the order RDKit numbers them: heavy
# atoms as written, then the hydrogens of each
CASES = {
    "water": ("O", "O_W2 H_W2 H_W2", "O_F1 H_F2 H_F2"),
    "methanol": (
        "CO",
        "C_W4 O_W2 H_W1 H_W1 H_W1 H_W2",
        "C_F1 O_F1 H_F1 H_F1 H_F1 H_F2",
    ),
    "acetic acid": (
        "CC(=O)O",
        "C_W4 C_W3 O_W1 O_W2 H_W1 H_W1 H_W1 H_W3",
        "C_F1 C_F1 O_F1 O_F1 H_F1 H_F1 H_F1 H_F2",
    ),
    "oxalic acid": (
        "OC(=O)C(=O)O",
        "O_W2 C_W3 O_W1 C_W3 O_W1 O_W2 H_W3 H_W3",
        "O_F1 C_F1 O_F1 C_F1 O_F1 O_F1 H_F2 H_F2",
    ),
    "methyl formate": (
        "COC=O",
        "C_W4 O_W2 C_W3 O_W1 H_W1 H_W1 H_W1 H_W1",
        "C_F1 O_F1 C_F1 O_F1 H_F1 H_F1 H_F1 H_F1",
    ),
    "urea": (
        "NC(=O)N",
        "N_W4 C_W3 O_W1 N_W4 H_W4 H_W4 H_W4 H_W4",
        "N_F1 C_F1 O_F1 N_F1 H_F2 H_F2 H_F2 H_F2",
    ),
    "imidazole": (
        "c1cnc[nH]1",
        "C_W3 C_W3 N_W2 C_W3 N_W3 H_W1 H_W1 H_W1 H_W4",
        "C_F1 C_F1 N_F1 C_F1 N_F1 H_F1 H_F1 H_F1 H_F2",
    ),
    "acetonitrile": (
        "CC#N",
        "C_W4 C_W2 N_W1 H_W1 H_W1 H_W1",
        "C_F1 C_F1 N_F1 H_F1 H_F1 H_F1",
    ),
    "trimethylamine": (
        "CN(C)C",
        "C_W4 N_W2 C_W4 C_W4" + 9 * " H_W1",
        "C_F1 N_F1 C_F1 C_F1" + 9 * " H_F1",
    ),
    "ammonia": ("N", "N_W4 H_W4 H_W4 H_W4", "N_F1 H_F2 H_F2 H_F2"),
    "chlorobenzene": (
        "Clc1ccccc1",
        "Cl_W1" + 6 * " C_W3" + 5 * " H_W1",
        "Cl_F1" + 6 * " C_F1" + 5 * " H_F1",
    ),
    "fluoromethane": ("CF", "C_W4 F_W1 H_W1 H_W1 H_W1", "C_F1 F_F1 H_F1 H_F1 H_F1"),
    "dimethyl sulfide": (
        "CSC",
        "C_W4 S_W1 C_W4" + 6 * " H_W1",
        "C_F1 S_F1 C_F1" + 6 * " H_F1",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_atoms_have_the_types_that_their_bonds_give_them(name):
    smiles, w99, fit = CASES[name]
    molecule = read_molecule(smiles, HERE, name, 0)
    assert atom_types(molecule, ForceFieldName.W99) == tuple(w99.split())
    assert atom_types(molecule, ForceFieldName.REVISED_W99) == tuple(w99.split())
    assert atom_types(molecule, ForceFieldName.FIT) == tuple(fit.split())


@pytest.mark.parametrize("name", CASES)
def test_types_follow_the_atoms_when_they_are_renumbered(name):
    molecule = read_molecule(CASES[name][0], HERE, name, 0)
    order = np.random.default_rng(1).permutation(len(molecule.positions))
    place = np.argsort(order)
    renumbered = Molecule(
        molecule.atomic_numbers[order],
        molecule.positions[order],
        place[molecule.bonds],
        0,
        name,
    )
    types = np.array(atom_types(molecule, ForceFieldName.W99))
    assert atom_types(renumbered, ForceFieldName.W99) == tuple(types[order])


@pytest.mark.parametrize("force_field", ForceFieldName)
def test_every_unknown_element_is_named_with_the_choices(force_field):
    molecule = read_molecule("C[Si](C)(C)[Se]C", HERE, "a silane", 0)
    with pytest.raises(
        InputError,
        match=r"no parameters for Se, Si as bonded in a silane: .*one of revised-w99",
    ):
        atom_types(molecule, force_field)


def test_bromine_has_parameters_in_w99_and_none_in_fit():
    molecule = read_molecule("CBr", HERE, "bromomethane", 0)
    assert atom_types(molecule, ForceFieldName.W99)[1] == "Br_W1"
    with pytest.raises(InputError, match="'fit' has no parameters for Br"):
        atom_types(molecule, ForceFieldName.FIT)


def test_bonding_that_w99_does_not_know_is_refused():
    # thiol hydrogen, and an ammonium nitrogen is still an amine
    with pytest.raises(InputError, match="no parameters for H as bonded"):
        atom_types(read_molecule("CS", HERE, "a thiol", 0), ForceFieldName.W99)


def test_neighbours_are_mutual():
    neighbours = neighbours_of(read_molecule("NC(=O)N", HERE, "urea", 0))
    assert neighbours[1] == [0, 2, 3]
    assert all(i in neighbours[j] for i, row in enumerate(neighbours) for j in row)
