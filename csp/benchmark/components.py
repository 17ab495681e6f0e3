"""The molecules of an observed crystal, one of each kind, and their numbers."""

from pathlib import Path

import numpy as np

from csp.comparison.molecules import molecular_bonds
from csp.comparison.reading import read_crystal
from csp.conformers.completeness import check_complete
from csp.conformers.graph import is_same_graph
from csp.lattice.charges import charged_molecules
from csp.molecule import Molecule


def components_of(path: Path) -> list[tuple[Molecule, int]]:
    """One molecule of each kind, as it is in the crystal, and how many a unit holds.

    Charges are the smallest that make the crystal neutral.

    Args:
        path: A CIF file.

    Raises:
        InputError: If the file is no crystal of complete molecules.
    """
    crystal = read_crystal(path, needs_hydrogens=False)
    kinds: list[Molecule] = []
    counts: list[int] = []
    for index in range(crystal.n_molecules):
        atoms = crystal.molecule_of_atom == index
        numbers, positions = crystal.atomic_numbers[atoms], crystal.positions[atoms]
        bonds = molecular_bonds(numbers, positions)
        molecule = Molecule(numbers, positions, bonds, 0, path.stem)
        for k, kind in enumerate(kinds):
            if is_same_graph(kind, molecule):
                counts[k] += 1
                break
        else:
            kinds.append(molecule)
            counts.append(1)
    charged = charged_molecules(kinds, counts, {})
    for molecule in charged:
        check_complete(molecule, f"{molecule.name} in {path.name}")
    unit = int(np.gcd.reduce(counts))
    return [(m.centred(), n // unit) for m, n in zip(charged, counts, strict=True)]


def xyz_text(molecule: Molecule) -> str:
    """An XYZ file of a molecule."""
    lines = [str(len(molecule.symbols)), molecule.name]
    lines += [
        f"{symbol:2s} " + " ".join(f"{x:14.8f}" for x in position)
        for symbol, position in zip(molecule.symbols, molecule.positions, strict=True)
    ]
    return "\n".join(lines) + "\n"
