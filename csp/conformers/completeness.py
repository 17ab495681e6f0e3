"""Whether a molecule read from a file is all there: hydrogens, valences, electrons."""

import numpy as np

from csp.conformers.graph import CARBON, HYDROGEN, rdkit_molecule
from csp.errors import InputError
from csp.molecule import Molecule

SMALLEST_LINEAR_ANGLE = 150.0
SMALLEST_PLANAR_SUM = 342.0
"""Sum of the three angles at a planar atom; 348° in C60, 328° at a tetrahedral one."""

LONGEST_TRIPLE_BOND = 1.25
"""Bond of a carbon with one neighbour, as in CO or an isocyanide, Å."""


def check_complete(molecule: Molecule, source: str) -> None:
    """Refuse a molecule with missing hydrogens, open valences or an odd electron.

    Args:
        molecule: As read.
        source: What to call it in the message.

    Raises:
        InputError: Naming what is missing and the remedy.
    """
    lacking = carbons_lacking_hydrogen(molecule)
    if lacking:
        n_hydrogens = int((molecule.atomic_numbers == HYDROGEN).sum())
        what = (
            f"{len(lacking)} of its carbon atoms lack hydrogen: add the missing atoms"
            if n_hydrogens
            else "it has no hydrogen atoms: add them"
        )
        raise InputError(
            f"{source} is not complete, {what}, for example with Mercury or by "
            "giving the SMILES string instead"
        )
    check_closed_shell(molecule)
    rdkit_molecule(molecule)


def check_closed_shell(molecule: Molecule) -> None:
    """Refuse an odd number of electrons.

    Raises:
        InputError: If the molecule would be a radical.
    """
    n_electrons = int(molecule.atomic_numbers.sum()) - molecule.charge
    if n_electrons % 2:
        raise InputError(
            f"{molecule.name} with charge {molecule.charge} has {n_electrons} "
            "electrons, but only closed shells are treated: check its charge and "
            "its hydrogen atoms"
        )


def carbons_lacking_hydrogen(molecule: Molecule) -> list[int]:
    """Carbons whose neighbours leave room for a hydrogen.

    Complete is a carbon with four neighbours, three in a plane with it, two in a line
    with it, or one at the distance of a triple bond.
    """
    return [
        atom
        for atom in np.flatnonzero(molecule.atomic_numbers == CARBON).tolist()
        if not _is_saturated(molecule, atom)
    ]


def _is_saturated(molecule: Molecule, atom: int) -> bool:
    bonds = molecule.bonds[(molecule.bonds == atom).any(axis=1)]
    arms = molecule.positions[bonds.sum(axis=1) - atom] - molecule.positions[atom]
    lengths = np.linalg.norm(arms, axis=1)
    units = arms / lengths[:, None]
    cosines = (units @ units.T)[np.triu_indices(len(units), k=1)]
    total = float(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).sum())
    match len(arms):
        case 0:
            return False
        case 1:
            return float(lengths[0]) <= LONGEST_TRIPLE_BOND
        case 2:
            return total >= SMALLEST_LINEAR_ANGLE
        case 3:
            return total >= SMALLEST_PLANAR_SUM
        case _:
            return True
