"""Gas-phase chemistry against independent facts, and the conformers that are shipped.

Slow tests repeat what ``data/oxalic_acid/monomers.json`` holds.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pyscf import lib

from csp.conformers import density_functional, gas_phase
from csp.conformers.density_functional import energy_hartree
from csp.conformers.gas_phase import optimised
from csp.conformers.monomers import gas_phase_conformers
from csp.conformers.monomers_file import read_monomers
from csp.conformers.reading import read_molecule
from csp.conformers.settings import Level, MoleculeSettings
from csp.units import ANGSTROM_PER_BOHR, COULOMB_CONSTANT, KJ_PER_MOL_PER_HARTREE

LEVEL = Level("pbe0", "d4", "def2-svp")
FOLDER = Path(__file__).parents[2] / "data" / "oxalic_acid"
OXALIC = MoleculeSettings(
    source="OC(=O)C(=O)O", name="oxalic acid", monomers="monomers.json"
)


def silent(what, done, total):
    pass


@pytest.fixture(scope="module")
def one_thread():
    """For three atoms, more threads would wait for each other."""
    with lib.with_omp_threads(1):
        yield


@pytest.fixture(scope="module")
def water(one_thread):
    return optimised(read_molecule("O", Path(), "water", 0), LEVEL).molecule


def test_water_has_its_measured_shape(water):
    """r = 0.9578 Å and 104.48° (Császár et al., J. Chem. Phys. 122, 214305 (2005)).

    The small basis errs by about 0.01 Å and 2°, hence the tolerances.
    """
    first, second = water.positions[1:] - water.positions[0]
    lengths = np.linalg.norm([first, second], axis=1)
    angle = np.degrees(np.arccos(first @ second / lengths.prod()))
    assert_allclose(lengths, 0.9578, rtol=0, atol=0.015)
    assert lengths[0] == pytest.approx(lengths[1], abs=1e-3)
    assert angle == pytest.approx(104.48, abs=3.0)


def test_water_minimum_has_no_force(water):
    """Central difference of the energy along a direction that stretches and bends."""
    step = 0.01
    direction = np.array([[0.0, 0.0, 0.0], [0.6, 0.2, -0.4], [0.1, 0.5, 0.4]])
    ahead, behind = (
        energy_hartree(water.at(water.positions + sign * step * direction), LEVEL)
        for sign in (1.0, -1.0)
    )
    slope = (ahead - behind) * ANGSTROM_PER_BOHR / (2.0 * step)
    assert abs(slope) < 2.0 * gas_phase.CRITERIA["convergence_gmax"]


def centrosymmetry(molecule):
    """How far the molecule is from its image through the centre of mass, Å."""
    image = -molecule.positions
    distances = np.linalg.norm(molecule.positions[:, None] - image, axis=-1)
    same = molecule.atomic_numbers[:, None] == molecule.atomic_numbers
    return float(np.where(same, distances, np.inf).min(axis=1).max())


def shortest_contact(molecule):
    """Distance of a hydroxyl hydrogen to an oxygen of the other carboxyl group, Å."""
    hydrogens = np.flatnonzero(molecule.atomic_numbers == 1)
    oxygens = np.flatnonzero(molecule.atomic_numbers == 8)
    distances = np.linalg.norm(
        molecule.positions[hydrogens][:, None] - molecule.positions[oxygens], axis=-1
    )
    # Nearest of all is the oxygen it is bonded to; then that of its own carboxyl
    # group (2.3 Å, if syn) or of the other one (2.0 Å, a hydrogen bond).
    return float(np.sort(distances, axis=1)[:, 1].min())


def test_shipped_conformers_belong_to_oxalic_acid():
    molecule = read_molecule(OXALIC.source, FOLDER, OXALIC.name, 0)
    found = gas_phase_conformers(molecule, OXALIC, FOLDER, FOLDER / "unused", silent)
    assert not (FOLDER / "unused").exists()
    assert found.level == "PBE0-D4/def2-SVP"
    assert [c.label for c in found.conformers] == ["1", "2", "3", "4"]
    energies = [c.relative_energy for c in found.conformers]
    assert energies[0] == 0.0
    assert energies == sorted(energies)


def test_conformer_of_the_crystals_is_not_the_lowest():
    """Both crystals hold the planar, centrosymmetric molecule with syn carboxyls."""
    conformers = read_monomers(FOLDER / "monomers.json").conformers
    crystal = [
        c
        for c in conformers
        if centrosymmetry(c.molecule) < 0.01 and shortest_contact(c.molecule) > 2.2
    ]
    assert [c.label for c in crystal] == ["3"]
    assert shortest_contact(conformers[0].molecule) < 2.2


def test_shipped_potentials_are_those_of_neutral_molecules():
    """Atomic charges fitted to the potential reproduce it and sum to zero."""
    for conformer in read_monomers(FOLDER / "monomers.json").conformers:
        points, values = conformer.potential.points, conformer.potential.values
        distances = np.linalg.norm(
            points[:, None] - conformer.molecule.positions, axis=-1
        )
        design = COULOMB_CONSTANT / distances
        charges = np.linalg.lstsq(design, values, rcond=None)[0]
        assert abs(charges.sum()) < 0.02
        left = np.linalg.norm(values - design @ charges) / np.linalg.norm(values)
        assert left < 0.15


def relative_energies(molecules, energy):
    hartree = [energy(molecule) for molecule in molecules]
    return [(e - hartree[0]) * KJ_PER_MOL_PER_HARTREE for e in hartree]


@pytest.mark.slow
def test_energies_of_the_shipped_geometries():
    conformers = read_monomers(FOLDER / "monomers.json").conformers
    found = relative_energies(
        [c.molecule for c in conformers], lambda m: energy_hartree(m, LEVEL)
    )
    expected = [c.relative_energy for c in conformers]
    assert_allclose(found, expected, rtol=0, atol=0.01)


@pytest.mark.slow
def test_shipped_conformers_are_found_again(tmp_path):
    settings = OXALIC.model_copy(update={"monomers": None})
    molecule = read_molecule(OXALIC.source, FOLDER, OXALIC.name, 0)
    found = gas_phase_conformers(molecule, settings, FOLDER, tmp_path, silent)
    expected = read_monomers(FOLDER / "monomers.json").conformers
    assert_allclose(
        [c.relative_energy for c in found.conformers],
        [c.relative_energy for c in expected],
        rtol=0,
        atol=0.1,
    )


@pytest.mark.slow
def test_density_fitting_and_grid_keep_relative_energies(monkeypatch):
    """Against exact integrals on the next finer grid: 0.05 kJ/mol at most."""
    build = density_functional.unsolved_field

    def exact(molecule, level):
        field = build(molecule, level).undo_df()
        field.grids.level = density_functional.GRID_LEVEL + 1
        return field

    conformers = read_monomers(FOLDER / "monomers.json").conformers
    monkeypatch.setattr(density_functional, "unsolved_field", exact)
    found = relative_energies(
        [c.molecule for c in conformers], lambda m: energy_hartree(m, LEVEL)
    )
    expected = [c.relative_energy for c in conformers]
    assert_allclose(found, expected, rtol=0, atol=0.05)


def test_energy_does_not_depend_on_the_orientation(water):
    """A turned molecule sees another integration grid: 0.01 kJ/mol at most."""
    axes = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned = water.at(water.positions @ axes.T)
    energies = [energy_hartree(molecule, LEVEL) for molecule in (water, turned)]
    assert abs(energies[0] - energies[1]) * KJ_PER_MOL_PER_HARTREE < 0.01
