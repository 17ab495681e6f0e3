"""Molecular graphs: which atoms of two molecules may stand for one another."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rdkit import Chem

from csp.arrays import AtomicNumbers, Bonds, Permutations, read_only

MOST_MAPPINGS = 2000
"""More ways than this to map one molecule on another are not tried."""


@dataclass(frozen=True, slots=True)
class MolecularGraph:
    """Elements and bonds of a molecule, without its geometry.

    Attributes:
        atomic_numbers: Of each atom.
        bonds: Sorted pairs of bonded atoms.
    """

    atomic_numbers: tuple[int, ...]
    bonds: tuple[tuple[int, int], ...]


def molecular_graph(atomic_numbers: AtomicNumbers, bonds: Bonds) -> MolecularGraph:
    """The graph of a molecule in its own atom order."""
    pairs = sorted((min(i, j), max(i, j)) for i, j in bonds.tolist())
    return MolecularGraph(tuple(atomic_numbers.tolist()), tuple(pairs))


@lru_cache(maxsize=1024)
def isomorphisms(first: MolecularGraph, second: MolecularGraph) -> Permutations:
    """All ways to map one graph on the other, none if they differ.

    Atom ``i`` of ``first`` is atom ``permutations[k, i]`` of ``second``. Bond orders do
    not count, so that both oxygens of a carboxyl group are alike.
    """
    n_atoms = len(first.atomic_numbers)
    none = read_only(np.empty((0, n_atoms)), int)
    if sorted(first.atomic_numbers) != sorted(second.atomic_numbers):
        return none
    if len(first.bonds) != len(second.bonds):
        return none
    matches = _rdkit_molecule(second).GetSubstructMatches(
        _rdkit_molecule(first), uniquify=False, maxMatches=MOST_MAPPINGS
    )
    return read_only(sorted(matches), int) if matches else none


def _rdkit_molecule(graph: MolecularGraph) -> Chem.Mol:
    molecule = Chem.RWMol()
    for number in graph.atomic_numbers:
        molecule.AddAtom(Chem.Atom(number))
    for first, second in graph.bonds:
        molecule.AddBond(first, second, Chem.BondType.SINGLE)
    return molecule.GetMol()
