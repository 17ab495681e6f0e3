import pytest
from numpy.testing import assert_allclose

from csp.comparison.reading import read_crystal
from csp.comparison.symmetry import find_symmetry
from csp.errors import InputError
from csp.geometry import parameters_from_cell

HEAD = """data_test
_cell_length_a 8.0
_cell_length_b 8.0
_cell_length_c 8.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_symmetry_equiv_pos_as_xyz
'x,y,z'
'-x,-y,-z'
"""
COLUMNS = """loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
"""
WATER = """O1 O 0.30(1) 0.3000(2) 0.30
H1 H 0.42 0.30 0.30
H2 D 0.27 0.415 0.30
"""


@pytest.fixture
def cif(tmp_path):
    def write(text):
        path = tmp_path / "test.cif"
        path.write_text(text)
        return path

    return write


def test_a_special_position_is_filled_once_and_molecules_are_whole(alpha, beta):
    assert (len(alpha.positions), alpha.n_molecules, alpha.n_formula_units) == (
        32,
        4,
        4,
    )
    assert (len(beta.positions), beta.n_molecules, beta.n_formula_units) == (16, 2, 2)
    for molecule in range(alpha.n_molecules):
        atoms = alpha.molecule_of_atom == molecule
        spread = alpha.positions[atoms].max(axis=0) - alpha.positions[atoms].min(axis=0)
        assert sorted(alpha.atomic_numbers[atoms]) == [1, 1, 6, 6, 8, 8, 8, 8]
        assert spread.max() < 5.0


def test_the_forms_of_oxalic_acid_have_their_published_cells(alpha, beta):
    # Derissen & Smith, Acta Cryst. B30, 2240 (1974)
    expected = [5.330, 6.015, 5.436, 90.0, 115.83, 90.0]
    assert_allclose(parameters_from_cell(beta.cell), expected, rtol=0, atol=1e-9)
    expected = [6.548, 7.844, 6.086, 90.0, 90.0, 90.0]
    assert_allclose(parameters_from_cell(alpha.cell), expected, rtol=0, atol=1e-9)
    assert find_symmetry(alpha).symbol == "Pbca"
    assert find_symmetry(beta).symbol == "P2_1/c"


def test_uncertainties_deuterium_and_bare_labels_are_understood(cif):
    water = read_crystal(cif(HEAD + COLUMNS + WATER))
    assert water.atomic_numbers.tolist() == [8, 1, 1, 8, 1, 1]
    assert water.n_formula_units == 2
    labels = "loop_\n_atom_site_label\n" + COLUMNS.split("symbol\n")[1]
    bare = labels + "O1W 0.3 0.3 0.3\nHw1 0.42 0.3 0.3\nH2 0.27 0.415 0.3\n"
    assert read_crystal(cif(HEAD + bare)).atomic_numbers.tolist() == [8, 1, 1, 8, 1, 1]


def test_a_space_group_number_is_enough(cif):
    text = HEAD.split("loop_")[0] + "_space_group_IT_number 2\n" + COLUMNS + WATER
    assert read_crystal(cif(text)).n_formula_units == 2


def test_a_hydrate_has_the_formula_units_of_its_rarer_molecule(cif):
    acid = "O5 O .7 .7 .1\nH5 H .7 .82 .1\nN5 N .7 .7 .275\nH6 H .82 .7 .3\n"
    water = WATER + "O2 O 0.3 0.8 0.3\nH3 H 0.42 0.8 0.3\nH4 H 0.27 0.915 0.3\n"
    crystal = read_crystal(cif(HEAD + COLUMNS + water + acid))
    assert (crystal.n_molecules, crystal.n_formula_units) == (6, 2)


OCCUPANCY = COLUMNS + "_atom_site_occupancy\n"
DISORDER = COLUMNS + "_atom_site_disorder_group\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds 0 structures"),
        ("x\ndata_\nloop_\n_a\n", "follow the CIF syntax|holds 0 structures"),
        (HEAD + COLUMNS + WATER + HEAD + COLUMNS + WATER, "holds 2 structures"),
        (HEAD + COLUMNS + "C1 C 0.1 0.1 0.1\n", "no hydrogen atoms: add them"),
        (HEAD + OCCUPANCY + "O1 O .3 .3 .3 1\nH1 H .42 .3 .3 0.5\n", "site H1 is one"),
        (HEAD + DISORDER + "O1 O .3 .3 .3 .\nH1 H .42 .3 .3 2\n", "site H1 is one"),
        (HEAD + COLUMNS + WATER + "H9 H 0.31 0.3 0.3\n", "two atoms 0.08 Å apart"),
        (HEAD + COLUMNS + WATER.replace("0.415", "?"), "no numerical coordinates"),
        (HEAD + COLUMNS + WATER.replace("O1 O", "O1 Q"), "an atom has no element"),
        (HEAD.replace("8.0", "?") + COLUMNS + WATER, "lengths and angles are missing"),
        (HEAD.replace("a 90", "a 170", 2) + COLUMNS + WATER, "make no cell"),
        (
            HEAD.replace("-x,-y,-z", "a,b,c") + COLUMNS + WATER,
            "symmetry operation makes no",
        ),
        (HEAD.split("loop_")[0] + COLUMNS + WATER, "has no symmetry operations"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_sentence(cif, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_crystal(cif(text))
    assert "\n" not in str(caught.value)


def test_a_polymer_is_refused(cif):
    chain = "".join(f"C{i} C {i / 6.0:.4f} 0.3 0.3\n" for i in range(6))
    text = HEAD.replace("length_a 8.0", "length_a 8.4").replace("'-x,-y,-z'\n", "")
    with pytest.raises(InputError, match="bonded to its own periodic image"):
        read_crystal(cif(text + COLUMNS + chain + "H1 H 0.0 0.43 0.3\n"))


def test_a_hydrogen_in_a_short_hydrogen_bond_stays_with_its_own_molecule(cif):
    pair = WATER.replace("0.42 ", "0.44 ") + "O2 O 0.595 0.3 0.3\nH3 H 0.65 0.4 0.3\n"
    crystal = read_crystal(cif(HEAD + COLUMNS + pair + "H4 H 0.65 0.2 0.3\n"))
    assert crystal.n_molecules == 4


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.cif cannot be read"):
        read_crystal(tmp_path / "none.cif")


def test_hydrogens_may_be_absent_where_the_molecule_has_none(cif):
    dioxide = "C1 C 0.0 0.0 0.0\nO1 O 0.0 0.0 0.145\n"
    crystal = read_crystal(cif(HEAD + COLUMNS + dioxide), needs_hydrogens=False)
    assert crystal.n_molecules == 1
