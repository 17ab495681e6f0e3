"""Oxalic acid, its force field, and draws of its crystals."""

from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from csp.conformers.monomers_file import read_monomers
from csp.geometry import rotation_from_vector
from csp.packing.occupation import Occupation
from csp.packing.placement import place, places_of
from csp.packing.sampling import as_point, sobol_points
from csp.packing.settings import PackingSettings
from csp.potentials.bodies import Component, FormulaUnit, rigid_molecule
from csp.potentials.settings import PotentialSettings
from csp.records import CrystalKey
from csp.relaxation.rigid_body import force_field_model
from csp.relaxation.settings import RelaxationSettings

OXALIC_ACID = Path(__file__).parents[3] / "data" / "oxalic_acid" / "monomers.json"


@pytest.fixture(scope="session")
def model(models):
    """The lowest conformer, C2h, with short sums."""
    return models("1")


POTENTIAL = PotentialSettings(
    cutoff=9.0,
    ewald_cutoff=8.0,
    multipole_cutoff=10.0,
    multipole_switch_width=3.0,
)


@pytest.fixture(scope="session")
def models():
    """Of a conformer's label; made once."""

    @cache
    def make(label):
        conformers = read_monomers(OXALIC_ACID).conformers
        conformer = next(item for item in conformers if item.label == label)
        molecule = rigid_molecule(conformer, POTENTIAL)
        unit = FormulaUnit((Component(1, (molecule,)),))
        return force_field_model(unit, POTENTIAL, RelaxationSettings())

    return make


@pytest.fixture(scope="session")
def dihydrate(water_by_hand):
    """Oxalic acid, conformer 1 or 2, with two waters."""
    oxalic = [
        replace(item, label=f"A{item.label}")
        for item in read_monomers(OXALIC_ACID).conformers
        if item.label in "12"
    ]
    acid = tuple(rigid_molecule(item, POTENTIAL) for item in oxalic)
    water = replace(water_by_hand, label="B1", relative_energy=2.5)
    waters = (rigid_molecule(water, POTENTIAL),)
    unit = FormulaUnit((Component(1, acid), Component(2, waters)))
    return force_field_model(unit, POTENTIAL, RelaxationSettings())


@pytest.fixture(scope="session")
def twisted():
    """Oxalic acid turned by 40° about its C–C bond: C2, so it has two hands."""
    flat = read_monomers(OXALIC_ACID).conformers[0]
    positions = np.array(flat.molecule.positions)
    axis = positions[3] - positions[1]
    turn = rotation_from_vector(np.radians(40.0) * axis / np.linalg.norm(axis))
    half = [4, 5, 7]
    positions[half] = (positions[half] - positions[3]) @ turn.T + positions[3]
    molecule = rigid_molecule(
        replace(flat, molecule=replace(flat.molecule, positions=positions)), POTENTIAL
    )
    assert (np.linalg.det(molecule.symmetry.rotations) > 0.0).all()
    unit = FormulaUnit((Component(1, (molecule,)),))
    return force_field_model(unit, POTENTIAL, RelaxationSettings())


@pytest.fixture(scope="session")
def packing_of(model):
    """One draw: space group, sites, index, starting volumes, conformers."""

    def draw(number, sites, index, volume_factors=(1.0, 1.5), model=model):
        settings = PackingSettings(volume_factors=volume_factors)
        occupation = Occupation(number, tuple(sites.split(".")), Fraction(1), False)
        rows = sobol_points(1, f"{number}{sites}", index, 1, occupation.n_bodies)
        key = CrystalKey(number, sites, index)
        places = places_of(occupation, model.unit)
        return place(key, as_point(rows[0]), places, settings)

    return draw
