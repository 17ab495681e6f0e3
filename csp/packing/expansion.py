"""From the asymmetric unit of a packing to the whole unit cell."""

import numpy as np

from csp.arrays import RotationMatrices, Vectors
from csp.crystal import Crystal
from csp.potentials.bodies import RigidMolecule
from csp.records import FreePacking, RigidPacking
from csp.spacegroups import cartesian_rotations, space_group


def crystal_of(packing: RigidPacking | FreePacking, molecule: RigidMolecule) -> Crystal:
    """All molecules of the cell, with their atoms where the nuclei are."""
    if isinstance(packing, RigidPacking):
        centres, rotations = _images(packing)
    else:
        centres, rotations = packing.centres, packing.rotations
    n = len(centres)
    origins = np.mod(centres, 1.0) @ packing.cell
    atoms = np.einsum("nij,aj->nai", rotations, molecule.atoms) + origins[:, None]
    numbers = molecule.conformer.molecule.atomic_numbers
    return Crystal(
        cell=packing.cell,
        atomic_numbers=np.tile(numbers, n),
        positions=atoms.reshape(-1, 3),
        molecule_of_atom=np.repeat(np.arange(n), len(numbers)),
        n_formula_units=n,
    )


def _images(packing: RigidPacking) -> tuple[Vectors, RotationMatrices]:
    """Fractional centres and orientations of all molecules of the cell."""
    group = space_group(packing.key.space_group)
    site = group.site(packing.key.site)
    turns = group.rotations[site.images]
    centres = turns @ packing.centre + group.translations[site.images]
    cartesian = cartesian_rotations(group, packing.cell)[site.images]
    return centres, np.asarray(cartesian @ packing.rotation)
