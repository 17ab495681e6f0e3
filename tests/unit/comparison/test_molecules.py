import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.molecules import crystal_of_atoms, molecular_bonds


def centroids(crystal):
    return np.array(
        [
            crystal.positions[crystal.molecule_of_atom == molecule].mean(axis=0)
            for molecule in range(crystal.n_molecules)
        ]
    )


@given(seed=st.integers(0, 2**32 - 1))
def test_molecules_are_whole_and_centred_in_the_cell(alpha, seed):
    rng = np.random.default_rng(seed)
    broken = alpha.positions + rng.integers(-2, 3, alpha.positions.shape) @ alpha.cell
    broken = broken + rng.random(3)
    order = rng.permutation(len(broken))
    again = crystal_of_atoms(alpha.cell, alpha.atomic_numbers[order], broken[order])
    assert again.n_molecules == alpha.n_molecules
    for molecule in range(again.n_molecules):
        atoms = again.molecule_of_atom == molecule
        bonds = molecular_bonds(again.atomic_numbers[atoms], again.positions[atoms])
        assert len(bonds) == 7
    fractional = centroids(again) @ np.linalg.inv(again.cell)
    assert fractional.min() > -1e-6
    assert fractional.max() < 1.0


def test_atoms_keep_their_order_within_their_molecule(beta):
    again = crystal_of_atoms(beta.cell, beta.atomic_numbers, beta.positions)
    assert again.molecule_of_atom.tolist() == beta.molecule_of_atom.tolist()
    assert_allclose(again.positions, beta.positions, rtol=0, atol=1e-12)
