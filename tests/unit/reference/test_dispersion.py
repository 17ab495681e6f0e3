import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyscf import gto
from pyscf.dispersion import dftd4

from csp.errors import InputError
from csp.reference.dispersion import dispersion_energy
from csp.units import KJ_PER_MOL_PER_HARTREE
from tests.unit.reference.crystals import body_centred

ARGON = np.array([18, 18])


def pair(distance: float) -> tuple[np.ndarray, np.ndarray]:
    return ARGON, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance]])


@pytest.mark.parametrize("kind", ["d4", "d3bj"])
def test_two_far_atoms_attract_with_the_sixth_power(kind):
    near = dispersion_energy(kind, "pbe0", pair(15.0))
    far = dispersion_energy(kind, "pbe0", pair(30.0))
    assert near < 0.0
    assert near / far == pytest.approx(64.0, rel=0.05)


def test_a_molecule_has_pyscfs_own_energy():
    molecule = gto.M(atom="O 0 0 0; H 0 0.76 0.59; H 0 -0.76 0.59", verbose=0)
    atoms = (np.array([8, 1, 1]), molecule.atom_coords(unit="Angstrom"))
    model = dftd4.DFTD4Dispersion(molecule, xc="pbe0")
    expected = float(model.get_dispersion()["energy"]) * KJ_PER_MOL_PER_HARTREE
    assert dispersion_energy("d4", "pbe0", atoms) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["d4", "d3bj"])
def test_a_huge_cell_is_a_molecule(kind):
    atoms = pair(4.0)
    inside = dispersion_energy(kind, "pbe", atoms, 60.0 * np.eye(3))
    assert inside == pytest.approx(dispersion_energy(kind, "pbe", atoms), abs=1e-4)


@given(st.integers(0, 2))
def test_a_cell_has_half_the_energy_of_its_double(axis):
    crystal = body_centred()
    once = dispersion_energy(
        "d4", "pbe", (crystal.atomic_numbers, crystal.positions), crystal.cell
    )
    cell = np.array(crystal.cell)
    cell[axis] *= 2.0
    positions = np.concatenate(
        [crystal.positions, crystal.positions + crystal.cell[axis]]
    )
    twice = dispersion_energy(
        "d4", "pbe", (np.tile(crystal.atomic_numbers, 2), positions), cell
    )
    assert twice == pytest.approx(2.0 * once, abs=1e-4)


def test_a_functional_without_parameters_is_named():
    with pytest.raises(InputError, match="no parameters for the functional 'lda'"):
        dispersion_energy("d4", "lda", pair(4.0))


def test_no_dispersion_is_nothing():
    assert dispersion_energy("none", "pbe", pair(4.0)) == 0.0
