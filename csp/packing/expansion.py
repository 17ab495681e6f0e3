"""From the asymmetric unit of a packing to the whole unit cell."""

import numpy as np

from csp.crystal import Crystal
from csp.potentials.bodies import RigidMolecule
from csp.records import RigidPacking
from csp.spacegroups import cartesian_rotations, space_group


def crystal_of(packing: RigidPacking, molecule: RigidMolecule) -> Crystal:
    """All molecules of the cell, with their atoms where the nuclei are."""
    group = space_group(packing.key.space_group)
    site = group.site(packing.key.site)
    atoms = molecule.atoms @ packing.rotation.T
    cartesian = cartesian_rotations(group, packing.cell)
    positions = []
    for image in site.images:
        centre = group.rotations[image] @ packing.centre + group.translations[image]
        positions.append(
            np.mod(centre, 1.0) @ packing.cell + atoms @ cartesian[image].T
        )
    numbers = molecule.conformer.molecule.atomic_numbers
    n = len(site.images)
    return Crystal(
        cell=packing.cell,
        atomic_numbers=np.tile(numbers, n),
        positions=np.concatenate(positions),
        molecule_of_atom=np.repeat(np.arange(n), len(numbers)),
        n_formula_units=n,
    )
