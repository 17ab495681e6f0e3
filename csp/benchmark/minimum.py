"""What an observed crystal relaxes to, and whether a search has found that minimum."""

from collections.abc import Sequence
from dataclasses import dataclass

from csp.comparison.duplicates import Candidate, unique
from csp.comparison.invariants import average_minimum_distances
from csp.comparison.match import ObservedMatch, match_observed
from csp.comparison.settings import ComparisonSettings
from csp.comparison.symmetry import CrystalSymmetry, find_symmetry
from csp.crystal import Crystal
from csp.landscape import Landscape
from csp.lattice.fitting import RelaxedCrystal, fitted, relaxed
from csp.potentials.bodies import RigidMolecule
from csp.settings import Settings

_RELAXED = "relaxed"


@dataclass(frozen=True, eq=False, slots=True)
class ObservedMinimum:
    """An observed crystal and the minimum below it, with the molecules of a search.

    Attributes:
        observed: Symmetry of the crystal.
        minimum: Where it relaxes to.
        symmetry: Of the minimum.
        match: The minimum laid on the crystal.
        largest_misfit: How far the conformer is from the molecules of the crystal, Å.
    """

    observed: CrystalSymmetry
    minimum: RelaxedCrystal
    symmetry: CrystalSymmetry
    match: ObservedMatch
    largest_misfit: float


def observed_minimum(
    crystal: Crystal, molecules: Sequence[RigidMolecule], settings: Settings
) -> ObservedMinimum:
    """Relax an observed crystal with the molecules and the force field of a search.

    Args:
        crystal: As observed.
        molecules: Of the search, all conformers.
        settings: Of the search.

    Raises:
        InputError: If the crystal holds other molecules.
    """
    given = fitted(crystal, molecules, settings.potential)
    end = relaxed(given, settings.relaxation)
    (match,) = match_observed(
        [(_RELAXED, end.crystal)], [("observed", crystal)], settings.comparison
    )
    tolerance = settings.comparison.symmetry_tolerance_angstrom
    return ObservedMinimum(
        observed=find_symmetry(crystal, tolerance),
        minimum=end,
        symmetry=find_symmetry(end.crystal, tolerance),
        match=match,
        largest_misfit=given.largest_misfit,
    )


def rank_of(
    minimum: RelaxedCrystal, landscape: Landscape, settings: ComparisonSettings
) -> int | None:
    """Rank of a minimum in a landscape, None if it is not there.

    Two minima are one by the rule that made the landscape's own distinct.
    """
    own = _candidate(_RELAXED, minimum.lattice_energy, minimum.crystal)
    window = settings.energy_window_kj_per_mol
    for rank, other in enumerate(landscape.minima, start=1):
        if abs(other.lattice_energy - minimum.lattice_energy) > window:
            continue
        crystals = {_RELAXED: minimum.crystal, other.identity: other.crystal}
        pair = [own, _candidate(other.identity, other.lattice_energy, other.crystal)]
        if len(unique(pair, crystals.__getitem__, settings)) == 1:
            return rank
    return None


def _candidate(key: str, lattice_energy: float, crystal: Crystal) -> Candidate:
    return Candidate(
        key, lattice_energy, crystal.density, average_minimum_distances(crystal)
    )
