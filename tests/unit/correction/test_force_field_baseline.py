"""Energies of the force field are those of ``csp lattice-energy``."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from csp.comparison.reading import read_crystal
from csp.conformers.calculations import Calculations
from csp.correction import force_field_baseline
from csp.correction.force_field_baseline import force_field_energies
from csp.lattice import result
from csp.lattice.cif import read_cif
from csp.lattice.force_fields import force_field_of
from csp.molecule import ElectrostaticPotential, Multipoles
from csp.potentials.settings import PotentialSettings
from csp.units import COULOMB_CONSTANT

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"


class MadeUp(Calculations):
    """Multipoles that depend on the elements and directions to the centre alone."""

    def multipoles(self, molecule, level):
        moments = np.zeros((len(molecule.atomic_numbers), 25))
        charges = {1: 0.35, 6: 0.45, 8: -0.4}
        moments[:, 0] = [charges[z] for z in molecule.atomic_numbers]
        # Stone's order of the dipole is z, x, y
        moments[:, 1:4] = 0.1 * molecule.positions[:, [2, 0, 1]]
        return Multipoles(moments, "made up")

    def potential(self, molecule, level):
        points = 5.0 * np.random.default_rng(0).normal(size=(200, 3))
        points = points[np.linalg.norm(points, axis=1) > 4.0]
        charges = self.multipoles(molecule, level).moments[:, 0]
        apart = np.linalg.norm(points[:, None] - molecule.positions, axis=2)
        return ElectrostaticPotential(
            points, COULOMB_CONSTANT * (charges / apart).sum(axis=1)
        )


def silent(stage, done, total):
    pass


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_energies_are_those_of_the_command_for_one_crystal(name):
    path = DATA / f"{name}.cif"
    field = force_field_of("revised-w99")
    given = read_cif(path, field, PotentialSettings(), {}, (MadeUp(Path()), silent))
    expected = result.lattice_energy(given)["lattice_energy_kj_per_mol"]
    crystal = read_crystal(path)
    found, notes = force_field_energies([crystal], MadeUp(Path()), silent)
    assert found[0] == pytest.approx(expected, abs=0.02)
    assert "multipoles of" in notes[0]
    mirrored = replace(crystal, cell=-crystal.cell, positions=-crystal.positions)
    again, _ = force_field_energies([crystal, mirrored], MadeUp(Path()), silent)
    assert again[1] == pytest.approx(again[0], abs=1e-4)


def test_molecules_of_other_shapes_have_charges_alone(monkeypatch):
    monkeypatch.setattr(force_field_baseline, "SAME_SHAPE", 1e-9)
    crystals = [read_crystal(DATA / f"{name}.cif") for name in ("alpha", "beta")]
    found, notes = force_field_energies(crystals, MadeUp(Path()), silent)
    assert "charges fitted" in notes[0]
    assert np.isfinite(found).all()
    assert np.all((found < 0.0) & (found > -200.0))
