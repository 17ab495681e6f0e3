"""The distinct molecules and the distinct close pairs of molecules of a crystal."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.spatial.distance import cdist

from csp.arrays import Cell, Vectors
from csp.crystal import Crystal
from csp.reference.fragment import (
    SAME_DISTANCE,
    AtomsInPlace,
    Fragment,
    fragment_of,
    mapping,
)


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


def molecules_of(crystal: Crystal) -> list[AtomsInPlace]:
    """Atomic numbers and positions of each molecule of the cell."""
    return [
        (crystal.atomic_numbers[is_its], crystal.positions[is_its])
        for is_its in (
            crystal.molecule_of_atom == k for k in range(crystal.n_molecules)
        )
    ]


def fragments_of(crystal: Crystal, cutoff: float | None) -> Fragments:
    """Molecules and close pairs of a crystal, each kind once.

    E = Σ_molecules e + ½ Σ_i Σ_j e_ij over molecules i of the cell and all their
    neighbours j. Congruent fragments are one (:func:`csp.reference.fragment.mapping`).

    Args:
        crystal: Its molecules are unbroken.
        cutoff: Largest distance between the closest atoms of a pair, Å; None for no
            pairs.
    """
    molecules = molecules_of(crystal)
    monomers = distinct(fragment_of([molecule]) for molecule in molecules)
    if cutoff is None:
        return Fragments(monomers, ())
    pairs = distinct(_pairs(molecules, crystal.cell, cutoff + SAME_DISTANCE))
    dimers = [pair for pair in pairs if pair.fragment.contact < cutoff]
    dimers.sort(key=lambda pair: pair.fragment.contact)
    return Fragments(monomers, tuple(dimers))


def _pairs(
    molecules: Sequence[AtomsInPlace], cell: Cell, cutoff: float
) -> Iterator[Fragment]:
    """Every pair with its first molecule in the cell; one of (i, j + t), (j, i − t)."""
    for i, first in enumerate(molecules):
        for j in range(i, len(molecules)):
            second = molecules[j]
            for step in translations(first[1], second[1], cell, cutoff):
                if i == j and step <= (0, 0, 0):
                    continue
                there = second[1] + np.array(step) @ cell
                if cdist(first[1], there).min() < cutoff:
                    yield fragment_of([first, (second[0], there)])


def translations(
    first: Vectors, second: Vectors, cell: Cell, cutoff: float
) -> Iterator[tuple[int, ...]]:
    """Lattice translations t that may bring one molecule close to another.

    All t for which spheres around the first molecule and around the second one, moved
    by t, come closer than ``cutoff`` (Å).
    """
    apart = second.mean(axis=0) - first.mean(axis=0)
    reach = cutoff + sum(
        float(np.linalg.norm(positions - positions.mean(axis=0), axis=1).max())
        for positions in (first, second)
    )
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    offset, span = apart @ inverse, reach / heights
    lowest = np.ceil(-offset - span).astype(int)
    highest = np.floor(-offset + span).astype(int)
    ranges = [range(a, b + 1) for a, b in zip(lowest, highest, strict=True)]
    for step in product(*ranges):
        if np.linalg.norm(apart + np.array(step) @ cell) < reach:
            yield step


def distinct(fragments: Iterable[Fragment]) -> tuple[Repeated, ...]:
    """Congruent fragments once, each with their number."""
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
