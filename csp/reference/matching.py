"""Structures found again by their geometry, whatever cell, order or name they have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from csp.arrays import Scalars
from csp.comparison.invariants import average_minimum_distances
from csp.comparison.overlay import compare_packings
from csp.comparison.shells import Hydrogens, PackingShells, packing_shells
from csp.crystal import Crystal

LARGEST_DISTANCE = 0.05
"""Of the average minimum distances, hydrogens included, of one structure, Å."""
LARGEST_RMSD = 0.05
"""Of the overlay of 15 molecules of one structure, Å."""
N_MOLECULES = 15


@dataclass(frozen=True, eq=False, slots=True)
class Fingerprint:
    """What one structure is known by.

    Attributes:
        crystal: Any cell of it.
        distances: Average minimum distances, all atoms, Å.
    """

    crystal: Crystal
    distances: Scalars

    @classmethod
    def of(cls, crystal: Crystal) -> "Fingerprint":
        """That of a crystal."""
        return cls(crystal, average_minimum_distances(crystal))


def found_again(
    structures: Mapping[str, Crystal], others: Mapping[str, Crystal]
) -> dict[str, str]:
    """For each structure the name of the same one among others, where there is one.

    The same means: minima of one landscape that were relaxed twice, on two machines or
    from two starts. Positions of all atoms agree within hundredths of an ångström; a
    proton on another atom or another hydrogen bond is another structure.

    Args:
        structures: By name.
        others: By name.
    """
    theirs = {name: Fingerprint.of(crystal) for name, crystal in others.items()}
    shells: dict[str, PackingShells] = {}
    found = {}
    for name, crystal in structures.items():
        ours = Fingerprint.of(crystal)
        own: PackingShells | None = None
        for other in _near(ours, theirs):
            own = own or _shells(crystal)
            if other not in shells:
                shells[other] = _shells(others[other])
            match = compare_packings(own, shells[other])
            if match.same and match.rmsd <= LARGEST_RMSD:
                found[name] = other
                break
    return found


def _near(ours: Fingerprint, theirs: Mapping[str, Fingerprint]) -> Sequence[str]:
    """Names of those that may be the same, the nearest first."""
    gaps = {
        name: float(abs(ours.distances - item.distances).max())
        for name, item in theirs.items()
        if len(item.distances) == len(ours.distances)
    }
    near = [name for name, gap in gaps.items() if gap <= LARGEST_DISTANCE]
    return sorted(near, key=lambda name: (gaps[name], name))


def _shells(crystal: Crystal) -> PackingShells:
    return packing_shells(crystal, N_MOLECULES, Hydrogens.ALL)
