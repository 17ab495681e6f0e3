"""One row a crystal: what a search made of it, and why."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from csp.benchmark.minimum import ObservedMinimum, rank_of
from csp.benchmark.usage import Usage
from csp.landscape import Landscape
from csp.records import Status
from csp.settings import Settings

COMPLETENESS_WINDOW = 5.0
"""Above the lowest minimum, kJ/mol."""
Outcome = Literal["found", "not found", "failed"]
Space = set[tuple[str, float]]
"""Space groups and the Z′ in which they were searched."""


@dataclass(frozen=True, slots=True)
class RelaxedRow:
    """What the observed crystal relaxes to with the molecules of the search.

    Attributes:
        status: How its minimisation ended.
        lattice_energy_kj_per_mol: Per formula unit.
        relative_energy_kj_per_mol: Above the lowest minimum of the search.
        rank: Among the minima of the search; None if the search does not have it.
        space_group: Of the minimum.
        z_prime: Of the minimum.
        molecules_matched: Overlaid on the observed crystal.
        rmsd_angstrom: Of those; None if there are none.
        a_percent: Deviation of a cell length from the observed one.
        b_percent: Likewise.
        c_percent: Likewise.
        alpha_degrees: Deviation of a cell angle.
        beta_degrees: Likewise.
        gamma_degrees: Likewise.
        volume_percent: Deviation of the volume of a formula unit.
        conformer_misfit_angstrom: How far the molecule of the search is from that of
            the crystal.
    """

    status: str
    lattice_energy_kj_per_mol: float
    relative_energy_kj_per_mol: float | None
    rank: int | None
    space_group: str
    z_prime: float
    molecules_matched: int
    rmsd_angstrom: float | None
    a_percent: float
    b_percent: float
    c_percent: float
    alpha_degrees: float
    beta_degrees: float
    gamma_degrees: float
    volume_percent: float
    conformer_misfit_angstrom: float


@dataclass(frozen=True, slots=True)
class Row:
    """One crystal of a benchmark; the names carry the units.

    Attributes:
        name: Of the CIF file.
        outcome: found, not found or failed.
        explanation: Why it was not found, or what is peculiar; one sentence or none.
        rank: Of the structure that matches the crystal.
        relative_energy_kj_per_mol: Of that above the lowest minimum.
        molecules_matched: Of the structure most like the crystal.
        molecules_compared: In the cluster.
        rmsd_angstrom: Of the molecules matched.
        n_minima: Distinct minima in the landscape's window.
        completeness: Share of the minima within 5 kJ/mol of the lowest that the search
            has seen, by its own estimate.
        cpu_seconds: Of all sessions, preparation included.
        preparation_cpu_seconds: Charges and multipoles, where they were not known.
        wall_seconds: Of all sessions.
        n_sessions: More than one: the search was interrupted.
        space_group: As observed.
        z_prime: As observed.
        relaxed: The minimum below the crystal.
    """

    name: str
    outcome: Outcome
    explanation: str
    rank: int | None = None
    relative_energy_kj_per_mol: float | None = None
    molecules_matched: int | None = None
    molecules_compared: int | None = None
    rmsd_angstrom: float | None = None
    n_minima: int | None = None
    completeness: float | None = None
    cpu_seconds: float | None = None
    preparation_cpu_seconds: float | None = None
    wall_seconds: float | None = None
    n_sessions: int | None = None
    space_group: str | None = None
    z_prime: float | None = None
    relaxed: RelaxedRow | None = None

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Row":
        """The row of a JSON object that :func:`json_text` wrote."""
        inner = values["relaxed"]
        return cls(**values | {"relaxed": inner and RelaxedRow(**inner)})


def row_of(
    name: str,
    landscape: Landscape,
    known: ObservedMinimum,
    settings: Settings,
    searched: Space,
) -> Row:
    """The row of a finished search, without its costs.

    Args:
        name: Of the crystal, as the settings have it.
        landscape: Of the search.
        known: The crystal's own minimum.
        settings: Of the search.
        searched: Where the search has looked.
    """
    (found,) = [match for match in landscape.observed if match.name == name]
    ranks = {m.identity: rank for rank, m in enumerate(landscape.minima, start=1)}
    rank = ranks[found.key] if found.is_found else None
    own = _relaxed_row(known, landscape, settings)
    return Row(
        name=name,
        outcome="not found" if rank is None else "found",
        explanation=_explanation(known, own, settings, searched, rank),
        rank=rank,
        relative_energy_kj_per_mol=(
            landscape.relative_energy(landscape.minima[rank - 1]) if rank else None
        ),
        molecules_matched=found.packing.n_matched,
        molecules_compared=found.packing.n_compared,
        rmsd_angstrom=found.packing.rmsd if found.packing.n_matched else None,
        n_minima=len(landscape.minima),
        completeness=_fraction_seen(landscape),
        space_group=known.observed.symbol.replace("_", ""),
        z_prime=known.observed.z_prime,
        relaxed=own,
    )


def _fraction_seen(landscape: Landscape) -> float | None:
    for estimate in landscape.completeness:
        if estimate.window == COMPLETENESS_WINDOW:
            return estimate.fraction_seen.value
    return None


def with_usage(row: Row, usage: Usage) -> Row:
    """The row with what it has cost."""
    return Row(**_shallow(row) | asdict(usage))


def _shallow(row: Row) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _relaxed_row(
    known: ObservedMinimum, landscape: Landscape, settings: Settings
) -> RelaxedRow:
    end, match = known.minimum, known.match
    a, b, c = match.length_deviations_percent
    alpha, beta, gamma = match.angle_deviations
    return RelaxedRow(
        status=end.status.value,
        lattice_energy_kj_per_mol=end.lattice_energy,
        relative_energy_kj_per_mol=(
            end.lattice_energy - landscape.minima[0].lattice_energy
        ),
        rank=rank_of(end, landscape, settings.comparison),
        space_group=known.symmetry.symbol.replace("_", ""),
        z_prime=known.symmetry.z_prime,
        molecules_matched=match.packing.n_matched,
        rmsd_angstrom=match.packing.rmsd if match.packing.n_matched else None,
        a_percent=a,
        b_percent=b,
        c_percent=c,
        alpha_degrees=alpha,
        beta_degrees=beta,
        gamma_degrees=gamma,
        volume_percent=match.volume_deviation_percent,
        conformer_misfit_angstrom=known.largest_misfit,
    )


def _explanation(
    known: ObservedMinimum,
    own: RelaxedRow,
    settings: Settings,
    searched: Space,
    rank: int | None,
) -> str:
    """Why a crystal was not found, or found otherwise than expected."""
    if own.status != Status.CONVERGED:
        return f"the observed structure does not relax to a minimum ({own.status})"
    energy = f"{own.relative_energy_kj_per_mol:+.2f} kJ/mol from the lowest"
    reached = f"found as rank {own.rank}" if own.rank else "not reached"
    place = f"{known.symmetry.display_symbol} Z′ {own.z_prime:g}"
    if rank is not None:
        below = f"the minimum below the observed structure ({place}, {energy})"
        if own.rank is None:
            return f"{below} was not reached"
        return "" if own.rank == rank else f"{below} is rank {own.rank}"
    if not known.match.is_found:
        return (
            f"not a minimum of this force field: the observed structure relaxes to "
            f"{place}, {own.molecules_matched} of {known.match.packing.n_compared} "
            f"molecules matched, {energy}, {reached}"
        )
    window = settings.landscape.energy_window_kj_per_mol
    if (own.relative_energy_kj_per_mol or 0.0) > window:
        reason = f"above the energy window of {window:g} kJ/mol"
    elif (known.symmetry.display_symbol, round(own.z_prime, 3)) not in searched:
        reason = "outside the space groups and Z′ searched"
    else:
        reason = "within the space searched"
    return f"a minimum in {place}, {energy}, {reason}, {reached}"


def json_text(rows: Sequence[Row]) -> str:
    """The rows as a JSON list."""
    return json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1)


def csv_text(rows: Sequence[Row]) -> str:
    """The rows as CSV with a header; the columns of ``relaxed`` carry its name."""
    outer = [field.name for field in fields(Row) if field.name != "relaxed"]
    inner = [field.name for field in fields(RelaxedRow)]
    stream = io.StringIO()
    columns = [*outer, *(f"relaxed_{name}" for name in inner)]
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        values = asdict(row)
        relaxed = values.pop("relaxed") or {}
        writer.writerow(values | {f"relaxed_{k}": v for k, v in relaxed.items()})
    return stream.getvalue()
