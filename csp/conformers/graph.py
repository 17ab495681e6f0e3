"""The molecule as chemists draw it: bonds, bond orders, InChIKey (through RDKit)."""

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from rdkit import Chem, rdBase
from rdkit.Chem import rdDetermineBonds

from csp.arrays import AtomicNumbers, Bonds, Indices, Positions
from csp.errors import InputError
from csp.molecule import Molecule

BOND_TOLERANCE = 1.25
"""Two atoms are bonded up to this multiple of the sum of their covalent radii."""

MOST_AUTOMORPHISMS = 10_000
HYDROGEN, CARBON = 1, 6


def bonds_from_distances(numbers: AtomicNumbers, positions: Positions) -> Bonds:
    """Bonds between atoms closer than 1.25 times the sum of their covalent radii.

    References:
        Radii: Cordero et al., Dalton Trans. 2832 (2008).
    """
    radii = covalent_radii[numbers]
    limits = BOND_TOLERANCE * (radii[:, None] + radii[None, :])
    distances = np.linalg.norm(positions[:, None] - positions[None, :], axis=-1)
    return np.argwhere(np.triu(distances < limits, k=1))


def has_same_bonds(molecule: Molecule, positions: Positions) -> bool:
    """Whether the bonds seen in ``positions`` are those of the molecule."""
    seen = bonds_from_distances(molecule.atomic_numbers, positions)
    return {tuple(pair) for pair in seen.tolist()} == {
        tuple(pair) for pair in molecule.bonds.tolist()
    }


def skeleton(molecule: Molecule) -> Chem.Mol:
    """The bonded atoms with every bond single and the geometry attached."""
    editable = Chem.RWMol()
    for number in molecule.atomic_numbers.tolist():
        atom = Chem.Atom(number)
        atom.SetNoImplicit(True)  # noqa: FBT003 - RDKit's signature
        editable.AddAtom(atom)
    for i, j in molecule.bonds.tolist():
        editable.AddBond(i, j, Chem.BondType.SINGLE)
    geometry = Chem.Conformer(len(molecule.atomic_numbers))
    geometry.SetPositions(np.array(molecule.positions))
    editable.AddConformer(geometry, assignId=True)
    return editable.GetMol()


def rdkit_molecule(molecule: Molecule) -> Chem.Mol:
    """The molecule with bond orders and stereochemistry, atoms in the same order.

    Bond orders follow from the connectivity and the charge; stereocentres and double
    bonds are read off the geometry.

    Raises:
        InputError: If no set of bond orders satisfies every valence.
    """
    perceived = Chem.Mol(skeleton(molecule))
    with rdBase.BlockLogs():
        try:
            if perceived.GetNumBonds():
                rdDetermineBonds.DetermineBondOrders(perceived, charge=molecule.charge)
            else:
                perceived.GetAtomWithIdx(0).SetFormalCharge(molecule.charge)
            Chem.SanitizeMol(perceived)
        except (ValueError, RuntimeError) as error:
            raise InputError(
                f"{molecule.name} has no bond orders that satisfy every valence with "
                f"charge {molecule.charge}: check its hydrogen atoms and its charge"
            ) from error
        Chem.AssignStereochemistryFrom3D(perceived)
    return perceived


def inchi_key(molecule: Molecule) -> str:
    """The InChIKey, the name of a molecule whatever its geometry or atom order.

    The standard InChI: tautomers that differ only in a mobile hydrogen share it.

    Raises:
        InputError: If no set of bond orders satisfies every valence.
    """
    with rdBase.BlockLogs():
        return str(Chem.MolToInchiKey(rdkit_molecule(molecule)))


def smiles_of(molecule: Molecule) -> str:
    """Canonical SMILES without explicit hydrogens."""
    with rdBase.BlockLogs():
        return str(Chem.MolToSmiles(Chem.RemoveHs(rdkit_molecule(molecule))))


def fragments_of(molecule: Molecule) -> list[str]:
    """Formula of every part that no bond joins to the rest, in Hill's order."""
    parts = Chem.GetMolFrags(skeleton(molecule))
    return [formula_of(molecule.atomic_numbers[list(part)]) for part in parts]


def formula_of(numbers: AtomicNumbers) -> str:
    """Chemical formula in the order of Hill.

    >>> formula_of(np.array([8, 1, 6, 1]))
    'CH2O'
    """
    return str(Atoms(numbers).get_chemical_formula("hill"))


def is_same_graph(molecule: Molecule, other: Molecule) -> bool:
    """Whether the same elements are bonded in the same way (tautomers are not)."""
    first, second = skeleton(molecule), skeleton(other)
    return (
        first.GetNumAtoms() == second.GetNumAtoms()
        and first.GetNumBonds() == second.GetNumBonds()
        and bool(first.HasSubstructMatch(second))
    )


def automorphisms(molecule: Molecule) -> tuple[Indices, ...]:
    """Ways to renumber heavy atoms and polar hydrogens that keep every bond.

    Each numbering lists the atoms that play the parts of those in the first, the
    identity. Hydrogens on carbon are left out: they follow from the rest, and every
    methyl group would multiply the numberings by six. At most 10 000 are returned.
    """
    whole = skeleton(molecule)
    left_out = {
        atom.GetIdx()
        for atom in whole.GetAtoms()
        if atom.GetAtomicNum() == HYDROGEN
        and any(n.GetAtomicNum() == CARBON for n in atom.GetNeighbors())
    }
    kept = np.array([i for i in range(whole.GetNumAtoms()) if i not in left_out])
    part = Chem.RWMol(whole)
    for index in sorted(left_out, reverse=True):
        part.RemoveAtom(index)
    matches = part.GetSubstructMatches(
        part, uniquify=False, maxMatches=MOST_AUTOMORPHISMS
    )
    rows = sorted(matches, key=lambda row: row != tuple(range(len(kept))))
    return tuple(kept[list(row)] for row in rows)
