"""Starting geometries reach every family of conformers."""

from pathlib import Path

import numpy as np
import pytest

from csp.conformers.generation import starting_geometries, torsions
from csp.conformers.graph import automorphisms, has_same_bonds, rdkit_molecule
from csp.conformers.reading import read_molecule
from csp.conformers.rotors import rotors
from csp.conformers.similarity import separation


def molecule_of(smiles):
    return read_molecule(smiles, Path(), smiles, 0)


def starts_of(smiles, n_embeddings=20, window=60.0):
    molecule = molecule_of(smiles)
    return starting_geometries(molecule, n_embeddings=n_embeddings, window=window)


def n_contacts(start):
    """Hydroxyl hydrogens within 2.4 Å of an oxygen of the other carboxyl group."""
    numbers, positions = start.atomic_numbers, start.positions
    neighbours = {
        int(i): {
            int(b) for a, b in np.vstack([start.bonds, start.bonds[:, ::-1]]) if a == i
        }
        for i in range(len(numbers))
    }
    count = 0
    for h in np.flatnonzero(numbers == 1):
        (own,) = neighbours[h]
        (carbon,) = [i for i in neighbours[own] if numbers[i] == 6]
        (other,) = [i for i in neighbours[carbon] if numbers[i] == 6]
        far = [i for i in neighbours[other] if numbers[i] == 8]
        distances = np.linalg.norm(positions[far] - positions[h], axis=1)
        count += bool(distances.min() < 2.4)
    return count


def test_oxalic_acid_starts_have_two_one_and_no_hydrogen_bond():
    starts = starts_of("OC(=O)C(=O)O")
    planar = [
        start
        for start in starts
        if np.linalg.svd(start.centred().positions)[1][2] < 0.05
    ]
    assert {n_contacts(start) for start in planar} == {0, 1, 2}


def test_starts_are_the_same_twice():
    first, second = starts_of("OC(=O)C(=O)O"), starts_of("OC(=O)C(=O)O")
    assert [s.positions.tobytes() for s in first] == [
        s.positions.tobytes() for s in second
    ]


def test_starts_differ_and_keep_their_bonds():
    starts = starts_of("NCCO")
    numberings = automorphisms(starts[0])
    assert len(starts) > 5
    for i, start in enumerate(starts):
        assert has_same_bonds(start, start.positions)
        for other in starts[:i]:
            close = separation(start.positions, other.positions, numberings)
            assert close > 0.05


def test_butane_has_trans_and_one_of_the_mirrored_gauche():
    starts = starts_of("CCCC")
    perceived = rdkit_molecule(starts[0])
    central = [r for r in rotors(perceived) if r.atoms == (0, 1, 2, 3)]
    found = [abs(torsions(perceived, s.positions, central)[0]) for s in starts]
    assert np.round(sorted(found), -1).tolist() == [70.0, 180.0]


def test_window_drops_the_higher_starts():
    assert len(starts_of("OC(=O)C(=O)O", window=1.0)) == 1


@pytest.mark.parametrize("smiles", ["[Ar]", "[H][H]", "O", "C", "c1ccccc1", "C#N"])
def test_small_and_rigid_molecules_have_one_start(smiles):
    assert len(starts_of(smiles, n_embeddings=3)) == 1


def test_element_without_mmff_parameters_falls_back_to_uff():
    assert len(starts_of("OB(O)c1ccccc1", n_embeddings=3)) >= 1


@pytest.mark.parametrize(
    ("smiles", "minima"),
    [
        ("CO", []),
        ("CCO", [(60.0, 180.0, 300.0)]),
        ("CC(=O)O", [(0.0, 180.0)]),
        ("CCCC", [()]),
        ("C#CC#C", []),
        ("c1ccccc1", []),
    ],
)
def test_rotors(smiles, minima):
    found = [rotor.minima for rotor in rotors(rdkit_molecule(molecule_of(smiles)))]
    assert found == minima
