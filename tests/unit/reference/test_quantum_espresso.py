import re
from pathlib import Path

import numpy as np
import pytest

from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.engine import Energy, Failure, Reason, Resources
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import built_in_levels, level_named
from csp.reference.program import Finished
from csp.reference.pseudopotentials import GATHERED
from csp.reference.quantum_espresso import (
    QuantumEspresso,
    box_around,
    parsed,
    pw_input,
)
from csp.reference.subjects import crystal_subject, doubled
from csp.units import KJ_PER_MOL_PER_HARTREE
from tests.unit.reference.crystals import body_centred, hydrogen_crystal

SAID = """
     Program PWSCF v.6.7MaX starts on 26Nov2026 at 17:50:52
      4 Sym. Ops., with inversion, found
     number of k points=    10
     total cpu time spent up to now is        1.0 secs
     total energy              =    -411.58990123 Ry
!    total energy              =    -411.58990986 Ry
     convergence has been achieved in  18 iterations
"""


def level():
    return level_named("pbe-d4-qe", built_in_levels())


def fast():
    return level_named("pbe-d4-qe/fast", built_in_levels())


def finished(output: str) -> Finished:
    return Finished(output, 1.0, 1.0, 0.2)


def test_the_converged_energy_is_read():
    outcome = parsed(finished(SAID), (3, 3, 2))
    assert isinstance(outcome, Energy)
    assert outcome.energy == pytest.approx(-411.58990986 * KJ_PER_MOL_PER_HARTREE / 2)
    assert outcome.provenance["n_kpoints"] == 10
    assert outcome.provenance["n_operations"] == 4
    assert outcome.provenance["n_iterations"] == 18
    assert outcome.provenance["program"] == "Quantum ESPRESSO v.6.7MaX"


@pytest.mark.parametrize("lost", ["!    total energy", "convergence has been achieved"])
def test_an_output_without_convergence_is_a_failure(lost):
    outcome = parsed(finished(SAID.replace(lost, "")), (1, 1, 1))
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.NOT_CONVERGED


def written(attempt: int = 0, mesh: tuple[int, int, int] | None = (2, 2, 1)) -> str:
    crystal = body_centred()
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    resources = Resources(1, 1.0, Path(), attempt)
    return pw_input(
        level(),
        crystal.cell,
        (crystal.atomic_numbers, fractional),
        mesh,
        resources,
        Path("/pseudo"),
    )


def test_the_input_says_what_the_level_says():
    text = written()
    assert "nat=4, ntyp=1" in text
    assert f"ecutwfc={level().cutoff_rydberg}" in text
    assert "K_POINTS automatic\n2 2 1 1 1 1" in text
    assert "assume_isolated" not in text
    rows = re.findall(r"^H ([\d. -]+)$", text, re.MULTILINE)
    crystal = body_centred()
    places = np.array([row.split() for row in rows], dtype=float) @ crystal.cell
    assert np.abs(places - crystal.positions).max() < 1e-9


def test_a_molecule_has_no_images():
    text = written(mesh=None)
    assert "martyna-tuckerman" in text
    assert "K_POINTS gamma" in text
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 6.0]])
    box = box_around(positions, 12.0)
    assert box[0, 0] >= 18.0
    assert np.all(box == np.diag(np.diag(box)))


def test_safer_settings_after_a_failure():
    def mixing(text: str) -> float:
        return float(re.search(r"mixing_beta=([\d.]+)", text)[1])

    assert mixing(written(2)) < mixing(written(1)) < mixing(written(0))
    assert "'david'" in written(0)
    assert "'cg'" in written(1)


def test_an_element_without_pseudopotential_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CSP_PSEUDO_DIR", str(tmp_path))
    program = tmp_path / "pw.x"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"no pseudopotential H.*CSP_PSEUDO_DIR"):
        QuantumEspresso(level()).of_crystal(body_centred(), Resources(1, 1.0, tmp_path))


def test_meshes_are_as_dense_in_every_cell():
    crystal = body_centred()
    for spacing in (0.3, 0.5, 0.65):
        mesh = kpoint_mesh(crystal.cell, spacing)
        widths = 2 * np.pi * np.linalg.norm(np.linalg.inv(crystal.cell), axis=0)
        assert all(w / n <= spacing + 1e-6 for w, n in zip(widths, mesh, strict=True))
        assert all(
            n == 1 or w / (n - 1) > spacing for w, n in zip(widths, mesh, strict=True)
        )


@pytest.mark.external
@pytest.mark.slow
def test_a_cell_and_its_double_have_one_energy(tmp_path):
    crystal = crystal_subject("x", body_centred()).system
    engine = QuantumEspresso(fast())
    once = engine.of_crystal(crystal, Resources(1, 4.0, tmp_path))
    twice = engine.of_crystal(doubled(crystal), Resources(1, 4.0, tmp_path))
    assert isinstance(once, Energy)
    assert isinstance(twice, Energy)
    assert twice.energy == pytest.approx(2.0 * once.energy, abs=0.2)


@pytest.mark.external
@pytest.mark.slow
def test_a_molecule_is_a_crystal_with_much_room(tmp_path):
    wide = hydrogen_crystal(11.0 * np.eye(3), np.array([[0.5, 0.5, 0.5]]))
    bonds = np.array([[0, 1]])
    alone = Molecule(wide.atomic_numbers, wide.positions, bonds, 0, "hydrogen")
    engine = QuantumEspresso(fast())
    inside = engine.of_crystal(wide, Resources(1, 8.0, tmp_path))
    outside = engine.of_molecule(alone, Resources(1, 8.0, tmp_path))
    assert isinstance(inside, Energy)
    assert isinstance(outside, Energy)
    assert inside.parts["electronic"] == pytest.approx(
        outside.parts["electronic"], abs=0.2
    )
    assert (tmp_path / GATHERED / "H.pbe-kjpaw.UPF").is_file()
