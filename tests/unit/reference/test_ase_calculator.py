"""Any ASE calculator: what it is given, and what its failures become."""

import json
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    CalculatorSetupError,
    SCFError,
)
from ase.calculators.lj import LennardJones
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csp.crystal import Crystal
from csp.errors import InputError, MissingDependencyError
from csp.molecule import Molecule
from csp.reference.ase_calculator import AseCalculator
from csp.reference.dispersion import dispersion_energy
from csp.reference.engine import Energy, Failure, Reason, Resources
from csp.reference.levels import AseLevel
from csp.units import KJ_PER_MOL_PER_EV

LJ = {
    "calculator": "ase.calculators.lj:LennardJones",
    "arguments": {"sigma": 0.7, "epsilon": 0.01, "rc": 4.0},
}
ALUMINIUM = np.array([[0.0, 2.025, 2.025], [2.025, 0.0, 2.025], [2.025, 2.025, 0.0]])


def level(**values: Any) -> AseLevel:
    return AseLevel(name="x", engine="ase", **{**LJ, **values})


def hydrogen_in(cell: np.ndarray) -> Crystal:
    positions = np.array([[0.2, 0.3, 0.4], [0.2, 0.3, 1.14]])
    return Crystal(cell, np.array([1, 1]), positions, np.array([0, 0]), 1)


CELL = np.array([[3.4, 0.0, 0.0], [0.3, 3.6, 0.0], [0.2, 0.4, 4.0]])
HYDROGEN = Molecule(
    np.array([1, 1]),
    np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]),
    np.array([[0, 1]]),
    0,
    "hydrogen",
)


@pytest.fixture
def resources(tmp_path) -> Resources:
    return Resources(cores=1, memory=1.0, scratch=tmp_path)


class Recorder(Calculator):
    """A calculator that says what it was given, or fails as it is told."""

    implemented_properties = ("energy",)
    seen: list[tuple[Atoms, dict[str, Any], str]] = []  # noqa: RUF012
    failure: BaseException | None = None
    result = -1.0

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        type(self).seen.append((atoms.copy(), dict(self.parameters), self.directory))
        if type(self).failure is not None:
            raise type(self).failure
        self.results = {"energy": type(self).result}


@pytest.fixture
def recorder(monkeypatch):
    monkeypatch.setattr(Recorder, "seen", [])
    monkeypatch.setattr(Recorder, "failure", None)
    monkeypatch.setattr("ase.calculators.lj.LennardJones", Recorder)
    return Recorder


def test_a_metal_has_the_energy_that_ase_gives(resources):
    crystal = Crystal(ALUMINIUM, np.array([13]), np.zeros((1, 3)), np.array([0]), 1)
    emt = level(calculator="ase.calculators.emt:EMT", arguments={})
    outcome = AseCalculator(emt).of_crystal(crystal, resources)
    assert isinstance(outcome, Energy)
    # Jacobsen, Stoltze, Nørskov, Surf. Sci. 366, 394 (1996): zero at the minimum of fcc
    assert abs(outcome.energy) < 1.0
    assert outcome.provenance["calculator"] == "ase.calculators.emt:EMT"
    assert outcome.provenance["package"].startswith("ase ")
    json.dumps(outcome.provenance)


@given(width=st.floats(1.0, 14.0))
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_energy_per_cell_does_not_depend_on_the_width(resources, width):
    outcome = AseCalculator(level(width_angstrom=width)).of_crystal(
        hydrogen_in(CELL), resources
    )
    atoms = Atoms("H2", hydrogen_in(CELL).positions, cell=CELL, pbc=True)
    atoms.calc = LennardJones(**LJ["arguments"])
    expected = atoms.get_potential_energy() * KJ_PER_MOL_PER_EV
    assert outcome.energy == pytest.approx(expected, rel=1e-9)


def test_a_molecule_in_a_box_keeps_its_distance(resources, recorder):
    boxed = level(arguments={}, vacuum_angstrom=7.0, k_spacing=0.5)
    outcome = AseCalculator(boxed).of_molecule(HYDROGEN, resources)
    ((atoms, arguments, folder),) = recorder.seen
    assert atoms.pbc.all()
    assert atoms.cell.lengths() == pytest.approx([7.0, 7.0, 7.74])
    assert atoms.get_distance(0, 1) == pytest.approx(0.74)
    assert arguments["kpts"] == [1, 1, 1]
    assert folder == str(resources.scratch)
    assert outcome.energy == pytest.approx(-KJ_PER_MOL_PER_EV)


def test_a_molecule_without_a_box_is_not_periodic(resources, recorder):
    AseCalculator(level(arguments={})).of_molecule(HYDROGEN, resources)
    ((atoms, arguments, _),) = recorder.seen
    assert not atoms.pbc.any()
    assert "kpts" not in arguments


def test_k_points_follow_the_supercell(resources, recorder):
    dense = level(arguments={"a": 1}, k_spacing=0.6, width_angstrom=7.0)
    outcome = AseCalculator(dense).of_crystal(hydrogen_in(CELL), resources)
    ((atoms, arguments, _),) = recorder.seen
    assert len(atoms) == 24
    assert arguments == {"a": 1, "kpts": [2, 2, 2]}
    assert outcome.provenance["kpts"] == [2, 2, 2]
    assert outcome.provenance["supercell"] == [3, 2, 2]
    assert outcome.energy == pytest.approx(-KJ_PER_MOL_PER_EV / 12)


def test_our_dispersion_is_added_once(resources):
    plain, corrected = (
        AseCalculator(level(dispersion=kind)).of_crystal(hydrogen_in(CELL), resources)
        for kind in ("none", "d4")
    )
    atoms = (hydrogen_in(CELL).atomic_numbers, hydrogen_in(CELL).positions)
    expected = dispersion_energy("d4", "pbe", atoms, CELL)
    assert expected < -0.1
    assert corrected.energy - plain.energy == pytest.approx(expected, abs=1e-9)
    assert sum(corrected.parts.values()) == pytest.approx(corrected.energy)


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (SCFError("40 cycles\nwere not enough"), Reason.NOT_CONVERGED),
        (CalculationFailed("vasp ended"), Reason.PROGRAM_FAILED),
        (CalculatorSetupError("no POTCAR"), Reason.UNSUPPORTED),
        (NotImplementedError("no iron"), Reason.UNSUPPORTED),
        (RuntimeError("CUDA out of memory"), Reason.OUT_OF_MEMORY),
        (MemoryError(), Reason.OUT_OF_MEMORY),
        (FileNotFoundError("vasp_std"), Reason.PROGRAM_FAILED),
    ],
)
def test_what_goes_wrong_has_a_name_and_one_sentence(
    resources, recorder, monkeypatch, raised, reason
):
    monkeypatch.setattr(Recorder, "failure", raised)
    outcome = AseCalculator(level(arguments={})).of_crystal(
        hydrogen_in(CELL), resources
    )
    assert isinstance(outcome, Failure)
    assert outcome.reason is reason
    assert outcome.is_final
    assert "\n" not in outcome.message
    assert "LennardJones" in outcome.message


def test_an_energy_that_is_no_number_is_none(resources, recorder, monkeypatch):
    monkeypatch.setattr(Recorder, "result", float("nan"))
    outcome = AseCalculator(level(arguments={})).of_molecule(HYDROGEN, resources)
    assert isinstance(outcome, Failure)


def test_an_ion_is_refused(resources, recorder):
    ion = Molecule(np.array([1]), np.zeros((1, 3)), np.zeros((0, 2), int), 1, "proton")
    outcome = AseCalculator(level(arguments={})).of_molecule(ion, resources)
    assert isinstance(outcome, Failure)
    assert "proton has the charge +1" in outcome.message
    assert recorder.seen == []


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("ase.calculators.lj", InputError, "with a colon between"),
        ("ase.calculators.lj:Nothing", InputError, "no class or function Nothing"),
        ("ase.calculators.lj:__doc__", InputError, "no class or function __doc__"),
        ("no_such_package.x:Y", MissingDependencyError, "No module named"),
    ],
)
def test_a_wrong_import_path_is_explained(resources, path, error, words):
    wrong = AseCalculator(level(calculator=path))
    with pytest.raises(error, match=words):
        wrong.of_crystal(hydrogen_in(CELL), resources)


def test_arguments_that_do_not_fit_are_explained(resources):
    wrong = level(calculator="ase.calculators.lj:LennardJones", arguments={"xc": 3})
    maker = AseCalculator(wrong.model_copy(update={"calculator": "fractions:Fraction"}))
    with pytest.raises(InputError, match=r"fractions:Fraction cannot be made .* 'xc'"):
        maker.of_crystal(hydrogen_in(CELL), resources)
