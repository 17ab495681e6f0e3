"""Energies and minima of single molecules."""

import logging
from pathlib import Path

import numpy as np
import pytest
from pyscf import lib
from pyscf.dispersion.dftd4 import DFTD4Dispersion

from csp.conformers import density_functional, gas_phase
from csp.conformers.density_functional import (
    converged_field,
    energy_hartree,
    quiet_scratch,
)
from csp.conformers.gas_phase import optimised, unsymmetrical
from csp.conformers.reading import read_molecule
from csp.conformers.settings import Level
from csp.errors import ConvergenceError, InputError
from csp.molecule import Molecule

SMALL = Level("pbe0", "none", "sto-3g")


@pytest.fixture(autouse=True)
def coarse_grid(monkeypatch):
    """What is tested here does not depend on the quality of the integration grid."""
    monkeypatch.setattr(density_functional, "GRID_LEVEL", 1)
    with lib.with_omp_threads(1):  # more would wait for each other
        yield


def molecule_of(smiles):
    return read_molecule(smiles, Path(), smiles, 0)


def planar_ammonia():
    angles = np.radians([0.0, 120.0, 240.0])
    hydrogens = np.stack([np.cos(angles), np.sin(angles), 0.0 * angles], axis=1)
    return Molecule(
        np.array([7, 1, 1, 1]),
        np.vstack([np.zeros(3), hydrogens]),
        np.array([[0, 1], [0, 2], [0, 3]]),
        0,
        "ammonia",
    )


@pytest.mark.slow
def test_planar_start_leaves_its_saddle_point():
    found = optimised(planar_ammonia(), SMALL).molecule.positions
    thickness = np.linalg.svd(found - found.mean(axis=0))[1][2]
    assert thickness > 0.2


def test_optimisation_is_silent_and_leaves_nothing(
    tmp_path, monkeypatch, capfd, caplog
):
    monkeypatch.chdir(tmp_path)
    handlers = list(logging.getLogger().handlers)
    with caplog.at_level(logging.DEBUG):
        optimised(molecule_of("[H][H]"), SMALL)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert logging.getLogger().handlers == handlers
    assert list(tmp_path.iterdir()) == []


def test_optimisation_gives_the_same_twice():
    first, second = (optimised(molecule_of("[H][H]"), SMALL) for _ in range(2))
    assert abs(first.energy_hartree - second.energy_hartree) < 1e-9
    assert np.abs(first.molecule.positions - second.molecule.positions).max() < 1e-5


def test_unsymmetrical_start_is_close_and_the_same_twice():
    molecule = molecule_of("OC(=O)C(=O)O")
    first, second = unsymmetrical(molecule), unsymmetrical(molecule)
    assert first.positions.tobytes() == second.positions.tobytes()
    moved = np.linalg.norm(first.positions - molecule.positions, axis=1)
    assert 0.01 < moved.max() < 1.0


def test_single_atom_is_its_own_minimum():
    found = optimised(molecule_of("[He]"), Level("pbe0", "d4", "def2-svp"))
    assert np.abs(found.molecule.positions).max() == 0.0
    assert -2.92 < found.energy_hartree < -2.85


@pytest.mark.parametrize("dispersion", ["d4", "d3bj"])
def test_dispersion_is_added_once(dispersion):
    water = molecule_of("O")
    bare = energy_hartree(water, Level("pbe0", "none", "sto-3g"))
    with quiet_scratch():
        field = converged_field(water, Level("pbe0", dispersion, "sto-3g"))
    added = field.e_tot - bare
    assert added < -1e-6
    if dispersion == "d4":
        model = DFTD4Dispersion(field.mol, xc="pbe0")
        assert added == pytest.approx(model.get_dispersion()["energy"], abs=1e-9)


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (Level("pbe0", "none", "def2-nonsense"), "PySCF has no basis 'def2-nonsense'"),
        (Level("nonsense", "none", "sto-3g"), "PySCF has no functional 'nonsense'"),
        (Level("pbe0-d4", "none", "sto-3g"), "'pbe0-d4' names a dispersion correct"),
        (Level("svwn", "d4", "sto-3g"), "'d4' has no parameters for .* 'svwn'"),
    ],
)
def test_unknown_level_is_refused(level, message):
    with pytest.raises(InputError, match=message):
        energy_hartree(molecule_of("O"), level)


def test_radical_is_refused():
    hydrogen = Molecule(
        np.array([1]), np.zeros((1, 3)), np.zeros((0, 2), int), 0, "hydrogen"
    )
    with pytest.raises(InputError, match="hydrogen with charge 0 has 1 electrons"):
        energy_hartree(hydrogen, SMALL)


def test_unconverged_field_is_an_error(monkeypatch):
    build = density_functional.unsolved_field

    def hurried(molecule, level):
        field = build(molecule, level)
        field.max_cycle = 0
        return field

    monkeypatch.setattr(density_functional, "unsolved_field", hurried)
    with pytest.raises(ConvergenceError, match=r"self-consistent field of O .* 0 iter"):
        energy_hartree(molecule_of("O"), SMALL)


def test_unconverged_geometry_is_an_error(monkeypatch):
    monkeypatch.setattr(gas_phase, "MOST_STEPS", 1)
    with pytest.raises(ConvergenceError, match=r"geometry of ammonia .* in 1 steps"):
        optimised(planar_ammonia(), SMALL)


def test_minimum_with_other_bonds_is_an_error(monkeypatch):
    monkeypatch.setattr(
        gas_phase, "_walk_down", lambda start, *_: 2.0 * np.array(start.positions)
    )
    with pytest.raises(ConvergenceError, match="ammonia changes its bonds"):
        optimised(planar_ammonia(), SMALL)
