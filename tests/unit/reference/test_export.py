"""Inputs for a cluster hold the crystals, as other readers see them."""

import io
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import ase.io
import numpy as np
import pytest

from csp.comparison.reading import read_crystal
from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.engine import Resources
from csp.reference.exchange import read_energies
from csp.reference.export import STRUCTURES_FILE, exported
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import Cp2kLevel, built_in_levels, level_named
from csp.reference.pseudopotentials import installed_folder
from csp.reference.quantum_espresso import QuantumEspresso
from csp.units import KJ_PER_MOL_PER_RYDBERG

OXALIC = Path(__file__).parents[3] / "data" / "oxalic_acid"
WATER = Molecule(
    np.array([8, 1, 1]),
    np.array([[0.0, 0.0, 0.0], [0.8, 0.0, 0.6], [-0.8, 0.0, 0.6]]),
    np.array([[0, 1], [0, 2]]),
    0,
    "water",
)
SYSTEMS = {
    "beta": read_crystal(OXALIC / "beta.cif"),
    "14-e 7": read_crystal(OXALIC / "alpha.cif"),
    "water": WATER,
}
LEVELS = {
    "quantum-espresso": "pbe-d4-qe",
    "cp2k": "pbe-d4-cp2k",
    "vasp": "pbe-d4",
    "fhi-aims": "pbe0-d4-periodic",
    "extxyz": "pbe0-d4",
}
READERS = {
    "quantum-espresso": ("pw.in", "espresso-in"),
    "vasp": ("POSCAR", "vasp"),
    "fhi-aims": ("geometry.in", "aims"),
}


def level(name: str):
    return level_named(name, built_in_levels())


def files_of(program: str, **systems):
    return exported(systems or SYSTEMS, level(LEVELS[program]), program)


def matched(tmp_path: Path, frames) -> set[str]:
    """Ids of the frames that are the crystals they claim to be."""
    for identity, frame in frames.items():
        frame.info = {"id": identity, "energy_dft": 1.0}
        frame.calc = None
    path = tmp_path / "back.extxyz"
    ase.io.write(path, list(frames.values()), format="extxyz")
    found = read_energies(path, SYSTEMS, key="energy_dft")
    assert found.refusals == ()
    return set(found.energies)


@pytest.mark.filterwarnings("ignore:FHI-aims IO is moving:FutureWarning")
@pytest.mark.parametrize("program", READERS)
def test_other_readers_see_the_crystals(tmp_path, program):
    name, kind = READERS[program]
    files = files_of(program)
    frames = {}
    for identity, folder in (("beta", "beta"), ("14-e 7", "14-e_7")):
        path = tmp_path / folder
        path.write_text(files[f"{folder}/{name}"], encoding="utf-8")
        frames[identity] = ase.io.read(path, format=kind)
    assert matched(tmp_path, frames) == {"beta", "14-e 7"}


def test_cp2k_gets_the_crystals(tmp_path):
    text = files_of("cp2k")["beta/csp.inp"]
    path = tmp_path / "csp.restart"
    path.write_text(text, encoding="utf-8")
    frame = ase.io.read(path, format="cp2k-restart")
    frame.pbc = True
    assert matched(tmp_path, {"beta": frame}) == {"beta"}


@pytest.mark.parametrize("program", LEVELS)
def test_all_structures_come_back_under_their_ids(tmp_path, program):
    files = files_of(program)
    path = tmp_path / STRUCTURES_FILE
    path.write_text(files[STRUCTURES_FILE], encoding="utf-8")
    frames = ase.io.read(path, ":")
    assert matched(tmp_path, {frame.info["id"]: frame for frame in frames}) == set(
        SYSTEMS
    )


@pytest.mark.parametrize("program", sorted(set(LEVELS) - {"extxyz"}))
def test_there_is_one_job_a_folder(program):
    files = files_of(program)
    folders = {name.partition("/")[0] for name in files if "/" in name} - {"pseudo"}
    assert folders == {"beta", "14-e_7", "water"}
    jobs = files["jobs.txt"].splitlines()
    words = [shlex.split(line) for line in jobs]
    assert {line[1] for line in words} == folders
    assert all(line[0] == "cd" for line in words)
    inputs = [word for word in words[0] if word.endswith((".in", ".inp"))]
    assert all(f"{words[0][1]}/{name}" in files for name in inputs)


def test_the_readme_says_what_is_still_needed():
    needed = {
        "vasp": "POTCAR",
        "fhi-aims": "species defaults",
        "quantum-espresso": "pseudopotentials",
        "cp2k": "ENERGY| Total FORCE_EVAL",
        "extxyz": STRUCTURES_FILE,
    }
    for program, words in needed.items():
        text = files_of(program)["README.md"]
        assert words in text
        assert "3 structures" in text
        assert LEVELS[program] in text
        assert "functional pbe" in text


@pytest.mark.external
def test_exported_pseudopotentials_are_made_where_the_inputs_look(tmp_path):
    """What the script makes is what csp itself computes with."""
    files = files_of("quantum-espresso")
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    made = "O.pbe-n-kjpaw_csp.1.UPF"
    script = str(tmp_path / "pseudo" / "make.sh")
    subprocess.run(["sh", script], check=True, capture_output=True)
    for name in ("H.pbe-kjpaw.UPF", "C.pbe-n-kjpaw_psl.0.1.UPF"):
        shutil.copy(installed_folder() / name, tmp_path / "pseudo")
    assert (tmp_path / "pseudo" / made).is_file()
    folder = tmp_path / "water"
    ended = subprocess.run(
        ["pw.x", "-in", "pw.in"], cwd=folder, check=True, capture_output=True, text=True
    )
    energy = re.search(r"^!\s+total energy\s+=\s+(\S+) Ry", ended.stdout, re.MULTILINE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    engine = QuantumEspresso(level("pbe-d4-qe"))
    own = engine.of_molecule(WATER, Resources(1, 2.0, scratch))
    expected = own.parts["electronic"] / KJ_PER_MOL_PER_RYDBERG
    assert float(energy[1]) == pytest.approx(expected, abs=1e-6)


def test_a_level_without_recipes_brings_none():
    named = {"H": "H.UPF", "C": "C.UPF", "O": "O.UPF"}
    own = level("pbe-d4-qe").model_copy(update={"pseudopotentials": named})
    files = exported(SYSTEMS, own, "quantum-espresso")
    assert not [name for name in files if name.startswith("pseudo/")]
    brought = {name for name in files_of("quantum-espresso") if "pseudo/" in name}
    assert brought == {"pseudo/O.pbe-n-kjpaw_csp.1.in", "pseudo/make.sh"}


def test_no_input_asks_for_dispersion():
    for program in LEVELS:
        for name, text in files_of(program).items():
            if name != "README.md":
                words = text.lower()
                assert not any(w in words for w in ("ivdw", "vdw", "dftd", "d3", "d4"))


def test_settings_of_the_level_are_in_the_inputs():
    vasp = files_of("vasp")
    mesh = kpoint_mesh(SYSTEMS["beta"].cell, level("pbe-d4").k_spacing)
    assert vasp["beta/KPOINTS"].splitlines()[3] == " ".join(map(str, mesh))
    assert vasp["water/KPOINTS"].splitlines()[3] == "1 1 1"
    assert "LHFCALC" not in vasp["beta/INCAR"]
    hybrid = exported(SYSTEMS, level("pbe0-d4"), "vasp")
    assert "LHFCALC = .TRUE." in hybrid["beta/INCAR"]
    aims = files_of("fhi-aims")
    assert "xc pbe0" in aims["beta/control.in"]
    assert "k_grid" in aims["beta/control.in"]
    assert "k_grid" not in aims["water/control.in"]
    assert "charge 0" in aims["water/control.in"]


def test_molecules_are_isolated():
    vasp = ase.io.read(io.StringIO(files_of("vasp")["water/POSCAR"]), format="vasp")
    assert vasp.cell.lengths().min() > 12.0
    assert "martyna-tuckerman" in files_of("quantum-espresso")["water/pw.in"]
    assert "PERIODIC NONE" in files_of("cp2k")["water/csp.inp"]


def test_what_cannot_be_exported_is_explained():
    with pytest.raises(InputError, match="no structure to export"):
        exported({}, level("pbe-d4"), "vasp")
    with pytest.raises(InputError, match="would share a folder"):
        exported({"a b": WATER, "a/b": WATER}, level("pbe-d4"), "vasp")
    with pytest.raises(InputError, match=r"pbe-d4/production is one of the engine"):
        exported(SYSTEMS, level("pbe-d4"), "cp2k")
    no_bonds = np.empty((0, 2), dtype=int)
    xenon = Molecule(np.array([54]), np.zeros((1, 3)), no_bonds, 0, "xenon")
    with pytest.raises(InputError, match="no pseudopotential for Xe: name one"):
        exported({"xenon": xenon}, level("pbe-d4-qe"), "quantum-espresso")
    with pytest.raises(InputError, match=r"for pbe and pbe0, not for 'none'"):
        exported(SYSTEMS, level("gfn2-xtb"), "vasp")
    ion = Molecule(np.array([1]), np.zeros((1, 3)), np.zeros((0, 2), int), 1, "proton")
    for program in ("vasp", "quantum-espresso"):
        with pytest.raises(InputError, match=r"proton has the charge \+1"):
            files_of(program, ion=ion)
    assert "charge 1" in files_of("fhi-aims", ion=ion)["ion/control.in"]
    assert isinstance(level("pbe-d4-cp2k"), Cp2kLevel)
    assert "CHARGE 1" in files_of("cp2k", ion=ion)["ion/csp.inp"]
