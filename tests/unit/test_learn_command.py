"""``csp learn`` as a user meets it."""

import csv
import json
import re
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from typer.testing import CliRunner

from csp.cli import build_app
from csp.comparison.reading import read_crystal
from csp.units import KJ_PER_MOL_PER_EV

DATA = Path(__file__).parents[2] / "data" / "oxalic_acid"
KEYS = {
    "n_train",
    "mae_kj_per_mol",
    "mae_mean_baseline_kj_per_mol",
    "spearman",
    "coverage_68",
    "coverage_95",
    "seconds",
}
N = 24


@pytest.fixture
def call(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *words: CliRunner().invoke(
        build_app(None), ["learn", *map(str, words)]
    )


def strained(n: int, seed: int = 0) -> list[Atoms]:
    """Two crystals of oxalic acid, their cells deformed; some doubled."""
    generator = np.random.default_rng(seed)
    made = []
    for k in range(n):
        crystal = read_crystal(DATA / ("alpha.cif", "beta.cif")[k % 2])
        atoms = crystal.to_ase()
        strain = np.eye(3) + generator.uniform(-0.04, 0.08, 3) * np.eye(3)
        centres = crystal.positions @ strain
        atoms = Atoms(
            crystal.atomic_numbers,
            positions=rigid(crystal, centres),
            cell=crystal.cell @ strain,
            pbc=True,
        )
        made.append(atoms.repeat((2, 1, 1)) if k % 3 == 0 else atoms)
    return made


def rigid(crystal, moved):
    """Molecules carried along with their centroids."""
    positions = np.array(crystal.positions)
    for molecule in range(crystal.n_molecules):
        own = crystal.molecule_of_atom == molecule
        positions[own] += moved[own].mean(axis=0) - positions[own].mean(axis=0)
    return positions


def energy_of(atoms: Atoms) -> float:
    """A smooth function of the density and of the shape, kJ/mol per molecule."""
    n = len(atoms) // 8
    shape = np.linalg.norm(atoms.cell.array, axis=1)
    return 0.05 * (atoms.cell.volume / n - 75.0) ** 2 + 0.1 * shape[1]


@pytest.fixture(scope="module")
def landscape(tmp_path_factory):
    """The same energies in kJ/mol per molecule, eV per cell, and by ASE; a table."""
    folder = tmp_path_factory.mktemp("learn")
    frames = strained(N)
    rows = []
    for k, atoms in enumerate(frames):
        value = energy_of(atoms)
        per_cell = value * (len(atoms) // 8) / KJ_PER_MOL_PER_EV
        atoms.info |= {"name": f"s{k}", "kj": value, "half": 0.5 * value}
        atoms.calc = SinglePointCalculator(atoms, energy=per_cell)
        rows.append({"id": f"s{k}", "E": per_cell, "ok": int(k != 3)})
    rows[5]["E"] = "nan"
    rows[6]["E"] = ""
    with (folder / "table.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    ase.io.write(folder / "set.extxyz", frames, format="extxyz")
    return folder


def report(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_it_prints_the_json_that_was_asked_for(call, landscape):
    words = ("--target", "kj", "--per", "molecule", "--sizes", "8,16", "--repeats", "2")
    found = report(call(landscape / "set.extxyz", *words, "--json"))
    assert found["n_structures"] == N
    assert found["baseline"] == "none"
    assert [point["n_train"] for point in found["curve"]] == [8, 16]
    assert all(point.keys() >= KEYS for point in found["curve"])
    last = found["curve"][-1]
    assert last["mae_kj_per_mol"] < 0.5 * last["mae_mean_baseline_kj_per_mol"]
    assert last["spearman"] > 0.8
    again = report(call(landscape / "set.extxyz", *words, "--json"))
    for point in (*found["curve"], *again["curve"]):
        del point["seconds"]
    assert again["curve"] == found["curve"]


def test_energies_per_cell_in_ev_are_the_same_energies(call, landscape):
    words = ("--sizes", "10", "--repeats", "2", "--json")
    file = landscape / "set.extxyz"
    kj = report(call(file, "--target", "kj", "--per", "molecule", *words))
    ev = report(call(file, "--target", "energy", "--unit", "ev", *words))
    first, second = kj["curve"][0], ev["curve"][0]
    assert second["mae_kj_per_mol"] == pytest.approx(first["mae_kj_per_mol"], rel=1e-4)


def test_a_table_is_joined_and_what_is_missing_said(call, landscape):
    words = ("--table", landscape / "table.csv", "--key", "name=id", "--unit", "ev")
    more = ("--target", "E", "--where", "ok=1", "--sizes", "8", "--repeats", "1")
    found = report(call(landscape / "set.extxyz", *words, *more, "--json"))
    assert found["n_structures"] == N - 3
    assert "23 of 24 structures have ok=1" in found["notes"]
    assert "2 structures without E left out" in found["notes"]


def test_half_of_the_energy_as_a_baseline_leaves_half(call, landscape):
    words = ("--target", "kj", "--baseline", "half", "--per", "molecule")
    found = report(
        call(
            landscape / "set.extxyz",
            *words,
            "--sizes",
            "10",
            "--repeats",
            "2",
            "--json",
        )
    )
    plain = report(
        call(
            landscape / "set.extxyz",
            *words[:2],
            *words[4:],
            "--sizes",
            "10",
            "--repeats",
            "2",
            "--json",
        )
    )
    of = "mae_mean_baseline_kj_per_mol"
    assert found["curve"][0][of] == pytest.approx(0.5 * plain["curve"][0][of])
    assert found["curve"][0]["spearman_baseline"] == pytest.approx(1.0)
    assert found["curve"][0]["mae_kj_per_mol"] < 0.1 * found["curve"][0][of]


def test_sizes_that_are_too_large_are_clipped_and_said(call, landscape):
    words = (
        "--target",
        "kj",
        "--per",
        "molecule",
        "--sizes",
        "10,80",
        "--repeats",
        "1",
    )
    result = call(landscape / "set.extxyz", *words)
    assert result.exit_code == 0, result.output
    assert re.search(
        r"80 training structures are more than 24 distinct ones allow: 20 taken",
        result.stdout,
    )
    assert re.search(r"^20 ", result.stdout, re.MULTILINE)


def test_energies_taken_per_the_wrong_thing_are_doubted(call, landscape):
    words = ("--target", "kj", "--per", "cell", "--sizes", "8", "--repeats", "1")
    shifted = landscape / "shifted.extxyz"
    frames = ase.io.read(landscape / "set.extxyz", ":")
    for atoms in frames:
        atoms.calc = None
        atoms.info["kj"] -= 1000.0
    ase.io.write(shifted, frames, format="extxyz")
    assert "check --per" in call(shifted, *words).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no.extxyz", "--target", "kj"), r"no\.extxyz cannot be read"),
        (
            ("SET", "--target", "nothing"),
            "no structure has 'nothing': correct --target",
        ),
        (("SET", "--target", "name"), "is no number but 's0'"),
        (("SET", "--target", "kj", "--baseline", "x"), "'x': correct --baseline"),
        (("SET", "--target", "kj", "--per", "atom"), "cell or molecule, got 'atom'"),
        (("SET", "--target", "kj", "--unit", "Ha"), "ev or kj, got 'Ha'"),
        (("SET", "--target", "kj", "--sizes", "a"), "like 10,20,40,80, got 'a'"),
        (("SET", "--target", "kj", "--sizes", "1"), "at least 2, got 1"),
        (("SET", "--target", "kj", "--sizes", ","), "at least 2, got none"),
        (("SET", "--target", "kj", "--repeats", "0"), "at least 1, got 0"),
        (("SET", "--target", "kj", "--table", "TABLE"), "--table needs --key"),
        (("SET", "--target", "kj", "--key", "a=b"), "--key needs --table"),
        (("SET", "--target", "kj", "--where", "ok"), "condition like intact=1"),
        (("SET", "--target", "kj", "--where", "ok=1"), "has no 'ok'"),
        (
            ("SET", "--target", "E", "--table", "TABLE", "--key", "name=x"),
            "no column 'x'",
        ),
        (
            ("SET", "--target", "E", "--table", "TABLE", "--key", "kj=id"),
            "is among the 'id'",
        ),
        (("BROKEN", "--target", "kj"), "cannot be read"),
        (("NOCELL", "--target", "kj"), r"structure 2 of .* \(s1\) has no cell"),
        (("CLOSE", "--target", "kj"), r"structure 3 of .* atoms 0\.\d+ Å apart"),
        (("FEW", "--target", "kj"), "5 crystals with kj are too few"),
        (("NANPOS", "--target", "kj"), "coordinates that are no numbers"),
    ],
)
def test_bad_input_ends_in_one_sentence(call, landscape, tmp_path, words, message):
    frames = ase.io.read(landscape / "set.extxyz", ":")
    for atoms in frames:
        atoms.calc = None
    files = {"SET": landscape / "set.extxyz", "TABLE": landscape / "table.csv"}
    if words[0] == "BROKEN":
        files["BROKEN"] = tmp_path / "broken.extxyz"
        files["BROKEN"].write_text("3\nLattice=nonsense\nH 0\n")
    elif words[0] in {"NOCELL", "CLOSE", "FEW", "NANPOS"}:
        if words[0] == "NOCELL":
            frames[1] = Atoms(
                frames[1].numbers, frames[1].positions, info=frames[1].info
            )
        elif words[0] == "CLOSE":
            frames[2].positions[1] = frames[2].positions[0] + 0.1
        elif words[0] == "NANPOS":
            frames[2].positions[1] = np.nan
        else:
            frames = frames[:5]
        files[words[0]] = tmp_path / "set.extxyz"
        ase.io.write(files[words[0]], frames, format="extxyz")
    result = call(*(files.get(str(word), word) for word in words))
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout) == (2, "")
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    assert re.search(message, line), line
