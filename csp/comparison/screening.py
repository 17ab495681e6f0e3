"""The structure of a large landscape that is most like an observed crystal."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from csp.arrays import AtomicNumbers, Cell, Positions
from csp.comparison.invariants import scale_free_distances
from csp.comparison.molecules import crystal_of_atoms
from csp.comparison.overlay import PackingMatch, are_same_molecules, compare_packings
from csp.comparison.sameness import (
    Criteria,
    agree_in_hydrogens,
    contents_of,
    without_hydrogens,
)
from csp.comparison.shells import Hydrogens, PackingShells, packing_shells
from csp.crystal import Crystal
from csp.errors import InputError
from csp.records import Progress

MOST_OVERLAID = 200
"""Structures, the nearest by distances, that are overlaid with an observed one."""


class Atoms(NamedTuple):
    """A crystal whose molecules need not be known."""

    cell: Cell
    atomic_numbers: AtomicNumbers
    positions: Positions


@dataclass(frozen=True, eq=False, slots=True)
class Nearest:
    """The structure that is most like an observed crystal.

    Attributes:
        index: Of the structure in the landscape.
        packing: How the observed crystal and it overlay; it is found if
            ``packing.same``.
        n_overlaid: Structures that were overlaid.
    """

    index: int
    packing: PackingMatch
    n_overlaid: int


def nearest_structures(
    landscape: Sequence[Atoms],
    observed: Sequence[tuple[str, Crystal]],
    criteria: Criteria,
    most_overlaid: int,
    progress: Progress,
) -> tuple[Nearest, ...]:
    """For each observed crystal the structure that stands for it.

    The lowest in energy of those in which all molecules match, else that with most
    matching ones and the smallest RMSD. Structures are ordered by the mean difference
    of their scale-free minimum distances from the observed ones, and the first ones are
    overlaid.

    Args:
        landscape: The structures, the lowest in energy first.
        observed: Names and crystals.
        criteria: When molecules match.
        most_overlaid: How many structures are overlaid with each.
        progress: Told how far it is.

    Raises:
        InputError: If the landscape is empty, or an observed crystal is of other
            molecules.
    """
    if not landscape:
        raise InputError(
            "the landscape is empty: there is nothing to compare the observed crystals "
            "with"
        )

    @lru_cache(maxsize=2 * most_overlaid)
    def shells(index: int, *, bare: bool) -> PackingShells:
        crystal = crystal_of_atoms(*landscape[index])
        return _shells(without_hydrogens(crystal) if bare else crystal, criteria)

    example = crystal_of_atoms(*landscape[0])
    targets = []
    for name, crystal in observed:
        bare = not agree_in_hydrogens(crystal, example)
        one, other = (
            without_hydrogens(each) if bare else each for each in (crystal, example)
        )
        if not are_same_molecules(one, other):
            raise InputError(
                f"{name} is a crystal of {contents_of(crystal)}, the landscape is of "
                f"{contents_of(example)}: give a crystal of the same molecules"
            )
        targets.append((bare, _shells(one, criteria)))
    fingerprints = []
    for done, atoms in enumerate(landscape, start=1):
        fingerprints.append(scale_free_distances(*atoms))
        progress("screening", done, len(landscape))
    found = []
    for (_, crystal), (bare, target) in zip(observed, targets, strict=True):
        own = scale_free_distances(
            crystal.cell, crystal.atomic_numbers, crystal.positions
        )
        gaps = np.abs(np.array(fingerprints) - own).mean(axis=1)
        chosen = np.argsort(gaps, kind="stable")[:most_overlaid].tolist()
        best: tuple[int, PackingMatch] | None = None
        for done, index in enumerate(chosen, start=1):
            match = compare_packings(
                target, shells(index, bare=bare), criteria.tolerances
            )
            if best is None or match.precedence(index) < best[1].precedence(best[0]):
                best = (index, match)
            progress("overlaying", done, len(chosen))
        if best is not None:
            found.append(Nearest(*best, len(chosen)))
    return tuple(found)


def _shells(crystal: Crystal, criteria: Criteria) -> PackingShells:
    which = Hydrogens.ALL if criteria.hydrogens else Hydrogens.NEEDED
    return packing_shells(crystal, criteria.n_molecules, which)
