"""``csp reference`` as a user meets it, with ASE's Lennard-Jones as the engine."""

import json
import shutil
from pathlib import Path

import ase.io
import pytest
from typer.testing import CliRunner

from csp.cli import build_app
from csp.report.tables import read_csv

DATA = Path(__file__).parents[2] / "data" / "oxalic_acid"
LEVELS = """
[lj.production]
engine = "ase"
calculator = "ase.calculators.lj:LennardJones"
arguments = { epsilon = 0.01, sigma = 2.0, rc = 8.0 }

[cut.production]
engine = "ase"
calculator = "ase.calculators.lj:NoSuchCalculator"
"""


@pytest.fixture
def call(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *words: CliRunner().invoke(
        build_app(None), ["reference", *(str(word) for word in words)]
    )


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    path = tmp_path_factory.mktemp("levels") / "levels.toml"
    path.write_text(LEVELS)
    return path


@pytest.fixture(scope="module")
def landscape(finished, tmp_path_factory):
    """A finished run that this module may write into."""
    folder = tmp_path_factory.mktemp("landscape") / "run"
    shutil.copytree(finished.output, folder)
    return folder


def test_levels_are_listed_with_their_digests(call):
    shown = call("levels", "--json")
    assert shown.exit_code == 0
    content = json.loads(shown.stdout)
    assert content["pbe0-d4/production"]["engine"] == "embedding"
    assert len(content["gfn2-xtb/production"]["digest"]) == 16
    assert "quantum-espresso" in call("levels").stdout


def test_energies_of_a_landscape_from_estimate_to_export(
    call, levels, landscape, tmp_path
):
    chosen = ("--level", "lj", "--levels", levels, "--lowest", "2")
    rows = read_csv(landscape / "landscape.csv")
    estimate = json.loads(
        call("estimate", landscape, *chosen, "--cores", "2", "--json").stdout
    )
    assert estimate["learned_from"] == estimate["n_known"] == 0
    assert estimate["wall_seconds"] == pytest.approx(
        estimate["cpu_seconds"] / 2, abs=0.1
    )
    wanted = {rows[0].id, rows[1].id} | {row.id for row in rows if row.observed_form}
    assert {item["id"] for item in estimate["structures"]} == wanted

    ran = json.loads(call("run", landscape, *chosen, "--json").stdout)
    assert ran["failures"] == []
    assert ran["computed"] >= len(wanted) + 1  # and the molecules
    again = call("run", landscape, *chosen)
    assert again.exit_code == 0
    assert "0 computed" in again.stdout

    estimate = json.loads(call("estimate", landscape, *chosen, "--json").stdout)
    assert estimate["cpu_seconds"] == 0.0
    assert estimate["learned_from"] == len(wanted)

    status = ("status", landscape, "--levels", levels)
    (report,) = json.loads(call(*status, "--json").stdout)
    assert {item["id"] for item in report["structures"]} == wanted
    relative = [item["relative_energy_kj_per_mol"] for item in report["structures"]]
    assert relative[0] == 0.0
    assert relative == sorted(relative)
    assert all(
        isinstance(item["lattice_energy_kj_per_mol"], float)
        for item in report["structures"]
    )
    sentences = call(*status).stdout.replace("\n", " ")
    assert "lowest of the landscape's conformers" in sentences

    records = tmp_path / "energies.jsonl"
    exported = call(
        "export", landscape, "--to", records, "--level", "lj", "--levels", levels
    )
    assert exported.exit_code == 0
    shutil.rmtree(landscape / "reference")
    taken = call("import", landscape, records, "--levels", levels)
    assert f"{ran['computed']} energies at lj/production" in taken.stdout
    (same,) = json.loads(call(*status, "--json").stdout)
    for one, other in zip(same["structures"], report["structures"], strict=True):
        assert one["id"] == other["id"]
        assert one["lattice_energy_kj_per_mol"] == pytest.approx(
            other["lattice_energy_kj_per_mol"]
        )


def test_energies_computed_elsewhere_come_back(call, levels, landscape, tmp_path):
    folder = tmp_path / "inputs"
    wrote = call(
        "export",
        landscape,
        *("--to", folder, "--format", "extxyz", "--level", "lj", "--levels", levels),
        *("--lowest", "1"),
    )
    assert wrote.exit_code == 0, wrote.output
    frames = ase.io.read(folder / "structures.extxyz", index=":")
    for index, frame in enumerate(frames):
        frame.info["total"] = -10.0 - index
    path = tmp_path / "done.extxyz"
    ase.io.write(path, frames)
    taken = call(
        "import",
        landscape,
        path,
        *("--level", "pbe-d4-qe", "--key", "total"),
    )
    assert f"{len(frames)} energies at pbe-d4-qe/production" in taken.stdout


def test_cif_files_need_no_landscape(call, levels, tmp_path):
    files = (DATA / "alpha.cif", DATA / "beta.cif")
    there = ("--levels", levels, "--output", tmp_path / "energies")
    ran = call("run", *files, "--level", "lj", *there)
    assert ran.exit_code == 0, ran.output
    shown = call("status", *files, *there, "--json")
    (report,) = json.loads(shown.stdout)
    assert {item["id"] for item in report["structures"]} == {"alpha", "beta"}


def test_a_level_is_checked_with_doubled_cells(call, levels, tmp_path):
    shown = call(
        "check",
        DATA / "beta.cif",
        *("--level", "lj", "--levels", levels, "--output", tmp_path, "--json"),
    )
    content = json.loads(shown.stdout)
    assert shown.exit_code == 0
    assert content["converged"]
    assert abs(content["differences_kj_per_mol"]["beta"]) < 1e-3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", DATA / "beta.cif", "--level", "mp2"), "there is no level 'mp2'"),
        (("run", DATA / "beta.cif", "--budget", "soon"), "--budget 'soon' is no time"),
        (("run", DATA / "none.cif"), "cannot be read"),
        (("run", DATA), "there is no landscape in"),
        (("run", DATA, DATA / "beta.cif"), "not both"),
        (("run", DATA / "beta.cif", DATA / "beta.cif"), "two files are called beta"),
        (
            ("run", DATA / "beta.cif", "--gas", DATA / "landscape.toml"),
            "give an XYZ file",
        ),
        (("import", DATA, DATA / "none.jsonl"), "there is no landscape in"),
    ],
)
def test_mistakes_are_explained_in_one_sentence(call, words, sentence, tmp_path):
    shown = call(*words)
    assert shown.exit_code == 2
    text = " ".join(shown.stderr.split())
    assert sentence in text
    assert "Traceback" not in text


def test_files_that_are_no_energies_are_explained(call, landscape, tmp_path, levels):
    path = tmp_path / "some.jsonl"
    path.write_text('{"format": "other", "n_calculations": 0}\n')
    assert "another format" in call("import", landscape, path).stderr.replace("\n", " ")
    path.write_text("text")
    assert "no file of reference energies" in call(
        "import", landscape, path
    ).stderr.replace("\n", " ")
    other = tmp_path / "some.extxyz"
    other.write_text("1\nid=nobody energy=1\nH 0 0 0\n")
    shown = call("import", landscape, other)
    assert "name it with --level" in shown.stderr.replace("\n", " ")
    shown = call("import", landscape, other, "--level", "pbe-d4-qe")
    assert shown.exit_code == 2
    assert "none of the" in shown.stdout.replace("\n", " ")


def test_what_failed_is_told_with_its_reason(call, levels, tmp_path):
    where = ("--levels", levels, "--output", tmp_path)
    ran = call("run", DATA / "beta.cif", "--level", "cut", *where)
    assert ran.exit_code == 0
    assert "NoSuchCalculator" in ran.stdout.replace("\n", "")
    shown = call("status", DATA / "beta.cif", *where)
    assert shown.exit_code == 0, repr(shown.exception)
    shown = shown.stdout.replace("\n", " ")
    assert "set aside: " in shown
