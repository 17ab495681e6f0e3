"""Integrals with k-points: electrons, and potentials as slopes of the energy."""

import numpy as np
import pytest

from csp.crystal import Crystal
from csp.reference.engine import Resources
from csp.reference.levels import PySCFLevel
from csp.reference.pyscf_integrator import MultigridIntegrator
from csp.reference.pyscf_systems import cell_of

MESH = (3, 1, 2)
STEP = 1e-3


@pytest.fixture(scope="module")
def crystal_integrals(tmp_path_factory):
    """Integrator, k-points, density matrices without any inversion, overlaps."""
    level = PySCFLevel(
        name="test",
        engine="pyscf",
        basis="gth-szv",
        k_spacing=1.0,
        cutoff_hartree=60.0,
        precision=1e-8,
    )
    crystal = Crystal(
        np.array([[3.0, 0.2, 0.0], [0.3, 3.2, 0.1], [0.0, 0.4, 3.4]]),
        np.array([1, 1]),
        np.array([[0.0, 0.0, 0.0], [0.45, 0.48, 0.36]]),
        np.array([0, 0]),
        1,
    )
    cell = cell_of(crystal, level, Resources(1, 1.0, tmp_path_factory.mktemp("x")))
    kpts = cell.make_kpts(MESH, time_reversal_symmetry=True)
    integrator = MultigridIntegrator(cell, MESH)
    integrator.get_pp(kpts)
    overlaps = np.asarray(cell.pbc_intor("int1e_ovlp", hermi=1, kpts=kpts.kpts_ibz))
    phases = np.array([[1.0, 0.8], [0.8, 1.1]])
    density = np.array([phases + change for change in _changes(kpts, 1)])
    return integrator, kpts, density, overlaps


def _changes(kpts, seed):
    """Hermitian matrices, real where k and −k are the same."""
    rng = np.random.default_rng(seed)
    matrices = rng.normal(size=(kpts.nkpts_ibz, 2, 2, 2)) * 0.1
    changes = matrices[..., 0] + 1j * matrices[..., 1]
    doubled = 2.0 * kpts.cell.get_scaled_kpts(kpts.kpts_ibz)
    for change, place in zip(changes, doubled, strict=True):
        if np.abs(place - np.round(place)).max() < 1e-9:
            change.imag = 0.0
    return changes + changes.conj().transpose(0, 2, 1)


def _energy(integrator, kpts, density):
    _, energy, matrices = integrator.nr_rks(
        integrator.cell, None, "pbe", density, kpts=kpts
    )
    return energy + matrices.ecoul, matrices


def test_the_grids_hold_all_electrons(crystal_integrals):
    integrator, kpts, density, overlaps = crystal_integrals
    expected = np.einsum("k,kij,kji->", kpts.weights_ibz, density, overlaps).real
    n_electrons = integrator.nr_rks(integrator.cell, None, "pbe", density, kpts=kpts)[0]
    assert n_electrons == pytest.approx(expected, abs=1e-4)


def test_matrices_are_slopes_of_the_energy(crystal_integrals):
    integrator, kpts, density, _ = crystal_integrals
    change = _changes(kpts, 2)
    _, matrices = _energy(integrator, kpts, density)
    slope = np.einsum("k,kij,kji->", kpts.weights_ibz, matrices, change).real
    high, _ = _energy(integrator, kpts, density + STEP * change)
    low, _ = _energy(integrator, kpts, density - STEP * change)
    assert (high - low) / (2 * STEP) == pytest.approx(slope, abs=2e-5)
