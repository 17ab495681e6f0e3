"""Packing similarity: how many molecules of two crystals overlay, and how well."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from csp.arrays import RotationMatrix, read_only
from csp.comparison.graphs import MolecularGraph, isomorphisms
from csp.comparison.kernels.overlay import Overlaid, best_overlay
from csp.comparison.kernels.pairs import Pair
from csp.comparison.shells import (
    PackingShells,
    Shell,
    kinds_of_molecules,
    packing_shells,
)
from csp.crystal import Crystal
from csp.errors import InputError

RIGHT_ANGLE = 90.0


@dataclass(frozen=True, eq=False, slots=True)
class PackingMatch:
    """How well two crystals overlay.

    Attributes:
        n_matched: Molecules of the cluster found in the other crystal.
        n_compared: Molecules in the cluster.
        rmsd: Root-mean-square distance of the atoms of matched molecules, Å; infinite
            where not even one molecule matches.
        rotation: Carries directions of the first crystal to the second; improper for
            mirror images.
    """

    n_matched: int
    n_compared: int
    rmsd: float
    rotation: RotationMatrix

    def __post_init__(self) -> None:
        object.__setattr__(self, "rotation", read_only(self.rotation))

    @property
    def same(self) -> bool:
        """Whether every molecule of the cluster was found."""
        return self.n_matched == self.n_compared

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts the better match first."""
        return (-self.n_matched, self.rmsd)

    def precedence(self, place: int) -> tuple[int, float]:
        """Sorts the match that counts first, in a list of structures by energy.

        Of structures that match wholly the first in the list counts, as in the blind
        tests of crystal structure prediction: overlays are generous, and the lowest
        minimum of those that resemble a crystal is where it relaxes to. Of others, the
        one that resembles it most.

        Args:
            place: Of the structure in the list.
        """
        return (-self.n_matched, float(place) if self.same else self.rmsd)


@dataclass(frozen=True, slots=True)
class Tolerances:
    """When a molecule of a cluster counts as found.

    Attributes:
        distance: Largest relative difference of a distance from the central molecule.
        angle: Largest angle between the directions in which it lies, degrees.
    """

    distance: float = 0.20
    angle: float = 20.0

    def __post_init__(self) -> None:
        if not (0.0 < self.distance < 1.0 and 0.0 < self.angle <= RIGHT_ANGLE):
            raise InputError(
                "the tolerances of an overlay must lie in (0, 1) and (0, 90] degrees, "
                f"got {self.distance} and {self.angle}"
            )


def packing_match(
    first: Crystal,
    second: Crystal,
    n_molecules: int = 15,
    tolerances: Tolerances = Tolerances(),
) -> PackingMatch:
    """RMSD_n of two crystals: :func:`compare_packings` of their shells.

    Args:
        first: Any cell of a crystal.
        second: Any cell of another.
        n_molecules: Molecules in a cluster.
        tolerances: When a molecule counts as found.
    """
    return compare_packings(
        packing_shells(first, n_molecules),
        packing_shells(second, n_molecules),
        tolerances,
    )


def compare_packings(
    first: PackingShells,
    second: PackingShells,
    tolerances: Tolerances = Tolerances(),
) -> PackingMatch:
    """The best overlay of a cluster of molecules of one crystal on the other.

    A molecule matches if its distances, atom by atom, from the central molecule and
    the directions in which its atoms lie agree in both crystals. The cluster around
    every distinct molecule of either crystal is sought in the other, and the worst
    outcome counts: crystals are the same only if neither holds a packing that the
    other lacks. So the outcome does not depend on which crystal is the first.

    Args:
        first: From :func:`csp.comparison.shells.packing_shells`.
        second: Likewise, with the same number of molecules.
        tolerances: When a molecule counts as found.

    Raises:
        InputError: If the sizes of the clusters differ.

    References:
        Chisholm & Motherwell, J. Appl. Cryst. 38, 228 (2005).
    """
    if first.n_molecules != second.n_molecules:
        raise InputError(
            f"clusters of {first.n_molecules} and {second.n_molecules} molecules "
            "cannot be compared: make both with one n_molecules"
        )
    forward = _worst_cluster(first, second, tolerances)
    backward = _worst_cluster(second, first, tolerances)
    if forward.rank >= backward.rank:
        return forward
    return PackingMatch(
        backward.n_matched, backward.n_compared, backward.rmsd, backward.rotation.T
    )


def are_same_molecules(first: Crystal, second: Crystal) -> bool:
    """Whether the molecules of two crystals are the same, by the bonds that count."""
    kinds = kinds_of_molecules(first), kinds_of_molecules(second)
    return _mappings(*kinds) is not None


def _worst_cluster(
    first: PackingShells, second: PackingShells, tolerances: Tolerances
) -> PackingMatch:
    """The cluster of the first crystal that is found least well in the second."""
    none = PackingMatch(0, first.n_molecules, math.inf, np.eye(3))
    mappings = _mappings(first.graphs, second.graphs)
    if mappings is None:
        return none
    worst = None
    for shell in first.shells:
        found = _best_of(shell, second, mappings, tolerances)
        match = (
            none
            if found is None
            else PackingMatch(
                found.n_matched, first.n_molecules, found.rmsd, found.rotation
            )
        )
        worst = match if worst is None or match.rank > worst.rank else worst
    return none if worst is None else worst


def _best_of(
    shell: Shell, second: PackingShells, mappings: "_Mappings", tolerances: Tolerances
) -> Overlaid | None:
    best = None
    for other in second.shells:
        found = best_overlay(
            _pair(shell, other, mappings, second.n_molecules, tolerances), shell.n_open
        )
        if found.n_matched and (
            best is None
            or (-found.n_matched, found.rmsd) < (-best.n_matched, best.rmsd)
        ):
            best = found
    return best


class _Mappings(NamedTuple):
    """Which kinds of molecule are the same, and how their atoms correspond.

    Attributes:
        kinds: For each kind of the second crystal its number in the first.
        permutations: Mappings of the atoms of each kind of the first, padded.
        first: Where those of each kind begin, and their end.
    """

    kinds: np.ndarray
    permutations: np.ndarray
    first: np.ndarray


def _pair(
    shell: Shell,
    other: Shell,
    mappings: _Mappings,
    n_molecules: int,
    tolerances: Tolerances,
) -> Pair:
    """The cluster of one shell and where it is sought."""
    n = shell.n_reference
    return Pair(
        cluster=shell.coordinates[:n],
        centroids=shell.centroids[:n],
        kinds=shell.kinds[:n],
        sizes=shell.sizes[:n],
        shell=other.coordinates,
        shell_centroids=other.centroids,
        shell_kinds=mappings.kinds[other.kinds],
        permutations=mappings.permutations,
        first_permutation=mappings.first,
        n_core=shell.n_core,
        n_molecules=n_molecules,
        distance_tolerance=tolerances.distance,
        smallest_cosine=math.cos(math.radians(tolerances.angle)),
    )


@lru_cache(maxsize=256)
def _mappings(
    first: tuple[MolecularGraph, ...], second: tuple[MolecularGraph, ...]
) -> _Mappings | None:
    """How the molecules of two crystals correspond, nothing if they differ."""
    if len(first) != len(second):
        return None
    kinds = np.full(len(second), -1)
    n_atoms = max(len(graph.atomic_numbers) for graph in first)
    padded = []
    for kind, graph in enumerate(first):
        for other, other_graph in enumerate(second):
            permutations = isomorphisms(graph, other_graph)
            if len(permutations):
                kinds[other] = kind
                rest = np.arange(permutations.shape[1], n_atoms)
                tail = np.broadcast_to(rest, (len(permutations), len(rest)))
                padded.append(np.concatenate([permutations, tail], axis=1))
    if len(padded) != len(first) or (kinds < 0).any():
        return None
    ends = np.cumsum([0, *map(len, padded)])
    return _Mappings(kinds, np.concatenate(padded), ends)
