"""Tight binding against tblite's own ASE calculator, and through its own limits."""

import sys
from pathlib import Path

import numpy as np
import pytest

from csp.comparison.reading import read_crystal
from csp.crystal import Crystal
from csp.errors import MissingDependencyError
from csp.molecule import Molecule
from csp.reference.ase_calculator import AseCalculator
from csp.reference.engine import Energy, Failure, Reason, Resources
from csp.reference.levels import AseLevel, XtbLevel
from csp.reference.xtb import Tblite

BETA = Path(__file__).parents[3] / "data" / "oxalic_acid" / "beta.cif"
tblite = pytest.importorskip("tblite", exc_type=ImportError)


def level(method: str = "GFN1-xTB", width: float = 5.0) -> XtbLevel:
    return XtbLevel(name="x", engine="tblite", method=method, width_angstrom=width)


@pytest.fixture
def resources(tmp_path) -> Resources:
    return Resources(cores=1, memory=2.0, scratch=tmp_path)


@pytest.fixture(scope="module")
def hydrogen() -> Crystal:
    positions = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.74]])
    cell = np.array([[3.4, 0.0, 0.0], [0.3, 3.6, 0.0], [0.2, 0.4, 4.0]])
    return Crystal(cell, np.array([1, 1]), positions, np.array([0, 0]), 1)


def ion(charge: int) -> Molecule:
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.97]])
    return Molecule(
        np.array([8, 1]), positions, np.array([[0, 1]]), charge, "hydroxide"
    )


@pytest.mark.parametrize("method", ["GFN1-xTB", "GFN2-xTB"])
def test_energies_are_those_of_another_interface(hydrogen, resources, method):
    ours = Tblite(level(method)).of_crystal(hydrogen, resources)
    other = AseLevel(
        name="y",
        engine="ase",
        calculator="tblite.ase:TBLite",
        arguments={"method": method, "accuracy": 0.1, "verbosity": 0},
        width_angstrom=5.0,
    )
    theirs = AseCalculator(other).of_crystal(hydrogen, resources)
    assert isinstance(ours, Energy)
    assert isinstance(theirs, Energy)
    assert ours.energy == pytest.approx(theirs.energy, abs=1e-3)
    assert ours.provenance["supercell"] == [2, 2, 2]
    assert ours.provenance["program"].startswith("tblite ")


def test_energy_is_per_cell_as_given(hydrogen, resources):
    one = Tblite(level(width=5.0)).of_crystal(hydrogen, resources)
    alone = Molecule(
        hydrogen.atomic_numbers, hydrogen.positions, np.array([[0, 1]]), 0, "hydrogen"
    )
    free = Tblite(level()).of_molecule(alone, resources)
    # a molecule of hydrogen is bound by a few kJ/mol, not by another molecule
    assert abs(one.energy - free.energy) < 30.0
    assert free.provenance["supercell"] == [1, 1, 1]


def test_an_ion_has_its_charge(resources):
    anion = Tblite(level()).of_molecule(ion(-1), resources)
    cation = Tblite(level()).of_molecule(ion(+1), resources)
    # ionisation energy and electron affinity of OH are 13.0 eV and 1.8 eV
    assert cation.energy - anion.energy > 1000.0


def test_safer_settings_give_the_same_energy(hydrogen, tmp_path):
    first, third = (
        Tblite(level()).of_crystal(hydrogen, Resources(1, 2.0, tmp_path, attempt))
        for attempt in (0, 2)
    )
    assert first.energy == pytest.approx(third.energy, abs=1e-4)


def test_iterations_that_do_not_suffice_are_a_failure(resources, monkeypatch):
    monkeypatch.setattr("csp.reference.xtb.MOST_ITERATIONS", (1, 1, 1))
    crystal = read_crystal(BETA)
    outcome = Tblite(level(width=1.0)).of_crystal(crystal, resources)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.NOT_CONVERGED
    assert not outcome.is_final


def test_an_element_without_parameters_is_a_final_failure(resources):
    heavy = Molecule(
        np.array([100]), np.zeros((1, 3)), np.zeros((0, 2), dtype=int), 0, "fermium"
    )
    outcome = Tblite(level()).of_molecule(heavy, resources)
    assert isinstance(outcome, Failure)
    assert outcome.is_final
    assert "GFN1-xTB" in outcome.message


def test_without_the_package_the_extra_is_named(hydrogen, resources, monkeypatch):
    monkeypatch.setitem(sys.modules, "tblite.interface", None)
    with pytest.raises(MissingDependencyError, match=r"csp\[xtb\]"):
        Tblite(level()).of_crystal(hydrogen, resources)
