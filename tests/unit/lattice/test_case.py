import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.comparison.symmetry import find_symmetry
from csp.errors import InputError
from csp.geometry import rotation_from_vector
from csp.lattice.case import read_case
from csp.lattice.crystal_input import atoms_of
from csp.lattice.result import lattice_energy, minimise
from csp.units import COULOMB_CONSTANT, KJ_PER_MOL_PER_EV

TURN = rotation_from_vector(np.array([0.7, -0.4, 1.9]))
MADELUNG = 1.7475645946
"""Rock salt: Borwein & Glasser, Lattice Sums Then and Now (2013)."""


FLAT = {"a": 5, "b": 5, "c": 5, "alpha": 120, "beta": 120, "gamma": 120}


def changed(table: dict, *path: str | int, value: object) -> dict:
    copy = json.loads(json.dumps(table))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def test_rock_salt_has_its_madelung_energy(write_case, rock_salt):
    report = lattice_energy(read_case(write_case(rock_salt())))
    expected = -MADELUNG * COULOMB_CONSTANT / (5.64 / 2.0)
    terms = report["terms_kj_per_mol"]
    assert terms["charge_charge"] == pytest.approx(expected, rel=1e-7)
    assert terms["charge_dipole"] == terms["higher_multipole"] == 0.0


def test_rock_salt_repulsion_is_the_sum_over_shells(write_case, rock_salt):
    report = lattice_energy(read_case(write_case(rock_salt())))
    grid = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3), axis=-1).reshape(-1, 3)
    r = 2.82 * np.linalg.norm(grid, axis=1)
    is_like = grid.sum(axis=1) % 2 == 0
    like = np.exp(-r[is_like & (r > 0)] / 0.3).sum() * (500.0 + 3000.0) / 2.0
    unlike = 1250.0 * np.exp(-r[~is_like] / 0.3).sum()
    found = report["terms_kj_per_mol"]["repulsion_dispersion"]
    assert found == pytest.approx((like + unlike) * KJ_PER_MOL_PER_EV, rel=1e-9)


def test_z_asks_for_the_centring(write_case, rock_salt):
    given = read_case(write_case(rock_salt()))
    assert (given.n_formula_units, given.crystal.n_molecules) == (1, 2)
    assert np.linalg.det(given.crystal.cell) == pytest.approx(5.64**3 / 4.0)
    (note,) = given.notes
    assert "centring F" in note
    found = find_symmetry(atoms_of(given.crystal, given.atoms, 1))
    assert found.symbol == "Fm-3m"


@pytest.mark.parametrize("z", [5, 7])
def test_a_wrong_z_is_refused(write_case, rock_salt, z):
    table = changed(rock_salt(), "crystal", "Z", value=z)
    with pytest.raises(InputError, match=rf"Z is {z}.*correct crystal.Z"):
        read_case(write_case(table))


def test_z_may_join_molecules_to_one_formula_unit(write_case, chiral):
    table = changed(chiral(turn=TURN), "crystal", "Z", value=2)
    given = read_case(write_case(table))
    assert given.n_formula_units == 2
    assert "2 molecules of one kind" in given.notes[0]


def test_atoms_of_the_crystal_are_those_of_the_file(write_case, chiral):
    table = chiral(turn=TURN)
    given = read_case(write_case(table))
    crystal = atoms_of(given.crystal, given.atoms, 4)
    fractional = crystal.positions[:5] @ np.linalg.inv(crystal.cell)
    expected = [atom["frac_xyz"] for atom in table["crystal"]["atoms"]]
    assert_allclose(fractional, expected, rtol=0, atol=1e-9)
    assert find_symmetry(crystal).symbol == "P2_12_12_1"


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("stretch", [1.0, 5.0])
def test_the_energy_does_not_depend_on_the_frame(
    write_case, chiral, is_mirrored, stretch
):
    first = lattice_energy(read_case(write_case(chiral(turn=np.eye(3)))))
    table = chiral(turn=TURN, is_mirrored=is_mirrored, stretch=stretch)
    given = read_case(write_case(table))
    again = lattice_energy(given)
    for name, value in first["terms_kj_per_mol"].items():
        assert again["terms_kj_per_mol"][name] == pytest.approx(value, abs=1e-7), name
    assert any("not in bohr" in note for note in given.notes) == (stretch != 1.0)
    assert abs(first["terms_kj_per_mol"]["dipole_dipole"]) > 0.1


def test_a_molecule_cut_by_the_cell_is_made_whole(write_case, chiral):
    table = chiral(turn=TURN)
    whole = lattice_energy(read_case(write_case(table)))
    atom = table["crystal"]["atoms"][1]
    atom["frac_xyz"] = [atom["frac_xyz"][0] - 1.0, *atom["frac_xyz"][1:]]
    cut = lattice_energy(read_case(write_case(table)))
    key = "lattice_energy_kj_per_mol"
    assert cut[key] == pytest.approx(whole[key], abs=1e-9)


def test_a_minimum_is_lower_and_keeps_its_group(write_case, chiral):
    given = read_case(write_case(chiral(turn=TURN)))
    report, end = minimise(given)
    assert report["status"] == "converged"
    key = "lattice_energy_kj_per_mol"
    assert report[key] < report["initial"][key] - 1.0
    crystal = atoms_of(end.crystal, given.atoms, 4)
    assert find_symmetry(crystal).symbol == "P2_12_12_1"


def test_pressure_adds_its_work(write_case, rock_salt):
    report = lattice_energy(read_case(write_case(rock_salt()), pressure_gpa=2.0))
    work = report["terms_kj_per_mol"]["pressure_volume"]
    assert work == pytest.approx(2.0 * 0.602214 * 5.64**3 / 4.0, rel=1e-6)


def test_types_that_nothing_keeps_apart_are_noted_and_not_minimised(
    write_case, rock_salt
):
    table = rock_salt()
    del table["potentials"]["pairs"][1:]
    given = read_case(write_case(table))
    assert any("Cl01: no exp-6" in note for note in given.notes)
    with pytest.raises(InputError, match=r"nothing keeps Cl01–Cl01, Cl01–Na01 apart"):
        minimise(given)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("crystal", "cell", "a"), -1.0, r"crystal\.cell\.a: .*greater than 0, got -1"),
        (("crystal", "cell", "gamma"), 180.0, r"gamma.*less than 180"),
        (("crystal", "cell"), FLAT, r"make no cell.*correct crystal\.cell"),
        (("crystal", "atoms"), [], r"crystal\.atoms: "),
        (("crystal", "atoms", 0, "element"), "Xx", "Xx is no chemical element"),
        (("crystal", "atoms", 1, "frac_xyz"), [0.1, 0.0, 0.0], "2 atoms|Å apart|fit"),
        (("crystal", "symmetry_operations"), ["x,y"], "'x,y' is no symmetry operation"),
        (("molecule", "sites"), [], "2 atoms but 0 sites"),
        (("potentials", "pairs", 0, "rho_ang"), 0.0, r"pairs\.0\.rho_ang.*got 0"),
        (("potentials", "pairs", 0, "A_eV"), "x", r"pairs\.0\.A_eV.*got 'x'"),
        (("molecule",), 3, "molecule: .*got 3"),
    ],
)
def test_a_wrong_value_is_named(write_case, rock_salt, path, value, message):
    with pytest.raises(InputError, match=message):
        read_case(write_case(changed(rock_salt(), *path, value=value)))


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", '{"a": 1}'])
def test_what_is_no_case_is_refused(tmp_path, text):
    path = tmp_path / "case.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"case\.json is not .*give a"):
        read_case(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read.*give the path"):
        read_case(tmp_path / "no.json")
