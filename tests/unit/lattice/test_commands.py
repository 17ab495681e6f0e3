import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from csp.cli import build_app
from csp.comparison.reading import read_crystal

TERMS = {
    "charge_charge",
    "charge_dipole",
    "dipole_dipole",
    "higher_multipole",
    "repulsion_dispersion",
}
KEYS = {"lattice_energy_kj_per_mol", "terms_kj_per_mol", "cell", "status"}


@pytest.fixture
def call(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *words: CliRunner().invoke(build_app(None), [str(w) for w in words])


@pytest.fixture
def path(write_case, chiral):
    turn = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    return write_case(chiral(turn=np.array(turn)))


def check(report: dict) -> None:
    assert report.keys() >= KEYS
    assert report["terms_kj_per_mol"].keys() >= TERMS
    assert len(report["cell"]) == 6
    total = sum(report["terms_kj_per_mol"].values())
    assert report["lattice_energy_kj_per_mol"] == pytest.approx(total, abs=1e-9)


def test_lattice_energy_prints_json(call, path):
    result = call("lattice-energy", path, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    check(report)
    assert report["status"] == "not minimised"
    assert report["cell"][:3] == pytest.approx([6.4, 7.3, 8.1])
    assert (report["n_formula_units"], report["n_molecules"]) == (4, 4)
    assert isinstance(report["notes"], list)


def test_minimise_prints_json_and_writes_the_end(call, path, tmp_path):
    before = json.loads(call("lattice-energy", path, "--json").stdout)
    result = call("minimise", path, "--json", "-o", tmp_path / "end.cif")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    check(report)
    check(report["initial"])
    assert report["status"] == "converged"
    assert report["initial"]["status"] == "not minimised"
    for key in KEYS:
        assert report["initial"][key] == before[key]
    text = (tmp_path / "end.cif").read_text(encoding="utf-8")
    energy = re.search(r"lattice energy (-?[\d.]+) kJ/mol", text)[1]
    assert float(energy) == pytest.approx(report["lattice_energy_kj_per_mol"], abs=1e-4)
    assert "'P 21 21 21'" in text
    volume = read_crystal(tmp_path / "end.cif").cell.diagonal().prod()
    a, b, c = report["cell"][:3]
    assert volume == pytest.approx(a * b * c, rel=1e-5)


def test_the_table_has_every_term_and_what_to_do_next(call, path):
    result = call("lattice-energy", path)
    assert result.exit_code == 0
    for term in TERMS:
        assert term.replace("_", " ") in result.stdout
    assert f"next: csp minimise {path}" in result.stdout
    pressed = call("lattice-energy", path, "--pressure", "2").stdout
    assert f"next: csp minimise {path} --pressure 2" in pressed
    both = call("minimise", path).stdout
    assert "start" in both
    assert "end" in both


@pytest.mark.parametrize("command", ["lattice-energy", "minimise"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no.json",), r"no\.json cannot be read.*give the path"),
        (("no.cif",), r"no\.cif cannot be read.*give the path"),
        (("x.xyz",), r"x\.xyz is neither a \.cif file nor a DMACRYS case"),
        (("PATH", "--pressure", "500"), "between -1 and 100 GPa, got 500"),
        (("PATH", "--pressure", "nan"), "between -1 and 100 GPa, got nan"),
        (("PATH", "--force-field", "fit"), "leave out --force-field"),
        (("x.cif", "--force-field", "amber"), "or a .toml file, got 'amber'"),
        (("x.cif", "--charge", "Cl"), "--charge takes a formula"),
    ],
)
def test_bad_input_ends_in_one_sentence(call, path, command, words, message):
    result = call(command, *(path if word == "PATH" else word for word in words))
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line)


@pytest.mark.parametrize("command", ["lattice-energy", "minimise"])
def test_the_commands_explain_themselves(call, command):
    text = call(command, "--help").stdout
    assert "kJ/mol" in text or "lattice energy" in text
    assert "DMACRYS" in text
