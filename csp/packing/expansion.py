"""From the asymmetric unit of a packing to the whole unit cell."""

import numpy as np

from csp.crystal import Crystal
from csp.potentials.bodies import FormulaUnit
from csp.records import Packing
from csp.spacegroups import cartesian_rotations, space_group


def crystal_of(packing: Packing, unit: FormulaUnit) -> Crystal:
    """All molecules of the cell, with their atoms where the nuclei are."""
    group = space_group(packing.space_group)
    cartesian = cartesian_rotations(group, packing.cell)
    numbers, positions = [], []
    for letter, label, centre, rotation in zip(
        packing.sites,
        packing.conformers,
        packing.centres,
        packing.rotations,
        strict=True,
    ):
        molecule = unit.molecules[label]
        images = group.site(letter).images
        centres = group.rotations[images] @ centre + group.translations[images]
        origins = np.mod(centres, 1.0) @ packing.cell
        atoms = np.einsum("nij,aj->nai", cartesian[images] @ rotation, molecule.atoms)
        positions += list(atoms + origins[:, None])
        numbers += [molecule.conformer.molecule.atomic_numbers] * len(images)
    return Crystal(
        cell=packing.cell,
        atomic_numbers=np.concatenate(numbers),
        positions=np.concatenate(positions),
        molecule_of_atom=np.repeat(np.arange(len(numbers)), list(map(len, numbers))),
        n_formula_units=len(numbers) // unit.n_molecules,
    )
