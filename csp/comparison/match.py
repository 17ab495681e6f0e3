"""Observed crystals looked for in a landscape."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import Cell, CellParameters, RotationMatrix, Vector, read_only
from csp.comparison.overlay import PackingMatch, compare_packings
from csp.comparison.settings import ComparisonSettings
from csp.comparison.shells import packing_shells
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import parameters_from_cell, volume

MOST_PARTS = 4
"""An observed lattice vector is at least this part of a predicted one."""
COST_OF_PARTS = 0.05
"""Whole vectors are preferred to halves unless these are nearer by so much."""


@dataclass(frozen=True, eq=False, slots=True)
class ObservedMatch:
    """The structure of a landscape that is most like an observed crystal.

    Attributes:
        name: Of the observed crystal.
        key: Of the structure.
        packing: How they overlay; the crystal is found if ``packing.same``.
        observed_cell: As observed, Å and degrees.
        predicted_cell: Of the structure, on the axes of the observed cell, Å and
            degrees; means something only if the crystal is found.
        volume_deviation_percent: Of the volume of a formula unit, predicted less
            observed.
    """

    name: str
    key: str
    packing: PackingMatch
    observed_cell: CellParameters
    predicted_cell: CellParameters
    volume_deviation_percent: float

    @property
    def is_found(self) -> bool:
        """Whether all molecules of the clusters match."""
        return self.packing.same

    @property
    def length_deviations_percent(self) -> tuple[float, float, float]:
        """Of a, b and c, predicted less observed."""
        ratio = self.predicted_cell[:3] / self.observed_cell[:3]
        a, b, c = (100.0 * (ratio - 1.0)).tolist()
        return (a, b, c)

    @property
    def angle_deviations(self) -> tuple[float, float, float]:
        """Of α, β and γ, predicted less observed, degrees."""
        alpha, beta, gamma = (self.predicted_cell[3:] - self.observed_cell[3:]).tolist()
        return (alpha, beta, gamma)


def match_observed(
    landscape: Sequence[tuple[str, Crystal]],
    observed: Sequence[tuple[str, Crystal]],
    settings: ComparisonSettings,
) -> tuple[ObservedMatch, ...]:
    """For each observed crystal the structure of a landscape that stands for it.

    The lowest in energy of those in which all molecules match, else that with most
    matching ones and the smallest RMSD_n; which of these it is, is for
    :attr:`ObservedMatch.is_found` to say.

    Args:
        landscape: Keys and crystals, the lowest in energy first.
        observed: Names and crystals.
        settings: The thresholds.

    Raises:
        InputError: If the landscape is empty.
    """
    if not landscape:
        raise InputError(
            "the landscape is empty: there is nothing to compare the observed crystals "
            "with"
        )
    n = settings.n_molecules
    targets = [packing_shells(crystal, n) for _, crystal in observed]
    best: list[tuple[int, PackingMatch] | None] = [None] * len(observed)
    for index, (_, crystal) in enumerate(landscape):
        shells = packing_shells(crystal, n)
        for which, target in enumerate(targets):
            match = compare_packings(target, shells, settings.observed_tolerances)
            leader = best[which]
            if leader is None or match.precedence(index) < leader[1].precedence(
                leader[0]
            ):
                best[which] = (index, match)
    return tuple(
        _observed_match(name, crystal, *landscape[found[0]], found[1])
        for (name, crystal), found in zip(observed, best, strict=True)
        if found is not None
    )


def _observed_match(
    name: str,
    crystal: Crystal,
    key: str,
    structure: Crystal,
    match: PackingMatch,
) -> ObservedMatch:
    predicted = cell_on_axes_of(crystal.cell, structure.cell, match.rotation)
    unit_volumes = [
        volume(each.cell) / each.n_formula_units for each in (structure, crystal)
    ]
    return ObservedMatch(
        name=name,
        key=key,
        packing=match,
        observed_cell=read_only(parameters_from_cell(crystal.cell)),
        predicted_cell=read_only(parameters_from_cell(predicted)),
        volume_deviation_percent=100.0 * (unit_volumes[0] / unit_volumes[1] - 1.0),
    )


def cell_on_axes_of(cell: Cell, other: Cell, rotation: RotationMatrix) -> Cell:
    """The vectors of another lattice that correspond to those of a cell.

    Args:
        cell: Rows, Å.
        other: A cell of the other lattice, rows, Å; it may be centred or too large.
        rotation: Carries directions of the first crystal to the second.

    Returns:
        Rows, Å, in the orientation of ``other``.
    """
    fractional = cell @ rotation.T @ np.linalg.inv(other)
    return np.asarray(np.array([_nearest_vector(row) for row in fractional]) @ other)


def _nearest_vector(fractional: Vector) -> Vector:
    """The lattice vector, or simple part of one, that is nearest."""
    candidates = [np.rint(m * fractional) / m for m in range(1, 1 + MOST_PARTS)]
    costs = [
        float(np.abs(candidate - fractional).max()) + COST_OF_PARTS * parts
        for parts, candidate in enumerate(candidates)
    ]
    return np.asarray(candidates[int(np.argmin(costs))])
