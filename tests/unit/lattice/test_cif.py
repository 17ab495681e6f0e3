from pathlib import Path

import numpy as np
import pytest
from ase.data import chemical_symbols
from numpy.testing import assert_allclose

from csp.comparison.reading import read_crystal
from csp.comparison.symmetry import find_symmetry
from csp.comparison.writing import cif_text
from csp.errors import InputError
from csp.geometry import parameters_from_cell
from csp.lattice.cif import read_cif
from csp.lattice.crystal_input import CrystalInput, atoms_of
from csp.lattice.force_fields import force_field_of
from csp.lattice.result import lattice_energy
from csp.potentials.rigid_crystal import crystal_energy, expanded, tables_of
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import shifted

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"
SMALL = PotentialSettings(cutoff=9.0, switch_width=1.0, multipole_cutoff=12.0)
KEY = "lattice_energy_kj_per_mol"


@pytest.fixture
def read(invented):
    def make(path: Path) -> CrystalInput:
        source = (invented, lambda *_: None)
        return read_cif(path, force_field_of("revised-w99"), SMALL, {}, source)

    return make


def write_p1(
    path: Path, cell: np.ndarray, numbers: list, fractional: np.ndarray
) -> Path:
    tags = (
        "length_a",
        "length_b",
        "length_c",
        "angle_alpha",
        "angle_beta",
        "angle_gamma",
    )
    lines = ["data_x"]
    parameters = parameters_from_cell(cell)
    lines += [f"_cell_{t} {v:.8f}" for t, v in zip(tags, parameters, strict=True)]
    lines += ["loop_", "_space_group_symop_operation_xyz", "x,y,z", "loop_"]
    lines += ["_atom_site_label", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    for k, (number, x) in enumerate(zip(numbers, fractional, strict=True)):
        symbol = chemical_symbols[number]
        lines.append(f"{symbol}{k} {symbol} {x[0]:.9f} {x[1]:.9f} {x[2]:.9f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_energy_with_symmetry_is_that_without(read, name):
    """Molecules on inversion centres; the crystal expanded to P1 as the oracle."""
    given = read(DATA / f"{name}.cif")
    alone = expanded(given.crystal)
    tables = tables_of(alone.bodies, given.parameters, given.settings)
    whole = crystal_energy(alone, tables).energy / given.n_formula_units
    assert lattice_energy(given)[KEY] == pytest.approx(whole, abs=1e-8)


def test_energy_does_not_depend_on_the_cell(read, tmp_path):
    beta = read_crystal(DATA / "beta.cif")
    cell = np.diag([2.0, 1.0, 1.0]) @ beta.cell
    positions = np.concatenate([beta.positions, beta.positions + beta.cell[0]])
    fractional = positions @ np.linalg.inv(cell) + [0.1, 0.23, 0.37]
    numbers = [*beta.atomic_numbers, *beta.atomic_numbers]
    path = write_p1(tmp_path / "super.cif", cell, numbers, fractional)
    first, again = read(DATA / "beta.cif"), read(path)
    assert again.n_formula_units == 2 * first.n_formula_units
    assert len(again.crystal.bodies) == 1
    expected = lattice_energy(first)[KEY]
    assert lattice_energy(again)[KEY] == pytest.approx(expected, abs=1e-4)


def test_geometry_is_that_of_the_file(read):
    given = read(DATA / "beta.cif")
    crystal = atoms_of(given.crystal, given.atoms, given.n_formula_units)
    beta = read_crystal(DATA / "beta.cif")
    assert crystal.n_molecules == beta.n_molecules
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    there = beta.positions @ np.linalg.inv(beta.cell)
    away = fractional[:, None] - there[None]
    away -= np.rint(away)
    nearest = np.linalg.norm(away @ beta.cell, axis=2).min(axis=1)
    assert nearest.max() < 0.002
    assert find_symmetry(crystal).symbol == "P2_1/c"


def test_hydrogen_sites_are_foreshortened_and_moments_follow(read):
    given = read(DATA / "beta.cif")
    (body,), (atoms,) = given.crystal.bodies, given.atoms
    moved = np.linalg.norm(body.sites - atoms.positions, axis=1)
    assert_allclose(moved, np.where(atoms.numbers == 1, 0.1, 0.0), rtol=0, atol=1e-9)
    assert body.moments[:, 0].sum() == pytest.approx(0.0, abs=1e-12)


def test_mirror_images_share_one_calculation(read, invented, tmp_path):
    """Two enantiomers that no operation joins, in a cell of their own."""
    alpha = read_crystal(DATA / "alpha.cif")
    is_first = alpha.molecule_of_atom == 0
    one = alpha.positions[is_first] - alpha.positions[is_first].mean(axis=0)
    one[0, :] += [0.03, 0.02, 0.05]  # no symmetry of its own
    other = -one @ np.eye(3)[[1, 2, 0]]
    positions = np.concatenate((one + np.full(3, 2.2), other + np.full(3, 6.9)))
    cell = np.diag([9.0, 10.0, 11.0])
    numbers = 2 * alpha.atomic_numbers[is_first].tolist()
    fractional = positions @ np.linalg.inv(cell)
    given = read(write_p1(tmp_path / "two.cif", cell, numbers, fractional))
    assert len(invented.calls) == 1
    body, atoms = given.crystal.bodies[1], given.atoms[1]
    molecule = invented.calls[0].at(atoms.positions)
    there = invented.multipoles(molecule, None).moments
    expected = shifted(there, atoms.positions - body.sites)
    assert_allclose(body.moments, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("C1 C", "Si1 Si", "no .*parameters|valence|charges"),
        ("_cell_length_a", "_cell_length_x", "cell lengths and angles are missing"),
    ],
)
def test_a_bad_file_is_refused(read, tmp_path, old, new, message):
    symmetry = find_symmetry(read_crystal(DATA / "beta.cif"))
    path = tmp_path / "bad.cif"
    path.write_text(cif_text(symmetry, "bad").replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read(path)


def test_carbons_that_lack_hydrogen_are_refused(read, tmp_path):
    cell = np.diag([6.0, 6.0, 6.0])
    positions = np.array([[1.0, 1, 1], [2.43, 1, 1], [0.6, 1.4, 1.9]])
    path = write_p1(tmp_path / "c.cif", cell, [6, 8, 1], positions / 6.0)
    with pytest.raises(InputError):
        read(path)
