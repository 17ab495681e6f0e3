"""Reading a molecule: every format, every refusal."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import AllChem

from csp.conformers.graph import inchi_key
from csp.conformers.reading import read_molecule
from csp.errors import InputError
from csp.geometry import rotation_from_vector

SMILES = {
    "oxalic acid": ("OC(=O)C(=O)O", "MUBZPKHOEPUJKR-UHFFFAOYSA-N"),
    "urea": ("NC(=O)N", "XSQUKJJJFZCRTK-UHFFFAOYSA-N"),
    "benzene": ("c1ccccc1", "UHOVQNZJYSORNB-UHFFFAOYSA-N"),
    "acetic acid": ("CC(=O)O", "QTBSBXVTEAMEQO-UHFFFAOYSA-N"),
    "imidazole": ("c1cnc[nH]1", "RAXXELZNTBOGNW-UHFFFAOYSA-N"),
    "nitromethane": ("C[N+](=O)[O-]", "LYGJENNIWJXYER-UHFFFAOYSA-N"),
}

CRYSTAL_OXALIC_ACID = (
    ["C", "O", "O", "H", "C", "O", "O", "H"],
    np.array(
        [
            [0.0, 0.77, 0.0],
            [1.05, 1.36, 0.0],
            [-1.19, 1.35, 0.0],
            [-1.08, 2.32, 0.0],
            [0.0, -0.77, 0.0],
            [-1.05, -1.36, 0.0],
            [1.19, -1.35, 0.0],
            [1.08, -2.32, 0.0],
        ]
    ),
)
"""Planar and centrosymmetric, as in both crystals; atoms 0–3 are one half."""

INVERSION = ("x,y,z", "-x,-y,-z")


def molecule_of(name):
    """One geometry of a molecule of ``SMILES``."""
    return read_molecule(SMILES[name][0], Path(), name, 0)


def rotated(positions, vector, shift=(0.0, 0.0, 0.0)):
    return positions @ rotation_from_vector(np.array(vector)).T + np.array(shift)


def xyz_text(symbols, positions):
    rows = [
        f"{symbol} {x:.8f} {y:.8f} {z:.8f}"
        for symbol, (x, y, z) in zip(symbols, positions, strict=True)
    ]
    return "\n".join([str(len(rows)), "a comment", *rows]) + "\n"


def cif_text(symbols, fractions, *, edge=12.0, operations=("x,y,z",), extra=None):
    """A cubic crystal; ``extra`` maps more atom-site keys to columns."""
    extra = extra or {}
    lines = [
        "data_example",
        *[f"_cell_length_{axis} {edge}" for axis in "abc"],
        *[f"_cell_angle_{angle} 90.0" for angle in ("alpha", "beta", "gamma")],
        "loop_",
        "_symmetry_equiv_pos_as_xyz",
        *[f"'{operation}'" for operation in operations],
        "loop_",
        "_atom_site_label",
        "_atom_site_type_symbol",
        *[f"_atom_site_fract_{axis}" for axis in "xyz"],
        *extra,
    ]
    for i, (symbol, row) in enumerate(zip(symbols, fractions, strict=True)):
        columns = [f"{symbol}{i + 1}", symbol, *[f"{value:.8f}" for value in row]]
        lines.append(" ".join(columns + [column[i] for column in extra.values()]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", SMILES)
def test_smiles_gives_the_known_inchi_key(name):
    assert inchi_key(molecule_of(name)) == SMILES[name][1]


def test_smiles_is_read_the_same_twice():
    first, second = molecule_of("urea"), molecule_of("urea")
    assert first.positions.tobytes() == second.positions.tobytes()


def test_centre_of_mass_is_at_the_origin():
    molecule = molecule_of("acetic acid")
    assert np.abs(molecule.masses @ molecule.positions).max() < 1e-9


angles = st.tuples(*[st.floats(-3.0, 3.0)] * 3)


@given(
    name=st.sampled_from(sorted(SMILES)),
    vector=angles,
    shift=angles,
    shuffle=st.randoms(use_true_random=False),
)
def test_xyz_reading_does_not_depend_on_frame_or_order(
    tmp_path_factory, name, vector, shift, shuffle
):
    molecule = molecule_of(name)
    order = list(range(len(molecule.symbols)))
    shuffle.shuffle(order)
    positions = rotated(molecule.positions, vector, shift)[order]
    path = tmp_path_factory.mktemp("xyz") / "molecule.xyz"
    path.write_text(xyz_text([molecule.symbols[i] for i in order], positions))
    read = read_molecule(path.name, path.parent, name, 0)
    assert inchi_key(read) == SMILES[name][1]
    assert len(read.bonds) == len(molecule.bonds)


@given(name=st.sampled_from(sorted(SMILES)), vector=angles, centre=angles)
def test_cif_molecule_is_made_whole(tmp_path_factory, name, vector, centre):
    molecule = molecule_of(name)
    fractions = (rotated(molecule.positions, vector) / 12.0 + np.array(centre)) % 1.0
    path = tmp_path_factory.mktemp("cif") / "crystal.cif"
    path.write_text(cif_text(molecule.symbols, fractions))
    read = read_molecule(path.name, path.parent, name, 0)
    assert inchi_key(read) == SMILES[name][1]
    assert sorted(read.symbols) == sorted(molecule.symbols)


def test_cif_molecule_on_an_inversion_centre(tmp_path):
    symbols, positions = CRYSTAL_OXALIC_ACID
    text = cif_text(symbols[:4], positions[:4] / 8.0, edge=8.0, operations=INVERSION)
    (tmp_path / "crystal.cif").write_text(text)
    read = read_molecule("crystal.cif", tmp_path, "oxalic acid", 0)
    assert inchi_key(read) == SMILES["oxalic acid"][1]
    spread = np.linalg.norm(read.positions, axis=1).max()
    assert spread == pytest.approx(np.hypot(1.08, 2.32), abs=1e-3)


def test_sdf_and_mol_keep_the_geometry(tmp_path):
    molecule = molecule_of("acetic acid")
    block = sdf_text("CC(=O)O")
    for suffix in ("mol", "sdf"):
        path = tmp_path / f"acid.{suffix}"
        path.write_text(block + ("$$$$\n" if suffix == "sdf" else ""))
        read = read_molecule(path.name, tmp_path, "acetic acid", 0)
        assert inchi_key(read) == inchi_key(molecule)
        expected = Chem.MolFromMolBlock(block, removeHs=False).GetConformer()
        distances = np.linalg.norm(read.positions[1:] - read.positions[0], axis=1)
        there = expected.GetPositions()
        np.testing.assert_allclose(
            distances, np.linalg.norm(there[1:] - there[0], axis=1), rtol=0, atol=1e-9
        )


def sdf_text(smiles, *, hydrogens=True, depth=True):
    drawn = Chem.MolFromSmiles(smiles)
    full = Chem.AddHs(drawn) if hydrogens else drawn
    if depth:
        AllChem.EmbedMolecule(full, randomSeed=7)
    else:
        AllChem.Compute2DCoords(full)
    return Chem.MolToMolBlock(full)


@pytest.mark.parametrize("smiles", ["C(C)(C)(C)(C)C", "xyz", "", "c1cccc1"])
def test_impossible_smiles_is_refused(smiles, capfd):
    with pytest.raises(InputError, match="neither a SMILES string with possible val"):
        read_molecule(smiles, Path(), "molecule", 0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("smiles", "charge", "message"),
    [
        ("O.CC", 0, r"'O.CC' holds 2 molecules \(CC, O\): give one"),
        ("C[N+](C)(C)C", 0, r"has charge 1, but the settings say 0: set charge = 1"),
        ("C", -1, r"has charge 0, but the settings say -1: set charge = 0"),
        ("[O]O", 0, r"has 17 electrons, but only closed shells"),
    ],
)
def test_smiles_that_is_not_one_closed_shell_molecule(smiles, charge, message):
    with pytest.raises(InputError, match=message):
        read_molecule(smiles, Path(), "molecule", charge)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("a.xyz", "", "first line of a.xyz must be the number of atoms"),
        ("a.xyz", "two\n\n", "first line of a.xyz must be the number of atoms"),
        ("a.xyz", "2\n\nH 0 0 0\n", "announces 2 atoms, but 1 lines"),
        ("a.xyz", "1\n\nH 0 0\n", "line 3 of a.xyz must be an element and three"),
        ("a.xyz", "1\n\nQq 0 0 0\n", "line 3 of a.xyz .* got 'Qq 0 0 0'"),
        ("a.xyz", "1\n\nH 0 0 nan\n", "line 3 of a.xyz"),
        ("a.xyz", "2\n\nHe 0 0 0\nHe 0 0 9\n", r"holds 2 molecules \(He, He\)"),
        ("a.sdf", "nonsense", "a.sdf is not a readable SDF or MOL file"),
        ("a.mol", "", "a.mol holds 0 records: keep one molecule"),
        ("a.cif", "", "a.cif is not a readable CIF file"),
        ("a.cif", "nonsense", "a.cif is not a readable CIF file"),
        ("a.cif", "data_a\n_cell_length_a 5\n", "a.cif is not a readable CIF file"),
    ],
)
def test_unreadable_file_is_refused(tmp_path, file, text, message):
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=message):
        read_molecule(file, tmp_path, "molecule", 0)


@pytest.mark.parametrize("suffix", ["xyz", "sdf", "mol", "cif"])
def test_absent_and_binary_files_are_refused(tmp_path, suffix):
    with pytest.raises(InputError, match="does not exist: correct the source"):
        read_molecule(f"nothing.{suffix}", tmp_path, "molecule", 0)
    (tmp_path / f"binary.{suffix}").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="is not a readable"):
        read_molecule(f"binary.{suffix}", tmp_path, "molecule", 0)


def test_drawing_is_refused_with_its_smiles(tmp_path):
    flat, bare = sdf_text("CC(=O)O", depth=False), sdf_text("CC", hydrogens=False)
    for text, smiles in ((flat, r"CC\(=O\)O"), (bare, "CC")):
        (tmp_path / "drawing.mol").write_text(text)
        with pytest.raises(InputError, match=f"is a drawing .* source = '{smiles}'"):
            read_molecule("drawing.mol", tmp_path, "molecule", 0)


def crystal_of(name, keep=lambda _: True, **options):
    molecule = molecule_of(name)
    kept = [i for i, symbol in enumerate(molecule.symbols) if keep(symbol)]
    fractions = molecule.positions[kept] / 12.0 + 0.5
    return cif_text([molecule.symbols[i] for i in kept], fractions, **options)


@pytest.mark.parametrize("name", ["benzene", "acetic acid", "nitromethane"])
def test_cif_without_hydrogens_is_refused(tmp_path, name):
    (tmp_path / "bare.cif").write_text(crystal_of(name, lambda symbol: symbol != "H"))
    with pytest.raises(
        InputError, match=r"it has no hydrogen atoms: add them, .*Mercury"
    ):
        read_molecule("bare.cif", tmp_path, name, 0)


def test_cif_with_some_hydrogens_missing_is_refused(tmp_path):
    molecule = molecule_of("benzene")
    text = cif_text(molecule.symbols[:-1], molecule.positions[:-1] / 12.0)
    (tmp_path / "part.cif").write_text(text)
    with pytest.raises(InputError, match="1 of its carbon atoms lack hydrogen"):
        read_molecule("part.cif", tmp_path, "benzene", 0)


def test_missing_hydrogen_of_a_tertiary_carbon_is_refused(tmp_path):
    molecule = read_molecule("CC(C)C", Path(), "isobutane", 0)
    (lost,) = [
        int(atom)
        for bond in molecule.bonds
        for atom in bond
        if 1 in bond and molecule.symbols[atom] == "H"
    ]
    kept = [i for i in range(len(molecule.symbols)) if i != lost]
    symbols = [molecule.symbols[i] for i in kept]
    (tmp_path / "part.xyz").write_text(xyz_text(symbols, molecule.positions[kept]))
    with pytest.raises(InputError, match="1 of its carbon atoms lack hydrogen"):
        read_molecule("part.xyz", tmp_path, "isobutane", 0)


def test_cif_without_hydroxyl_hydrogens_is_refused(tmp_path):
    symbols, positions = CRYSTAL_OXALIC_ACID
    kept = [i for i, symbol in enumerate(symbols) if symbol != "H"]
    text = cif_text([symbols[i] for i in kept], positions[kept] / 12.0)
    (tmp_path / "bare.cif").write_text(text)
    with pytest.raises(InputError, match="no bond orders that satisfy every valence"):
        read_molecule("bare.cif", tmp_path, "oxalic acid", 0)


def test_disordered_cif_is_refused(tmp_path):
    n_atoms = len(molecule_of("urea").symbols)
    partial = {"_atom_site_occupancy": ["1.0"] * (n_atoms - 1) + ["0.5"]}
    groups = {"_atom_site_disorder_group": ["1"] + ["."] * (n_atoms - 1)}
    for extra, message in (
        (partial, rf"disordered at H{n_atoms} \(occupancy 0.5"),
        (groups, r"disordered at N1 \(occupancy 1, group 1\)"),
    ):
        (tmp_path / "crystal.cif").write_text(crystal_of("urea", extra=extra))
        with pytest.raises(InputError, match=message):
            read_molecule("crystal.cif", tmp_path, "urea", 0)


def test_co_crystal_is_refused(tmp_path):
    urea, acid = molecule_of("urea"), molecule_of("acetic acid")
    fractions = np.vstack([urea.positions / 12.0, acid.positions / 12.0 + 0.5])
    text = cif_text(urea.symbols + acid.symbols, fractions)
    (tmp_path / "crystal.cif").write_text(text)
    with pytest.raises(InputError, match=r"more than one kind .* \(C2H4O2, CH4N2O\)"):
        read_molecule("crystal.cif", tmp_path, "urea", 0)


def test_diamond_has_no_molecules(tmp_path):
    corner = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    fractions = np.array(corner + (np.array(corner) + 0.25).tolist())
    (tmp_path / "diamond.cif").write_text(cif_text("C" * 8, fractions, edge=3.567))
    with pytest.raises(InputError, match=r"bonds of diamond.cif have no end"):
        read_molecule("diamond.cif", tmp_path, "diamond", 0)
