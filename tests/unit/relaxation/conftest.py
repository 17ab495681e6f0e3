"""Oxalic acid, its force field, and draws of its crystals."""

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
from csp.spacegroups import space_group

OXALIC_ACID = Path(__file__).parents[3] / "data" / "oxalic_acid" / "monomers.json"


@pytest.fixture(scope="session")
def model():
    """The lowest conformer, C2h, with short sums."""
    settings = PotentialSettings(cutoff=9.0, ewald_cutoff=8.0)
    conformer = read_monomers(OXALIC_ACID).conformers[0]
    return force_field_model(rigid_molecule(conformer, settings), settings)


@pytest.fixture(scope="session")
def packing_of(model):
    """One draw: space group, Wyckoff letter, index, range of starting volumes."""

    def draw(number, letter, index, volume_factors=(1.0, 1.5)):
        settings = PackingSettings(volume_factors=volume_factors)
        point = as_point(sobol_points(1, f"{number}{letter}", index, 1)[0])
        key = CrystalKey(number, letter, index)
        return place(key, point, space_group(number), [model.molecule], settings)

    return draw
