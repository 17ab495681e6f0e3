import numpy as np
import pytest

from csp.comparison.molecules import molecular_bonds
from csp.errors import InputError
from csp.lattice import charges
from csp.lattice.charges import charged_molecules, possible_charges, read_charges
from csp.molecule import Molecule

WATER = ([8, 1, 1], [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
_T = 1.03 / np.sqrt(3.0)
AMMONIUM = (
    [7, 1, 1, 1, 1],
    [[0, 0, 0], [_T, _T, _T], [-_T, -_T, _T], [-_T, _T, -_T], [_T, -_T, -_T]],
)
OXALATE = (
    [6, 6, 8, 8, 8, 8],
    [
        [0.78, 0, 0],
        [-0.78, 0, 0],
        [1.35, 1.11, 0],
        [1.35, -1.11, 0],
        [-1.35, 1.11, 0],
        [-1.35, -1.11, 0],
    ],
)
CHLORIDE = ([17], [[0, 0, 0]])


def molecule(parts: tuple) -> Molecule:
    numbers, positions = np.array(parts[0]), np.array(parts[1], dtype=float)
    return Molecule(numbers, positions, molecular_bonds(numbers, positions), 0, "m")


@pytest.mark.parametrize(
    ("parts", "expected"), [(WATER, 0), (AMMONIUM, 1), (CHLORIDE, -1), (OXALATE, -2)]
)
def test_bonds_decide_the_charge(parts, expected):
    allowed = possible_charges(molecule(parts))
    assert min(allowed, key=abs) == expected


def test_the_cell_is_neutral():
    salt = charged_molecules(
        [molecule(AMMONIUM), molecule(OXALATE), molecule(WATER)], [4, 2, 2], {}
    )
    assert [ion.charge for ion in salt] == [1, -2, 0]
    assert [ion.name for ion in salt] == ["H4N", "C2O4", "H2O"]


def test_what_cannot_be_neutral_is_refused():
    with pytest.raises(InputError, match=r"H4N, Cl.*neutral.*--charge H4N=1"):
        charged_molecules([molecule(AMMONIUM), molecule(CHLORIDE)], [4, 2], {})


def test_given_charges_are_taken():
    found = charged_molecules([molecule(WATER)] * 2, [2, 2], {"H2O": 0})
    assert [m.charge for m in found] == [0, 0]


def test_a_charge_of_what_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"names H4N, but the crystal holds H2O"):
        charged_molecules([molecule(WATER)], [4], {"H4N": 1})


def test_charges_are_read():
    assert read_charges(["C2H8NO=1", "Cl=-1"]) == {"C2H8NO": 1, "Cl": -1}


@pytest.mark.parametrize("text", ["", "Cl", "Cl=", "=1", "Cl=x", "Cl=0.5", "Cl=99"])
def test_nonsense_charges_are_refused(text):
    with pytest.raises(InputError, match=r"--charge takes a formula.*write it like"):
        read_charges([text])


def test_of_possible_charges_the_smallest_are_taken(monkeypatch):
    monkeypatch.setattr(charges, "possible_charges", lambda _: [3, 1, -1, -3])
    pair = charged_molecules([molecule(AMMONIUM), molecule(CHLORIDE)], [1, 1], {})
    assert sorted(ion.charge for ion in pair) == [-1, 1]
