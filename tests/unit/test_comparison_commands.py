"""``csp compare`` and ``csp match`` as a user meets them."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter
from typer.testing import CliRunner

from csp.cli import build_app
from csp.comparison.reading import read_crystal
from csp.crystal import Crystal

DATA = Path(__file__).parents[2] / "data" / "oxalic_acid"
ALPHA, BETA = DATA / "alpha.cif", DATA / "beta.cif"
KEYS = {"molecules_matched", "molecules_compared", "rmsd_angstrom", "same"}
MORE = {"powder_similarity", "amd_angstrom", "distance_tolerance_percent"}


@pytest.fixture
def call(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *words: CliRunner().invoke(build_app(None), [str(w) for w in words])


def layered(crystal):
    """The molecules far apart in one direction."""
    cell = np.diag([1.6, 1.0, 1.0]) @ crystal.cell
    positions = np.array(crystal.positions)
    for molecule in range(crystal.n_molecules):
        atoms = crystal.molecule_of_atom == molecule
        centre = positions[atoms].mean(axis=0)
        positions[atoms] += centre @ np.linalg.inv(crystal.cell) @ cell - centre
    return Crystal(cell, crystal.atomic_numbers, positions, crystal.molecule_of_atom, 2)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same crystal otherwise described, and another compound."""
    folder = tmp_path_factory.mktemp("cifs")
    beta = read_crystal(BETA).to_pymatgen()
    CifWriter(beta.make_supercell([2, 1, 1], in_place=False)).write_file(
        folder / "large.cif"
    )
    bare = beta.copy()
    bare.remove_species(["H"])
    CifWriter(bare).write_file(folder / "bare.cif")
    CifWriter(layered(read_crystal(BETA)).to_pymatgen()).write_file(
        folder / "layered.cif"
    )
    ice = Structure(
        np.eye(3) * 5.6, ["C", "O", "O"], [[0, 0, z] for z in (0, 0.2, 0.8)]
    )
    CifWriter(ice).write_file(folder / "other.cif")
    return folder


def test_compare_prints_json(call, files):
    result = call("compare", BETA, files / "large.cif", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report.keys() >= KEYS | MORE
    assert (report["molecules_matched"], report["molecules_compared"]) == (15, 15)
    assert report["same"] is True
    assert report["rmsd_angstrom"] < 1e-3
    assert report["powder_similarity"] > 0.9999
    assert report["amd_angstrom"] < 1e-3
    assert report["angle_tolerance_degrees"] == 20.0


def test_it_does_not_matter_which_file_is_first(call):
    words = ("--molecules", "20", "--angle-tolerance", "35", "--json")
    forward = json.loads(call("compare", ALPHA, BETA, *words).stdout)
    backward = json.loads(call("compare", BETA, ALPHA, *words).stdout)
    for key in ("rmsd_angstrom", "powder_similarity", "amd_angstrom"):
        assert forward.pop(key) == pytest.approx(backward.pop(key), abs=1e-9)
    assert forward == backward
    assert forward["same"] is False
    assert (forward["molecules_compared"], forward["angle_tolerance_degrees"]) == (
        20,
        35,
    )


def test_nothing_matches_between_other_molecules(call, files):
    result = call("compare", BETA, files / "other.cif", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert [report[key] for key in sorted(KEYS)] == [15, 0, None, False]
    assert report["notes"] == [
        "one crystal lacks hydrogen atoms: compared without any",
        "the crystals differ in contents: C2H2O4 and CO2",
    ]


def test_compare_tells_a_reader(call, files):
    text = call("compare", BETA, files / "bare.cif").stdout
    assert re.search(r"molecules matched +15 of 15", text)
    assert re.search(r"RMSD of 15 +0\.00\d Å", text)
    assert re.search(r"same crystal +yes", text)
    assert "compared without any" in text
    assert "20 %" in call("compare", "--help").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no.cif", BETA), r"no\.cif cannot be read"),
        ((ALPHA, BETA, "--molecules", "1"), "between 2 and 100, got 1"),
        ((ALPHA, BETA, "--molecules", "999"), "between 2 and 100, got 999"),
        ((ALPHA, BETA, "--distance-tolerance", "0"), "between 0 and 100 %, got 0"),
        ((ALPHA, BETA, "--distance-tolerance", "nan"), "and 100 %, got nan"),
        ((ALPHA, BETA, "--angle-tolerance", "91"), "0 and 90 degrees, got 91"),
        ((BETA, "FILES/bare.cif", "--hydrogens"), "lacks hydrogen atoms"),
    ],
)
def test_bad_input_of_compare_ends_in_one_sentence(call, files, words, message):
    filled = [str(word).replace("FILES", str(files)) for word in words]
    check_refusal(call("compare", *filled), message)


def check_refusal(result, message):
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line), line


def test_match_finds_what_the_landscape_says(call, finished):
    result = call("match", finished.output, ALPHA, BETA, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    minima = finished.landscape.minima
    assert report["n_structures"] == len(minima)
    assert [Path(match["observed"]).stem for match in report["matches"]] == [
        "alpha",
        "beta",
    ]
    for match, known in zip(
        report["matches"], finished.landscape.observed, strict=True
    ):
        minimum = minima[match["rank"] - 1]
        assert match["found"] is known.is_found
        assert match["id"] == minimum.identity == known.key
        assert match["molecules_matched"] == known.packing.n_matched
        assert match["rmsd_angstrom"] == pytest.approx(known.packing.rmsd, abs=1e-3)
        assert match["times_found"] == minimum.times_found
        assert match["relative_energy_kj_per_mol"] == pytest.approx(
            finished.landscape.relative_energy(minimum), abs=1e-4
        )


def test_match_tells_a_reader(call, finished, files):
    text = call("match", finished.output, ALPHA, files / "layered.cif", "--all").stdout
    assert re.search(r"alpha\.cif +found +\d+ +Pbca", text)
    assert re.search(r"layered\.cif +not found, nearest: +\d+ .* \d+ of 15", text)


def test_observed_crystals_may_lack_hydrogens(call, finished, files):
    with_them = call("match", finished.output, BETA, "--json").stdout
    without = call("match", finished.output, files / "bare.cif", "--json").stdout
    first, second = (json.loads(t)["matches"][0] for t in (with_them, without))
    assert first["id"] == second["id"]
    assert second["rmsd_angstrom"] == pytest.approx(first["rmsd_angstrom"], abs=1e-4)


def test_the_cif_files_do_for_a_missing_database(call, finished, tmp_path):
    shutil.copy(finished.output / "landscape.csv", tmp_path)
    shutil.copytree(finished.output / "structures", tmp_path / "structures")
    words = (ALPHA, "--json")
    here = json.loads(call("match", tmp_path, *words).stdout)["matches"][0]
    there = json.loads(call("match", finished.output, *words).stdout)["matches"][0]
    assert here["id"] == there["id"]
    assert here["rmsd_angstrom"] == pytest.approx(there["rmsd_angstrom"], abs=1e-3)


def test_bad_input_of_match_ends_in_one_sentence(call, finished, files, tmp_path):
    check_refusal(call("match", tmp_path, ALPHA), "no landscape in")
    check_refusal(call("match", finished.output, tmp_path / "x.cif"), "cannot be read")
    check_refusal(
        call("match", finished.output, files / "other.cif"),
        r"other\.cif is a crystal of CO2, the landscape is of C2H2O4",
    )
    check_refusal(
        call("match", finished.output, ALPHA, "--molecules", "0"), "100, got 0"
    )
    shutil.copy(finished.output / "landscape.csv", tmp_path)
    check_refusal(call("match", tmp_path, ALPHA), r"\.cif cannot be read")
    (tmp_path / "landscape.db").write_bytes(b"not a database" * 100)
    check_refusal(call("match", tmp_path, ALPHA), r"landscape\.db cannot be used")
    shutil.copy(finished.output / "landscape.db", tmp_path)
    with (tmp_path / "landscape.csv").open("a", encoding="utf-8") as stream:
        row = (tmp_path / "landscape.csv").read_text(encoding="utf-8").splitlines()[1]
        stream.write(row.replace(row.split(",")[1], "sg001-a-999999") + "\n")
    check_refusal(call("match", tmp_path, ALPHA), "lacks sg001-a-999999")
