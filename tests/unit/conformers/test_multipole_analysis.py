"""Distributed multipoles: what is refused, and that nothing is said or left behind."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pyscf import lib

from csp.conformers import multipole_analysis
from csp.conformers.density_functional import converged_field, quiet_scratch
from csp.conformers.multipole_analysis import distributed_multipoles
from csp.conformers.settings import Level, MultipoleLevel
from csp.errors import InputError
from csp.molecule import Molecule
from csp.potentials.solid_harmonics import powers_of
from csp.units import ANGSTROM_PER_BOHR

SMALL = MultipoleLevel(Level("pbe0", "none", "def2-svp"))
WATER = Molecule(
    np.array([8, 1, 1]),
    np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.47], [0.0, -0.76, -0.47]]),
    np.array([[0, 1], [0, 2]]),
    0,
    "water",
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with lib.with_omp_threads(1):
        yield


@pytest.fixture(scope="module")
def moments():
    return distributed_multipoles(WATER, SMALL).moments


def test_units_of_the_ranks():
    powers = powers_of(ANGSTROM_PER_BOHR)
    assert powers.shape == (25,)
    expected = [ANGSTROM_PER_BOHR**rank for rank in (0, 1, 1, 2, 2, 3, 3, 4, 4)]
    assert_allclose(powers[[0, 1, 3, 4, 8, 9, 15, 16, 24]], expected, rtol=1e-15)


def test_dipole_is_that_of_the_density(moments):
    with quiet_scratch():
        field = converged_field(WATER, SMALL.density)
        expected = field.dip_moment(unit="AU", verbose=0) * ANGSTROM_PER_BOHR
    dipole = moments[:, 0] @ WATER.positions + moments[:, [2, 3, 1]].sum(axis=0)
    assert_allclose(dipole, expected, rtol=0, atol=1e-4)


def test_moments_keep_the_symmetry_of_water(moments):
    """The molecule lies in the plane x = 0; y → −y exchanges the hydrogens."""
    assert abs(moments[:, 0].sum()) < 1e-4
    assert_allclose(moments[:, [2, 5, 8]], 0.0, rtol=0, atol=1e-5)  # odd in x
    assert_allclose(moments[0, 3], 0.0, rtol=0, atol=1e-5)  # oxygen: even in y
    assert_allclose(moments[1, 3], -moments[2, 3], rtol=0, atol=1e-5)
    assert moments[0, 0] < 0.0 < moments[1, 0]


def test_hydrogens_have_moments_of_every_rank(moments):
    for rank in range(5):
        assert np.abs(moments[1, rank**2 : (rank + 1) ** 2]).max() > 1e-4


@pytest.mark.parametrize(
    "change", [{"switch_exponent": 0.0}, {"hydrogen_radius": 0.65}]
)
def test_analysis_settings_matter_and_leave_the_dipole(moments, change):
    level = dataclasses.replace(SMALL, **change)
    found = distributed_multipoles(WATER, level)
    assert found.level == str(level)
    assert np.abs(found.moments - moments).max() > 0.01
    dipoles = [m[:, 0] @ WATER.positions + m[:, [2, 3, 1]].sum(axis=0)
               for m in (found.moments, moments)]  # fmt: skip
    assert_allclose(dipoles[0], dipoles[1], rtol=0, atol=1e-4)


def test_nothing_is_said_and_nothing_left(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    distributed_multipoles(WATER, SMALL)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (Level("pbe0", "none", "no-such-basis"), "PySCF has no basis 'no-such-basis'"),
        (Level("no-such", "none", "sto-3g"), "PySCF has no functional 'no-such'"),
    ],
)
def test_level_that_does_not_exist_is_refused(level, message):
    with pytest.raises(InputError, match=message):
        distributed_multipoles(WATER, MultipoleLevel(level))


def test_density_that_is_not_understood_is_refused(monkeypatch):
    def without_nuclei(level):
        config = analysis(level)
        settings = config.settings
        settings.include_nuclei = False
        config.settings = settings
        return config

    analysis = multipole_analysis._analysis
    monkeypatch.setattr(multipole_analysis, "_analysis", without_nuclei)
    with pytest.raises(InputError, match=r"add up to -10.0000 e instead of 0 e, so"):
        distributed_multipoles(WATER, SMALL)


def test_basis_without_d_functions_is_refused():
    level = MultipoleLevel(Level("pbe0", "none", "sto-3g"))
    with pytest.raises(InputError, match="does not understand this basis: choose anot"):
        distributed_multipoles(WATER, level)


@pytest.mark.parametrize("basis", ["sto-3g", "def2-svp"])
def test_heavy_atoms_with_and_without_a_core_potential(basis):
    """The dipole is PySCF's whether iodine has 53 electrons or 25."""
    iodide = Molecule(
        np.array([53, 1]), np.array([[0, 0, 0], [0, 0, 1.61]]), np.array([[0, 1]]), 0,
        "hydrogen iodide",
    )  # fmt: skip
    level = MultipoleLevel(Level("pbe0", "none", basis))
    found = distributed_multipoles(iodide, level).moments
    with quiet_scratch():
        expected = converged_field(iodide, level.density).dip_moment(
            unit="AU", verbose=0
        )
    dipole = found[:, 0] @ iodide.positions[:, 2] + found[:, 1].sum()
    assert_allclose(dipole, expected[2] * ANGSTROM_PER_BOHR, rtol=0, atol=1e-4)
