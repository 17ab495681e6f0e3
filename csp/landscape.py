"""The landscape: distinct minima, ranked by energy, observed forms marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from csp.arrays import CellParameters, Indices, Scalars
from csp.comparison.duplicates import Candidate, unique
from csp.comparison.invariants import average_minimum_distances
from csp.comparison.match import ObservedMatch, match_observed
from csp.comparison.settings import ComparisonSettings
from csp.comparison.symmetry import find_symmetry
from csp.comparison.writing import cif_text
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import parameters_from_cell
from csp.packing.accumulation import Accumulation, accumulate
from csp.packing.completeness import Completeness, estimate_completeness
from csp.packing.expansion import crystal_of
from csp.potentials.bodies import FormulaUnit
from csp.records import Progress, Relaxation, Status
from csp.viewing.tables import html_table

_SHOWN = 10
"""Structures of a landscape in a notebook."""
_HEADINGS = (
    "rank",
    "space group",
    "Z′",
    "lattice energy, kJ/mol",
    "above the lowest",
    "density, g/cm³",
    "times found",
    "id",
    "observed form",
)


@dataclass(frozen=True, eq=False, slots=True)
class Minimum:
    """A distinct structure of the landscape.

    Attributes:
        identity: Name of the draw that stands for it.
        conformers: Labels of its conformers, sorted.
        space_group: International number found after relaxation.
        symbol: Hermann–Mauguin symbol.
        z_prime: Formula units in the asymmetric unit.
        cell: Conventional cell: Å and degrees.
        density: g/cm³.
        lattice_energy: kJ/mol per formula unit.
        times_found: Draws that ended here.
        crystal: The conventional cell.
        cif: The structure with its symmetry.
        observed_form: Name of the observed form it matches, or "".
    """

    identity: str
    conformers: tuple[str, ...]
    space_group: int
    symbol: str
    z_prime: float
    cell: CellParameters
    density: float
    lattice_energy: float
    times_found: int
    crystal: Crystal
    cif: str
    observed_form: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the packings of a search.

    Attributes:
        endings: How many first relaxations ended with each status.
        n_first_minima: Distinct minima of the first relaxation within its window.
        n_refined: Of those, the ones that converged with the full model.
        n_distinct: Distinct minima of the full model within the landscape's window.
        n_saddles: Of those, the ones that were saddle points and went on downhill.
        n_unsettled: Of those, the ones that came to no minimum there.
    """

    endings: dict[Status, int]
    n_first_minima: int
    n_refined: int
    n_distinct: int
    n_saddles: int
    n_unsettled: int


@dataclass(frozen=True, eq=False, slots=True)
class Landscape:
    """The product of a search.

    Attributes:
        minima: The lowest in energy first; rank 1 is the first.
        observed: For each observed form the structure most like it.
        counts: What became of the packings.
        completeness: What the search says of the minima that it did not see.
        accumulation: How they came in.
    """

    minima: tuple[Minimum, ...]
    observed: tuple[ObservedMatch, ...]
    counts: Counts
    completeness: tuple[Completeness, ...]
    accumulation: tuple[Accumulation, ...]

    def relative_energy(self, minimum: Minimum) -> float:
        """Energy above the lowest minimum, kJ/mol."""
        return minimum.lattice_energy - self.minima[0].lattice_energy

    def _repr_html_(self) -> str:
        """The lowest structures and the observed forms as a table, for notebooks."""
        shown = [
            (place, item)
            for place, item in enumerate(self.minima, start=1)
            if place <= _SHOWN or item.observed_form
        ]
        return html_table(
            f"{len(self.minima)} distinct minima, the lowest first",
            _HEADINGS,
            (self._cells(place, item) for place, item in shown),
        )

    def _cells(self, place: int, item: Minimum) -> tuple[str, ...]:
        return (
            str(place),
            item.symbol,
            f"{item.z_prime:g}",
            f"{item.lattice_energy:.2f}",
            f"{self.relative_energy(item):.2f}",
            f"{item.density:.3f}",
            str(item.times_found),
            item.identity,
            item.observed_form,
        )


def distinct(
    relaxations: Sequence[Relaxation],
    unit: FormulaUnit,
    settings: ComparisonSettings,
    window: float,
    progress: Progress,
) -> list[Relaxation]:
    """The distinct ones among converged relaxations near the lowest, that one first.

    Args:
        relaxations: Ends of the search, the bad ones too, in any order.
        unit: What the crystals are made of.
        settings: When two crystals are one.
        window: Minima this far above the lowest are kept, kJ/mol.
        progress: Told how far it is.

    Returns:
        Each with the draws of all its duplicates.
    """
    ends = {end.name: end for end in within_window(relaxations, window)}

    def crystal(key: str) -> Crystal:
        return crystal_of(ends[key].packing, unit)

    candidates = []
    for done, (key, end) in enumerate(sorted(ends.items()), start=1):
        candidates.append(candidate_of(end, crystal(key)))
        progress("comparing", done, len(ends))
    return [
        replace(ends[group.representative.key], draws=group.keys)
        for group in unique(candidates, crystal, settings)
    ]


def within_window(relaxations: Sequence[Relaxation], window: float) -> list[Relaxation]:
    """The converged ones whose energy is near the lowest."""
    converged = [end for end in relaxations if end.status is Status.CONVERGED]
    if not converged:
        raise InputError(
            f"none of the {len(relaxations)} packings relaxed to a minimum: raise "
            "packing.n_minima or relaxation.n_evaluations"
        )
    lowest = min(end.lattice_energy for end in converged)
    return [end for end in converged if end.lattice_energy - lowest <= window]


def landscape_of(
    minima: Sequence[Relaxation],
    unit: FormulaUnit,
    observed: Mapping[str, Crystal],
    settings: ComparisonSettings,
    found_by: tuple[Counts, Indices, Scalars],
    progress: Progress,
) -> Landscape:
    """The landscape of distinct minima.

    Args:
        minima: From :func:`distinct`.
        unit: What the crystals are made of.
        observed: Known forms by name.
        settings: When two crystals are one.
        found_by: What became of the packings; for each draw, in the order of the
            search, the index of the refined minimum it led to or −1; and the energies
            of these minima, kJ/mol.
        progress: Told of the slow parts.
    """
    counts, draws, energies = found_by
    crystals = {end.name: crystal_of(end.packing, unit) for end in minima}
    matches = match_observed(list(crystals.items()), list(observed.items()), settings)
    names = _names_of(matches)
    found = []
    for done, (end, (key, crystal)) in enumerate(
        zip(minima, crystals.items(), strict=True), start=1
    ):
        found.append(_minimum(end, crystal, names.get(key, ""), settings))
        progress("finding symmetry", done, len(minima))
    return Landscape(
        minima=tuple(found),
        observed=matches,
        counts=counts,
        completeness=estimate_completeness(draws, energies),
        accumulation=accumulate(draws, energies),
    )


def candidate_of(end: Relaxation, crystal: Crystal) -> Candidate:
    """What is compared of the end of a relaxation."""
    return Candidate(
        key=end.name,
        lattice_energy=end.lattice_energy,
        density=crystal.density,
        invariant=average_minimum_distances(crystal),
        draws=end.draws,
    )


def _names_of(matches: Sequence[ObservedMatch]) -> dict[str, str]:
    """Names of the observed forms that each structure matches."""
    names: dict[str, str] = {}
    for match in matches:
        if match.is_found:
            before = f"{names[match.key]}, " if match.key in names else ""
            names[match.key] = before + match.name
    return names


def _minimum(
    end: Relaxation,
    crystal: Crystal,
    observed_form: str,
    settings: ComparisonSettings,
) -> Minimum:
    symmetry = find_symmetry(crystal, settings.symmetry_tolerance_angstrom)
    conformers = tuple(sorted(set(end.packing.conformers)))
    comments = [
        f"lattice energy {end.lattice_energy:.4f} kJ/mol per formula unit "
        f"(force field), conformer {' + '.join(conformers)}, "
        f"found {len(end.draws)} times",
    ]
    return Minimum(
        identity=end.name,
        conformers=conformers,
        space_group=symmetry.number,
        symbol=symmetry.display_symbol,
        z_prime=symmetry.z_prime,
        cell=parameters_from_cell(symmetry.conventional.cell),
        density=crystal.density,
        lattice_energy=end.lattice_energy,
        times_found=len(end.draws),
        crystal=symmetry.conventional,
        cif=cif_text(symmetry, end.name, comments),
        observed_form=observed_form,
    )
