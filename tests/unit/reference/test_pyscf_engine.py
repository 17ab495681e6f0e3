"""Energies by PySCF: other integrals, other cells, other boxes; and every bad end."""

import json
from dataclasses import replace

import numpy as np
import pytest
from pyscf.pbc import dft

from csp.crystal import Crystal
from csp.molecule import Molecule
from csp.reference import pyscf_solver
from csp.reference.engine import Energy, Failure, Reason, Resources
from csp.reference.levels import PySCFLevel
from csp.reference.pyscf_engine import PySCFEngine
from csp.reference.pyscf_systems import cell_of
from csp.units import KJ_PER_MOL_PER_HARTREE

HYDROGEN = np.array([[-0.222, -0.2368, -0.1776], [0.222, 0.2368, 0.1776]])
"""H₂, Å."""

TRICLINIC = np.array([[3.0, 0.2, 0.0], [0.3, 3.2, 0.1], [0.0, 0.4, 3.4]])
LEVEL = PySCFLevel(
    name="test",
    engine="pyscf",
    basis="gth-szv",
    dispersion="none",
    k_spacing=2.0,
    cutoff_hartree=100.0,
    energy_tolerance_hartree=1e-8,
)


@pytest.fixture
def resources(tmp_path):
    return Resources(cores=1, memory=2.0, scratch=tmp_path / "scratch")


def hydrogen_crystal(cell=TRICLINIC, n=1):
    """H₂ in a cell, repeated ``n`` times along its first axis."""
    positions = np.vstack([HYDROGEN + k * cell[0] for k in range(n)])
    return Crystal(
        np.diag([n, 1, 1]) @ cell,
        np.ones(2 * n, dtype=int),
        positions,
        np.repeat(np.arange(n), 2),
        n,
    )


def hydrogen_molecule():
    return Molecule(np.array([1, 1]), HYDROGEN, np.array([[0, 1]]), 0, "hydrogen")


@pytest.fixture(scope="module")
def solid(tmp_path_factory):
    resources = Resources(1, 2.0, tmp_path_factory.mktemp("solid"))
    return PySCFEngine(LEVEL).of_crystal(hydrogen_crystal(), resources)


@pytest.fixture(scope="module")
def gas(tmp_path_factory):
    resources = Resources(1, 2.0, tmp_path_factory.mktemp("gas"))
    return PySCFEngine(LEVEL).of_molecule(hydrogen_molecule(), resources)


def energy(outcome):
    assert isinstance(outcome, Energy), outcome
    return outcome.energy


UNIFORM_GRID = {"pbe": -3003.9366, "pbe0": -3023.4561}
"""By PySCF's own code for one uniform grid, with exact exchange by Fourier transforms;
kJ/mol at a cutoff of 120 hartree."""


@pytest.mark.parametrize(("functional", "tolerance"), [("pbe", 0.01), ("pbe0", 0.1)])
def test_many_grids_agree_with_one_uniform_grid(functional, tolerance, resources):
    level = fine_level(functional)
    found = energy(PySCFEngine(level).of_crystal(hydrogen_crystal(), resources))
    assert found == pytest.approx(UNIFORM_GRID[functional], abs=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("functional", UNIFORM_GRID)
def test_the_uniform_grid_gives_what_is_recorded(functional, resources):
    cell = cell_of(hydrogen_crystal(), fine_level(functional), resources)
    plain = dft.KRKS(cell, cell.make_kpts([2, 2, 1]), xc=functional)
    expected = plain.kernel() * KJ_PER_MOL_PER_HARTREE
    assert expected == pytest.approx(UNIFORM_GRID[functional], abs=1e-3)


def fine_level(functional):
    """The default fitting basis of s functions has no p functions for the bond."""
    change = {
        "functional": functional,
        "cutoff_hartree": 120.0,
        "auxiliary_basis": "def2-universal-jkfit",
    }
    return LEVEL.model_copy(update=change)


def test_a_supercell_has_the_energy_of_its_cells(solid, resources):
    two = energy(PySCFEngine(LEVEL).of_crystal(hydrogen_crystal(n=2), resources))
    assert two / 2 == pytest.approx(energy(solid), abs=0.01)


def test_crystals_and_molecules_have_the_same_zero(gas, resources):
    """A molecule alone in a large cell: uniform against atom-centred grids."""
    alone = hydrogen_crystal(7.0 * np.eye(3))
    boxed = energy(PySCFEngine(LEVEL).of_crystal(alone, resources))
    assert boxed == pytest.approx(energy(gas), abs=0.1)


def test_dispersion_is_added_and_named(gas, resources):
    engine = PySCFEngine(LEVEL.model_copy(update={"dispersion": "d4"}))
    outcome = engine.of_molecule(hydrogen_molecule(), resources)
    assert outcome.parts["electronic"] == pytest.approx(energy(gas), abs=1e-4)
    assert outcome.parts["dispersion"] < -0.1
    assert sum(outcome.parts.values()) == pytest.approx(outcome.energy, abs=1e-9)


def test_provenance_is_json_and_says_how(solid):
    said = json.loads(json.dumps(solid.provenance))
    assert said["k_mesh"] == [2, 2, 1]
    assert said["n_irreducible_k_points"] == 4
    assert said["guess"] == "molecules"
    assert said["program"].startswith("PySCF 2.")


def test_the_molecules_are_a_good_first_guess(solid):
    assert abs(solid.provenance["first_error_kj_per_mol"]) < 5.0


@pytest.mark.parametrize("attempt", [1, 5])
def test_safer_settings_lead_to_the_same_energy(attempt, solid, gas, resources):
    engine = PySCFEngine(LEVEL)
    again = replace(resources, attempt=attempt)
    crystal, molecule = hydrogen_crystal(), hydrogen_molecule()
    found = energy(engine.of_crystal(crystal, again))
    assert found == pytest.approx(energy(solid), abs=1e-3)
    found = energy(engine.of_molecule(molecule, again))
    assert found == pytest.approx(energy(gas), abs=1e-3)


def expect(outcome, reason, *, is_final):
    assert isinstance(outcome, Failure)
    assert outcome.reason is reason
    assert outcome.is_final is is_final
    return outcome.message


def test_too_little_memory_is_said_before_the_start(resources):
    outcome = PySCFEngine(LEVEL).of_crystal(
        hydrogen_crystal(), replace(resources, memory=0.01)
    )
    message = expect(outcome, Reason.OUT_OF_MEMORY, is_final=True)
    assert "need about 0.3 GB, but 0.01 GB are allowed" in message


def test_time_ends_between_iterations(resources):
    outcome = PySCFEngine(LEVEL).of_crystal(
        hydrogen_crystal(), replace(resources, seconds=0.0)
    )
    expect(outcome, Reason.OUT_OF_TIME, is_final=False)


@pytest.mark.parametrize(("attempt", "is_final"), [(0, False), (2, True)])
def test_no_convergence_is_a_failure(attempt, is_final, resources, monkeypatch):
    monkeypatch.setattr(pyscf_solver, "MOST_ITERATIONS", (1, 1, 1))
    level = LEVEL.model_copy(update={"basis": "gth-dzvp"})
    outcome = PySCFEngine(level).of_crystal(
        hydrogen_crystal(), replace(resources, attempt=attempt)
    )
    message = expect(outcome, Reason.NOT_CONVERGED, is_final=is_final)
    assert "1 iterations" in message


def test_open_shells_are_not_supported(resources):
    radical = Molecule(
        np.array([1]), np.zeros((1, 3)), np.zeros((0, 2), dtype=int), 0, "hydrogen atom"
    )
    outcome = PySCFEngine(LEVEL).of_molecule(radical, resources)
    message = expect(outcome, Reason.UNSUPPORTED, is_final=True)
    assert "cannot be paired" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"basis": "no-such-basis"}, "no basis 'no-such-basis'"),
        ({"functional": "no-such"}, "no functional 'no-such'"),
        ({"functional": "r2scan"}, "more than the density"),
    ],
)
def test_what_cannot_be_done_is_named(change, words, resources):
    engine = PySCFEngine(LEVEL.model_copy(update=change))
    for outcome in (
        engine.of_crystal(hydrogen_crystal(), resources),
        engine.of_molecule(hydrogen_molecule(), resources),
    ):
        assert words in expect(outcome, Reason.UNSUPPORTED, is_final=True)


def test_molecules_with_odd_electrons_are_started_from_atoms(solid, resources):
    """One atom a molecule; the electrons of the whole cell can be paired."""
    crystal = Crystal(TRICLINIC, np.ones(2, dtype=int), HYDROGEN, np.array([0, 1]), 1)
    outcome = PySCFEngine(LEVEL).of_crystal(crystal, resources)
    assert outcome.provenance["guess"] == "atoms"
    assert energy(outcome) == pytest.approx(energy(solid), abs=1e-3)
