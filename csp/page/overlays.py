"""Which structures of a landscape are compared beforehand, and how they overlay."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from csp.comparison.overlay import PackingMatch, compare_packings
from csp.comparison.reading import read_crystal
from csp.comparison.settings import ComparisonSettings
from csp.comparison.shells import PackingShells, packing_shells
from csp.crystal import Crystal
from csp.page.data import Overlay
from csp.records import Progress

N_AMONG_THEMSELVES = 20
"""Structures, the lowest of each level, that are compared with one another."""
N_WITH_OBSERVED = 300
"""Structures, the lowest of each level, that observed forms are compared with."""


@dataclass(frozen=True, eq=False, slots=True)
class Comparisons:
    """Overlays that were made, and what they say of the observed forms.

    Attributes:
        overlays: Pairs of structures, and of observed forms and structures.
        found_as: For each observed form the structures in which all molecules match.
        n_compared: Structures that observed forms were compared with.
    """

    overlays: tuple[Overlay, ...]
    found_as: Mapping[str, tuple[str, ...]]
    n_compared: int


def compare(
    files: Mapping[str, Path],
    orders: Sequence[Sequence[str]],
    observed: Mapping[str, Crystal],
    progress: Progress,
) -> Comparisons:
    """Overlay the lowest structures with one another and with the observed forms.

    Args:
        files: CIF file of each structure, the lowest of the force field first.
        orders: Ids of the structures by each level's energy.
        observed: Forms by name.
        progress: Told how far it is.
    """
    settings = ComparisonSettings()
    n_molecules = settings.n_molecules
    few = _lowest(files, orders, N_AMONG_THEMSELVES)
    many = _lowest(files, orders, N_WITH_OBSERVED) if observed else few
    shells: dict[str, PackingShells] = {}
    for done, key in enumerate(many, start=1):
        crystal = read_crystal(files[key], needs_hydrogens=False)
        shells[key] = packing_shells(crystal, n_molecules)
        progress("comparing for the report", done, len(many))
    overlays = []
    found: dict[str, tuple[str, ...]] = {}
    for name, crystal in observed.items():
        target = packing_shells(crystal, n_molecules)
        matches = {
            key: compare_packings(target, shells[key], settings.observed_tolerances)
            for key in many
        }
        overlays += [_overlay(name, key, match) for key, match in matches.items()]
        found[name] = tuple(key for key, match in matches.items() if match.same)
    for first, second in combinations(few, 2):
        match = compare_packings(
            shells[first], shells[second], settings.observed_tolerances
        )
        overlays.append(_overlay(first, second, match))
    return Comparisons(tuple(overlays), found, len(many) if observed else 0)


def _lowest(
    files: Mapping[str, Path], orders: Sequence[Sequence[str]], number: int
) -> list[str]:
    """The lowest of each level, in the order of the landscape."""
    chosen = {key for order in orders for key in order[:number]}
    return [key for key in files if key in chosen]


def _overlay(first: str, second: str, match: PackingMatch) -> Overlay:
    rmsd = match.rmsd if math.isfinite(match.rmsd) else None
    return Overlay(
        first, second, match.n_matched, match.n_compared, rmsd, match.rotation
    )
