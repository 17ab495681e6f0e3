"""CP2K: its input, what its output says, and the program itself where it is installed.

The outputs in ``cp2k/`` are CP2K 2023.1's own, cut to what is read: oxalic acid β with
k-points, a molecule of hydrogen, and a run with a basis that does not exist.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pyscf import dft, gto

from csp.crystal import Crystal
from csp.errors import InputError, MissingDependencyError
from csp.molecule import Molecule
from csp.reference.cp2k import Cp2k, boxed, parsed
from csp.reference.cp2k_input import (
    Cp2kSystem,
    Section,
    cp2k_input,
    points_of,
)
from csp.reference.dispersion import dispersion_energy
from csp.reference.engine import Energy, Failure, Reason, Resources
from csp.reference.levels import Cp2kLevel
from csp.reference.program import Finished
from csp.reference.supercells import repeated
from csp.units import KJ_PER_MOL_PER_HARTREE

OUTPUTS = Path(__file__).parent / "cp2k"
CELL = np.array([[3.4, 0.0, 0.0], [0.3, 3.6, 0.0], [0.2, 0.4, 4.0]])
HYDROGEN = Molecule(
    np.array([1, 1]),
    np.array([[7.0, 0.0, 0.0], [7.0, 0.0, 0.74]]),
    np.array([[0, 1]]),
    0,
    "hydrogen",
)
CRYSTAL = Crystal(CELL, np.array([1, 1]), HYDROGEN.positions, np.array([0, 0]), 1)
installed = pytest.mark.skipif(shutil.which("cp2k") is None, reason="no CP2K")


def level(**values: Any) -> Cp2kLevel:
    given = {
        "basis": "DZVP-MOLOPT-SR-GTH",
        "potential": "GTH-PBE",
        "cutoff_rydberg": 200.0,
        "relative_cutoff_rydberg": 30.0,
        "k_spacing": 1.0,
    }
    return Cp2kLevel(name="x", engine="cp2k", **{**given, **values})


def system(mesh=(2, 2, 2)) -> Cp2kSystem:
    return Cp2kSystem(CELL, np.array([1, 1]), HYDROGEN.positions, mesh)


def recorded(name: str) -> str:
    return (OUTPUTS / name).read_text(encoding="utf-8")


def finished(output: str) -> Finished:
    return Finished(output, cpu_seconds=1.0, wall_seconds=2.0, peak_memory=0.5)


@pytest.fixture
def resources(tmp_path) -> Resources:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Resources(cores=1, memory=4.0, scratch=scratch)


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Puts a program on the PATH that prints a recorded output."""

    def put(name: str, exit_code: int = 0) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "cp2k.psmp"
        program.write_text(
            f'#!/bin/sh\n[ "$1" = -i ] && [ -f "$2" ] || exit 3\n'
            f'/bin/cat "{OUTPUTS / name}"\nexit {exit_code}\n',
            encoding="utf-8",
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return put


def test_sections_are_closed_in_the_order_they_were_opened():
    for mesh in (None, (1, 1, 1), (2, 1, 1)):
        opened = []
        for line in cp2k_input(level(), system(mesh), 0).splitlines():
            word = line.split()[0]
            if word == "&END":
                assert opened.pop() == line.split()[1]
            elif word.startswith("&"):
                assert len(line) - len(line.lstrip()) == 2 * len(opened)
                opened.append(word[1:])
        assert opened == []
    lines = Section("A", ["x 1", Section("B", ["y"], "two")]).lines()
    assert lines == ["&A", "  x 1", "  &B two", "    y", "  &END B", "&END A"]


def test_the_input_says_what_the_level_says():
    text = cp2k_input(
        level(cutoff_rydberg=345.0, basis="TZV2P-MOLOPT-GTH"), system(), 0
    )
    assert "CUTOFF [Ry] 345.0" in text
    assert "BASIS_SET TZV2P-MOLOPT-GTH-q1\n" in text
    assert "POTENTIAL GTH-PBE-q1\n" in text
    assert re.findall(r"KPOINT (.+)", text) == [
        "0.250000000000 0.250000000000 0.250000000000 2",
        "0.250000000000 0.250000000000 0.750000000000 2",
        "0.250000000000 0.750000000000 0.250000000000 2",
        "0.250000000000 0.750000000000 0.750000000000 2",
    ]
    assert "XC_FUNCTIONAL PBE" in text
    assert "VDW" not in text
    vectors = re.findall(r"^ +[ABC] (.+)$", text, re.MULTILINE)
    assert_allclose([list(map(float, row.split())) for row in vectors], CELL)


@given(st.tuples(*[st.integers(1, 4)] * 3), st.tuples(*[st.integers(1, 3)] * 3))
def test_a_multiple_of_a_cell_has_the_same_k_points(mesh, repeats):
    """Where a mesh is a multiple too; in the cell's own vectors, with k and −k one."""

    def points(found, scale):
        both = [sign * np.array(k) / scale for k, _ in found for sign in (1, -1)]
        return {tuple(np.round(k % 1.0, 9) % 1.0) for k in both}

    fine = tuple(n * m for n, m in zip(mesh, repeats, strict=True))
    assert points(points_of(mesh), np.array(repeats)) <= points(points_of(fine), 1.0)
    assert sum(weight for _, weight in points_of(fine)) == np.prod(fine)


def test_an_element_without_a_potential_is_named():
    iron = Cp2kSystem(CELL, np.array([26]), np.zeros((1, 3)), None)
    with pytest.raises(InputError, match="no potential for Fe"):
        cp2k_input(level(), iron, 0)


def test_a_molecule_is_alone_in_its_box():
    text = cp2k_input(level(), boxed(HYDROGEN, 8.0), 0)
    assert text.count("PERIODIC NONE") == 2
    assert "KPOINTS" not in text
    box = boxed(HYDROGEN, 8.0)
    assert_allclose(box.cell, 8.74 * np.eye(3))
    assert_allclose(np.minimum(box.positions, 8.74 - box.positions).min(), 4.0)
    assert_allclose(np.diff(box.positions, axis=0), [[0.0, 0.0, 0.74]])
    assert "PERIODIC XYZ" in cp2k_input(level(), system((1, 1, 1)), 0)


def test_a_second_attempt_goes_more_carefully():
    fractions = [
        float(re.search(r"ALPHA (\S+)", cp2k_input(level(), system(), n))[1])
        for n in range(3)
    ]
    assert sorted(fractions, reverse=True) == fractions
    assert len(set(fractions)) == 3
    first, second = (cp2k_input(level(), system(None), n) for n in (0, 1))
    assert "&DIAGONALIZATION" in first
    assert "MINIMIZER CG" in second
    assert "&MIXING" not in second
    assert cp2k_input(level(), system(), 7) == cp2k_input(level(), system(), 2)


def test_energy_and_provenance_are_read():
    outcome = parsed(finished(recorded("kpoints.out")), system())
    assert isinstance(outcome, Energy)
    assert outcome.energy == -153.409125852913860 * KJ_PER_MOL_PER_HARTREE
    assert outcome.provenance["program"] == "CP2K version 2023.1 (git:b888bd8)"
    assert outcome.provenance["n_iterations"] == 13
    assert outcome.provenance["k_mesh"] == [2, 2, 2]
    molecule = parsed(finished(recorded("molecule.out")), boxed(HYDROGEN, 8.0))
    assert molecule.energy == -1.161550424436602 * KJ_PER_MOL_PER_HARTREE
    assert molecule.provenance["n_iterations"] == 8
    assert molecule.provenance["box_angstrom"] == 8.74


def test_a_field_that_did_not_converge_has_no_energy():
    output = recorded("kpoints.out").replace(
        "*** SCF run converged in    13 steps ***", "*** WARNING SCF run NOT converged"
    )
    for text in (output, "", recorded("kpoints.out").replace("ENERGY|", "")):
        outcome = parsed(finished(text), system())
        assert isinstance(outcome, Failure)
        assert outcome.reason is Reason.NOT_CONVERGED
        assert not outcome.is_final


def test_dispersion_is_ours(pretend, resources):
    pretend("kpoints.out")
    outcome = Cp2k(level()).of_crystal(CRYSTAL, resources)
    expected = dispersion_energy(
        "d4", "pbe", (CRYSTAL.atomic_numbers, CRYSTAL.positions), CELL
    )
    assert outcome.parts["dispersion"] == pytest.approx(expected)
    assert outcome.energy == pytest.approx(sum(outcome.parts.values()))
    files = {path.name for path in resources.scratch.iterdir()}
    assert files == {"csp.inp", "program.log"}


def test_what_cp2k_says_when_it_stops_is_passed_on(pretend, resources):
    pretend("abort.out", exit_code=1)
    outcome = Cp2k(level()).of_molecule(HYDROGEN, resources)
    assert outcome == Failure(
        Reason.UNSUPPORTED,
        "CP2K stopped: The requested basis set <NO-SUCH-BASIS> for element <H> was not "
        "found in the basis set files <BASIS_MOLOPT><BASIS_MOLOPT_UZH>",
        is_final=True,
    )


def test_another_end_may_be_tried_again(pretend, resources):
    pretend("molecule.out", exit_code=9)
    outcome = Cp2k(level()).of_molecule(HYDROGEN, resources)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.PROGRAM_FAILED
    assert not outcome.is_final


def test_without_the_program_the_remedy_is_named(resources, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependencyError, match="apt install cp2k"):
        Cp2k(level()).of_molecule(HYDROGEN, resources)


@pytest.mark.external
@pytest.mark.slow
@installed
def test_a_supercell_has_the_energy_of_its_cells(tmp_path):
    """To 0.003 kJ/mol here; a grid of 150 Ry alone moves it by 2 kJ/mol."""
    fine = level(cutoff_rydberg=350.0, relative_cutoff_rydberg=50.0)
    energies = []
    for repeats in ((1, 1, 1), (2, 1, 1)):
        scratch = tmp_path / str(repeats)
        scratch.mkdir()
        whole = repeated(CRYSTAL, repeats)
        outcome = Cp2k(fine).of_crystal(whole, Resources(1, 4.0, scratch))
        assert isinstance(outcome, Energy)
        energies.append(outcome.energy / whole.n_formula_units)
    assert energies[0] == pytest.approx(energies[1], abs=0.05)


@pytest.mark.external
@pytest.mark.slow
@installed
def test_a_molecule_has_the_energy_that_pyscf_gives(resources):
    """The same Gaussians and pseudopotentials, on atom-centred grids."""
    fine = level(
        cutoff_rydberg=400.0,
        relative_cutoff_rydberg=50.0,
        vacuum_angstrom=6.0,
        dispersion="none",
    )
    outcome = Cp2k(fine).of_molecule(HYDROGEN, resources)
    assert isinstance(outcome, Energy)
    molecule = gto.M(
        atom=[("H", position) for position in HYDROGEN.positions],
        basis="gth-dzvp-molopt-sr",
        pseudo="gth-pbe",
        verbose=0,
    )
    expected = dft.RKS(molecule, xc="pbe").kernel() * KJ_PER_MOL_PER_HARTREE
    assert outcome.energy == pytest.approx(expected, abs=0.3)
