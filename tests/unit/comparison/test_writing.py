import io
import warnings
from dataclasses import replace

import ase.io
import numpy as np
import pytest
import spglib
from numpy.testing import assert_allclose
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from csp.comparison.invariants import average_minimum_distances, invariant_distance
from csp.comparison.overlay import packing_match
from csp.comparison.reading import read_crystal
from csp.comparison.symmetry import find_symmetry
from csp.comparison.writing import cif_text


def read_by_pymatgen(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen tells of every rounded coordinate
        return Structure.from_str(text, fmt="cif")


@pytest.fixture
def round_trip(tmp_path):
    def read_back(text):
        path = tmp_path / "crystal.cif"
        path.write_text(text)
        return read_crystal(path)

    return read_back


def assert_programs_agree(text, crystal, number):
    structure = read_by_pymatgen(text)
    atoms = ase.io.read(io.StringIO(text), format="cif")
    assert len(structure) == len(atoms) == len(crystal.positions)
    assert StructureMatcher(scale=False, primitive_cell=False).fit(
        structure, crystal.to_pymatgen()
    )
    for cell in (
        (structure.lattice.matrix, structure.frac_coords, structure.atomic_numbers),
        (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers),
    ):
        assert spglib.get_symmetry_dataset(cell, symprec=1e-3).number == number


@pytest.mark.parametrize("form", ["alpha", "beta"])
def test_every_program_reads_the_same_crystal_back(form, request, round_trip):
    crystal = request.getfixturevalue(form)
    symmetry = find_symmetry(crystal)
    text = cif_text(symmetry, f"oxalic acid {form}", ["lattice energy −1 kJ/mol"])
    again = round_trip(text)
    assert_programs_agree(text, symmetry.conventional, symmetry.number)
    assert again.n_formula_units == crystal.n_formula_units
    match = packing_match(crystal, again)
    assert match.same
    assert match.rmsd < 1e-4


@pytest.mark.parametrize("number", [1, 5, 15, 43, 70, 88, 114, 148, 161, 170, 198])
def test_all_kinds_of_lattices_and_settings_come_back(
    number, chiral_crystal, round_trip
):
    crystal = chiral_crystal(number)
    text = cif_text(find_symmetry(crystal), "x")
    assert_programs_agree(text, crystal, number)
    gap = invariant_distance(
        *(average_minimum_distances(each) for each in (crystal, round_trip(text)))
    )
    assert gap < 1e-4


def test_the_asymmetric_unit_is_a_connected_half_molecule(beta):
    lines = cif_text(find_symmetry(beta), "beta").splitlines()
    atoms = [line.split() for line in lines[lines.index("_atom_site_fract_z") + 1 :]]
    assert sorted(row[1] for row in atoms) == ["C", "H", "O", "O"]
    sites = np.array([row[2:] for row in atoms], dtype=float) @ beta.cell
    lengths = np.sort(np.linalg.norm(sites[:, None] - sites, axis=2), axis=1)
    assert lengths[:, 1].max() < 1.35


def test_the_text_depends_on_the_crystal_alone(alpha, redescribed):
    text = cif_text(find_symmetry(alpha), "a  b", ["one\ntwo"])
    assert text == cif_text(find_symmetry(alpha), "a  b", ["one\ntwo"])
    assert text.startswith("# one\n# two\ndata_a_b\n")
    assert "_space_group_name_H-M_alt         'P 21/b 21/c 21/a'" in text
    assert "_chemical_formula_sum             'C2 H2 O4'" in text
    crystal = find_symmetry(alpha).conventional
    shifted = replace(
        crystal, positions=crystal.positions - crystal.positions[0] - 1e-9
    )
    text = cif_text(replace(find_symmetry(alpha), conventional=shifted), "shifted")
    assert " 0.000000" in text
    assert "-0.000000" not in text


def test_the_cell_is_written_in_the_standard_setting(alpha):
    structure = read_by_pymatgen(cif_text(find_symmetry(alpha), "alpha"))
    assert_allclose(structure.lattice.abc, [6.086, 7.844, 6.548], rtol=0, atol=1e-6)
