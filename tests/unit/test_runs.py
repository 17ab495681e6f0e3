"""The kinds of molecules of a run, checked before any work."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from csp import runs
from csp.conformers.monomers_file import read_monomers
from csp.errors import InputError, StoreError
from csp.runs import Run, read_kinds
from csp.settings import Settings

ACID, WATER = "OC(=O)C(=O)O", "O"
DIHYDRATE = """
[molecule]
source = ["OC(=O)C(=O)O", "O", "O"]
name = "oxalic acid dihydrate"
monomers = ["monomers.json", "water.json"]
"""


def silent(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def kinds_of(tmp_path):
    def kinds(**molecule):
        settings = Settings(molecule={"name": "some compound", **molecule})
        return read_kinds(Run(settings, tmp_path, tmp_path, ("", "", ())))

    return kinds


@pytest.fixture
def dihydrate(case, write_water) -> Path:
    """A settings file beside the monomers of both kinds."""
    write_water(case.parent / "water.json")
    path = case.with_name("dihydrate.toml")
    path.write_text(DIHYDRATE, encoding="utf-8")
    return path


def test_kinds_are_counted(kinds_of):
    acid, water = kinds_of(source=[ACID, WATER, WATER])
    assert (acid.count, water.count) == (1, 2)
    assert acid.molecule.symbols.count("C") == 2
    assert water.molecule.symbols == ["O", "H", "H"]
    assert (acid.both_hands, water.both_hands) == (True, True)
    # one molecule bears the name of the compound, several those of their sources
    assert water.molecule.name == WATER
    (alone,) = kinds_of(source=WATER)
    assert alone.molecule.name == "some compound"


@pytest.mark.parametrize(
    ("source", "charge", "expected"),
    [
        ([ACID, WATER], None, [0, 0]),
        (["[NH4+]", "[O-]C=O"], None, [1, -1]),
        (["[NH4+]", "[O-]C=O"], [1, -1], [1, -1]),
        (["[NH4+]", "[NH4+]", "[O-]C(=O)C(=O)[O-]"], None, [1, -2]),
        (ACID, 0, [0]),
        (ACID, [0], [0]),
    ],
)
def test_charges_are_those_of_the_smiles_strings(kinds_of, source, charge, expected):
    kinds = kinds_of(source=source, charge=charge)
    assert [kind.molecule.charge for kind in kinds] == expected


@pytest.mark.parametrize(
    ("molecule", "message"),
    [
        (
            {"source": ["[NH4+]", "[O-]C=O"], "charge": [0, -1]},
            r"'\[NH4\+\]' has charge 1, but the settings say 0: set charge = 1",
        ),
        ({"source": ACID, "charge": 1}, "has charge 0, but the settings say 1"),
        (
            {"source": "[NH4+]"},
            r"the formula unit has charge \+1, .*: add the counter-ions to molecule.so",
        ),
        (
            {"source": ["[NH4+]", "[O-]C(=O)C(=O)[O-]"]},
            r"unit has charge -1, a crystal",
        ),
        (
            {"source": [ACID, WATER, "O=C(O)C(=O)O"]},
            r"names one molecule in two ways, 'OC\(=O\)C\(=O\)O' and 'O=C\(O\)C\(=O\)O'"
            ": write both alike",
        ),
        ({"source": "O.O"}, "holds 2 molecules .*each its own source"),
        ({"source": [ACID, "no.cif"]}, "no.cif does not exist"),
    ],
)
def test_what_is_no_formula_unit_is_refused_in_a_sentence(kinds_of, molecule, message):
    with pytest.raises(InputError, match=message):
        kinds_of(**molecule)


@pytest.mark.parametrize(
    ("hands", "expected"),
    [("auto", [False, True]), ("both", [True, True]), ("one", [False, False])],
)
def test_hands_are_those_of_the_settings_or_of_the_smiles_string(
    kinds_of, hands, expected
):
    kinds = kinds_of(source=["C[C@H](N)C(=O)O", WATER], hands=hands)
    assert [kind.both_hands for kind in kinds] == expected


# --------------------------------------------------------------------- conformers


def test_labels_of_several_kinds_begin_with_a_letter_for_the_kind(dihydrate, tmp_path):
    run = runs.open_run(dihydrate, tmp_path / "run")
    acid, water = runs.conformers_of(run, read_kinds(run), silent)
    assert [own.label for own in acid.conformers] == ["A1", "A2", "A3", "A4"]
    assert [own.label for own in water.conformers] == ["B1"]
    given = read_monomers(dihydrate.parent / "monomers.json").conformers
    for found, own in zip(acid.conformers, given, strict=True):
        assert found.relative_energy == own.relative_energy


def test_labels_of_one_kind_are_those_of_its_file(case, tmp_path):
    run = runs.open_run(case, tmp_path / "run")
    (acid,) = runs.conformers_of(run, read_kinds(run), silent)
    assert [own.label for own in acid.conformers] == ["1", "2", "3", "4"]


def test_monomers_in_the_wrong_order_are_refused(dihydrate, tmp_path):
    change = 'molecule.monomers=["water.json", "monomers.json"]'
    with pytest.raises(InputError, match=r"the monomers file water\.json has InChIKey"):
        runs.open_run(dihydrate, tmp_path / "run", (change,))
    assert not (tmp_path / "run").exists()


def test_the_monomers_of_every_kind_belong_to_the_identity(
    dihydrate, write_water, tmp_path
):
    runs.open_run(dihydrate, tmp_path / "run")
    runs.open_run(dihydrate, tmp_path / "run")
    path = dihydrate.parent / "water.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"monomers_sha256 was .* and is now"):
        runs.open_run(dihydrate, tmp_path / "run")


# ---------------------------------------------------------------- observed forms


def cif(path: Path, n_acids: int, n_waters: int, case: Path) -> None:
    """A crystal in P1 of so many molecules, far apart along one axis."""
    acid = read_monomers(case.parent / "monomers.json").conformers[0].molecule
    numbers, positions = [], []
    for k in range(n_acids):
        numbers += acid.atomic_numbers.tolist()
        positions += (acid.positions + np.array([4.0, 4.0, 4.0 + 8.0 * k])).tolist()
    for k in range(n_waters):
        numbers += [8, 1, 1]
        z = 4.0 + 8.0 * (n_acids + k)
        positions += [[4.0, 4.0, z], [4.8, 4.0, z + 0.58], [3.2, 4.0, z + 0.58]]
    cell = [9.0, 9.0, 8.0 * (n_acids + n_waters)]
    Atoms(numbers, positions, cell=cell, pbc=True).write(path, format="cif")


@pytest.mark.parametrize(("n_acids", "n_waters", "n_units"), [(1, 2, 1), (2, 4, 2)])
def test_an_observed_form_of_the_formula_unit_is_taken(
    dihydrate, tmp_path, n_acids, n_waters, n_units
):
    cif(dihydrate.parent / "known.cif", n_acids, n_waters, dihydrate)
    changes = ('landscape.observed={known="known.cif"}',)
    run = runs.open_run(dihydrate, tmp_path / "run", changes)
    found = runs.observed_crystals(run, read_kinds(run))
    assert found["known"].n_formula_units == n_units
    assert found["known"].n_molecules == n_acids + n_waters


@pytest.mark.parametrize(
    ("n_acids", "n_waters"), [(1, 1), (1, 0), (0, 3), (2, 1), (2, 3)]
)
def test_an_observed_form_of_other_numbers_is_refused(
    dihydrate, tmp_path, n_acids, n_waters
):
    cif(dihydrate.parent / "known.cif", n_acids, n_waters, dihydrate)
    changes = ('landscape.observed={known="known.cif"}',)
    with pytest.raises(
        InputError,
        match=r"known \(known\.cif\) is not a crystal of oxalic acid dihydrate alone: "
        ".* or other numbers; correct landscape.observed",
    ):
        runs.open_run(dihydrate, tmp_path / "run", changes)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_a_newer_csp_is_refused(case, tmp_path):
    run = runs.open_run(case, tmp_path / "run")
    manifest = run.store.manifest()
    run.store.claim({**manifest, "results_version": runs.RESULTS_VERSION + 1})
    with pytest.raises(StoreError, match=r"newer csp .*update csp"):
        runs.open_run(case, tmp_path / "run")


def test_computed_conformers_are_computed_once_for_all_processes(
    case, tmp_path, monkeypatch
):
    (known,) = runs.conformers_of(
        runs.open_run(case), read_kinds(runs.open_run(case)), silent
    )
    text = case.read_text().replace('monomers = "monomers.json"', "")
    (case.parent / "computed.toml").write_text(text)
    run = runs.open_run(case.parent / "computed.toml", tmp_path / "run")
    kinds, calls = read_kinds(run), []

    def computed(*arguments):
        calls.append(arguments)
        return known

    monkeypatch.setattr(runs, "gas_phase_conformers", computed)
    (first,) = runs.conformers_of(run, kinds, silent)
    (again,) = runs.conformers_of(run, kinds, silent)
    assert len(calls) == 1
    for one, other in zip(first.conformers, again.conformers, strict=True):
        np.testing.assert_array_equal(one.molecule.positions, other.molecule.positions)
        np.testing.assert_array_equal(one.multipoles.moments, other.multipoles.moments)
