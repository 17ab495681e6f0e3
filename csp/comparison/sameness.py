"""Two crystals compared by all measures: overlay, powder pattern, distances."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from csp.comparison.invariants import average_minimum_distances, invariant_distance
from csp.comparison.molecules import HYDROGEN
from csp.comparison.overlay import (
    PackingMatch,
    Tolerances,
    are_same_molecules,
    compare_packings,
)
from csp.comparison.powder import powder_pattern, powder_similarity
from csp.comparison.shells import Hydrogens, packing_shells
from csp.crystal import Crystal
from csp.errors import InputError


@dataclass(frozen=True, slots=True)
class Criteria:
    """How two crystals are to be compared.

    Attributes:
        n_molecules: Molecules in the clusters that are overlaid.
        tolerances: When a molecule counts as found.
        hydrogens: Whether all hydrogens count.
    """

    n_molecules: int = 15
    tolerances: Tolerances = field(default_factory=Tolerances)
    hydrogens: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Sameness:
    """How alike two crystals are.

    Attributes:
        packing: How well their packings overlay.
        powder_similarity: Of their X-ray powder patterns, 1 for the same.
        amd: Largest difference of their average minimum distances, Å; None if they
            are not of the same elements.
        notes: What a reader should know of the comparison.
    """

    packing: PackingMatch
    powder_similarity: float
    amd: float | None
    notes: tuple[str, ...]


def compare_crystals(
    first: Crystal, second: Crystal, criteria: Criteria = Criteria()
) -> Sameness:
    """Whether two crystals are one, by overlay, powder pattern and distances.

    The average minimum distances are those of the atoms that are not hydrogen, unless
    all hydrogens count. If one of the crystals lacks hydrogens that matter, as after
    X-ray diffraction, none of the other count. All measures are the same if the
    crystals are exchanged. Crystals of other molecules are not the same: nothing of
    them matches.

    Args:
        first: Any cell of a crystal.
        second: Any cell of another.
        criteria: How they are compared.

    Raises:
        InputError: If hydrogens are to count where there are none.
    """
    notes = []
    contents = [contents_of(crystal) for crystal in (first, second)]
    if not agree_in_hydrogens(first, second):
        if criteria.hydrogens:
            raise InputError(
                "one of the crystals lacks hydrogen atoms: they cannot be compared "
                "with hydrogens (leave out --hydrogens)"
            )
        notes.append("one crystal lacks hydrogen atoms: compared without any")
        first, second = without_hydrogens(first), without_hydrogens(second)
    which = Hydrogens.ALL if criteria.hydrogens else Hydrogens.NEEDED
    packing = compare_packings(
        packing_shells(first, criteria.n_molecules, which),
        packing_shells(second, criteria.n_molecules, which),
        criteria.tolerances,
    )
    if contents_of(first) != contents_of(second):
        notes.append(
            f"the crystals differ in contents: {contents[0]} and {contents[1]}"
        )
    return Sameness(
        packing,
        powder_similarity(powder_pattern(first), powder_pattern(second)),
        _distance(first, second, hydrogens=criteria.hydrogens),
        tuple(notes),
    )


def agree_in_hydrogens(first: Crystal, second: Crystal) -> bool:
    """Whether neither crystal lacks hydrogens that the comparison needs.

    They disagree if one has none, or if their molecules are the same only without.
    """
    if has_hydrogens(first) != has_hydrogens(second):
        return False
    bare = without_hydrogens(first), without_hydrogens(second)
    return are_same_molecules(first, second) or not are_same_molecules(*bare)


def has_hydrogens(crystal: Crystal) -> bool:
    """Whether there is a hydrogen atom."""
    return bool((crystal.atomic_numbers == HYDROGEN).any())


def without_hydrogens(crystal: Crystal) -> Crystal:
    """The crystal less its hydrogens, or as it is if there is nothing else."""
    kept = crystal.atomic_numbers != HYDROGEN
    if kept.all() or not kept.any():
        return crystal
    _, molecules = np.unique(crystal.molecule_of_atom[kept], return_inverse=True)
    return Crystal(
        crystal.cell,
        crystal.atomic_numbers[kept],
        crystal.positions[kept],
        molecules,
        crystal.n_formula_units,
    )


def contents_of(crystal: Crystal) -> str:
    """A formula unit, like ``C2H2O4 + 2 H2O``."""
    formulas = Counter(
        Atoms(
            crystal.atomic_numbers[crystal.molecule_of_atom == molecule]
        ).symbols.formula.format("hill")
        for molecule in range(crystal.n_molecules)
    )
    parts = []
    for formula, count in sorted(formulas.items()):
        number = count / crystal.n_formula_units
        parts.append(formula if number == 1.0 else f"{number:g} {formula}")
    return " + ".join(parts)


def _distance(first: Crystal, second: Crystal, *, hydrogens: bool) -> float | None:
    if not hydrogens:
        first, second = without_hydrogens(first), without_hydrogens(second)
    if set(first.atomic_numbers.tolist()) != set(second.atomic_numbers.tolist()):
        return None
    return invariant_distance(
        average_minimum_distances(first), average_minimum_distances(second)
    )
