"""The distinct molecules and the distinct close pairs of molecules of a crystal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.spatial.distance import cdist

from csp.arrays import AtomicNumbers, Cell, Positions, Vector
from csp.crystal import Crystal
from csp.reference.fragment import SAME_DISTANCE, Fragment, fragment_of, mapping


@dataclass(frozen=True, eq=False, slots=True)
class Repeated:
    """A fragment and how often the cell has it, in any orientation or hand.

    Attributes:
        fragment: The first of them.
        count: Per cell; a pair counts once, wherever its second molecule lies, so that
            ``Σ count × energy`` is the energy of the cell.
    """

    fragment: Fragment
    count: int


@dataclass(frozen=True, eq=False, slots=True)
class Fragments:
    """What a fragment energy of a crystal is a sum over.

    Attributes:
        monomers: Distinct molecules.
        dimers: Distinct pairs of molecules, the closest first.
    """

    monomers: tuple[Repeated, ...]
    dimers: tuple[Repeated, ...]


_Atoms = tuple[AtomicNumbers, Positions]


def fragments_of(crystal: Crystal, cutoff: float) -> Fragments:
    """Molecules and close pairs of a crystal, each kind once.

    E = Σ_molecules e + ½ Σ_i Σ_j e_ij over molecules i of the cell and all their
    neighbours j. Congruent fragments are one (:func:`csp.reference.fragment.mapping`).

    Args:
        crystal: Its molecules are unbroken.
        cutoff: Largest distance between the closest atoms of a pair, Å.
    """
    atoms = [
        np.flatnonzero(crystal.molecule_of_atom == k)
        for k in range(crystal.n_molecules)
    ]
    molecules = [(crystal.atomic_numbers[k], crystal.positions[k]) for k in atoms]
    monomers = _distinct(fragment_of([molecule]) for molecule in molecules)
    pairs = _distinct(_pairs(molecules, crystal.cell, cutoff + SAME_DISTANCE))
    dimers = [pair for pair in pairs if pair.fragment.contact < cutoff]
    dimers.sort(key=lambda pair: pair.fragment.contact)
    return Fragments(monomers, tuple(dimers))


def _pairs(
    molecules: Sequence[_Atoms], cell: Cell, cutoff: float
) -> Iterator[Fragment]:
    """Every pair with its first molecule in the cell; one of (i, j + t), (j, i − t)."""
    middles = [positions.mean(axis=0) for _, positions in molecules]
    radii = [
        float(np.linalg.norm(positions - middle, axis=1).max())
        for (_, positions), middle in zip(molecules, middles, strict=True)
    ]
    for i, first in enumerate(molecules):
        for j in range(i, len(molecules)):
            second = molecules[j]
            apart, reach = middles[j] - middles[i], radii[i] + radii[j] + cutoff
            for step in _translations(apart, cell, reach):
                if i == j and step <= (0, 0, 0):
                    continue
                there = second[1] + np.array(step) @ cell
                if cdist(first[1], there).min() < cutoff:
                    yield fragment_of([first, (second[0], there)])


def _translations(apart: Vector, cell: Cell, reach: float) -> Iterator[tuple[int, ...]]:
    """Lattice translations t with |apart + t| < reach (Å)."""
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    offset, span = apart @ inverse, reach / heights
    lowest = np.ceil(-offset - span).astype(int)
    highest = np.floor(-offset + span).astype(int)
    ranges = [range(a, b + 1) for a, b in zip(lowest, highest, strict=True)]
    for step in product(*ranges):
        if np.linalg.norm(apart + np.array(step) @ cell) < reach:
            yield step


def _distinct(fragments: Iterator[Fragment]) -> tuple[Repeated, ...]:
    found: list[Fragment] = []
    counts: list[int] = []
    for fragment in fragments:
        for k, known in enumerate(found):
            if mapping(known, fragment) is not None:
                counts[k] += 1
                break
        else:
            found.append(fragment)
            counts.append(1)
    return tuple(Repeated(f, n) for f, n in zip(found, counts, strict=True))
