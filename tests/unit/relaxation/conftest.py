"""Oxalic acid, its force field, and draws of its crystals."""

from functools import cache
from pathlib import Path

import pytest

from csp.conformers.monomers_file import read_monomers
from csp.packing.placement import place
from csp.packing.sampling import as_point, sobol_points
from csp.packing.settings import PackingSettings
from csp.potentials.bodies import rigid_molecule
from csp.potentials.settings import PotentialSettings
from csp.records import CrystalKey
from csp.relaxation.rigid_body import force_field_model
from csp.relaxation.settings import RelaxationSettings
from csp.spacegroups import space_group

OXALIC_ACID = Path(__file__).parents[3] / "data" / "oxalic_acid" / "monomers.json"


@pytest.fixture(scope="session")
def model(models):
    """The lowest conformer, C2h, with short sums."""
    return models("1")


@pytest.fixture(scope="session")
def models():
    """Of a conformer's label; made once."""

    @cache
    def make(label):
        potential = PotentialSettings(
            cutoff=9.0,
            ewald_cutoff=8.0,
            multipole_cutoff=10.0,
            multipole_switch_width=3.0,
        )
        conformers = read_monomers(OXALIC_ACID).conformers
        conformer = next(item for item in conformers if item.label == label)
        molecule = rigid_molecule(conformer, potential)
        return force_field_model(molecule, potential, RelaxationSettings())

    return make


@pytest.fixture(scope="session")
def packing_of(model):
    """One draw: space group, Wyckoff letter, index, starting volumes, conformer."""

    def draw(number, letter, index, volume_factors=(1.0, 1.5), model=model):
        settings = PackingSettings(volume_factors=volume_factors)
        point = as_point(sobol_points(1, f"{number}{letter}", index, 1)[0])
        key = CrystalKey(number, letter, index)
        return place(key, point, space_group(number), [model.molecule], settings)

    return draw
