"""The corrected landscape as rows: CSV for programs, tables for people."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from csp.corrected.landscape import CorrectedLandscape
from csp.errors import InputError


@dataclass(frozen=True, slots=True)
class RankingRow:
    """One structure as it stands in ``ranking.csv``; the names carry the units."""

    rank: int
    id: str
    energy_kj_per_mol: float
    relative_energy_kj_per_mol: float
    sigma_kj_per_mol: float
    p_global_minimum: float
    p_within_2_kj_per_mol: float
    expected_rank: float
    rank_5_percent: int
    rank_95_percent: int
    forcefield_rank: int
    forcefield_relative_energy_kj_per_mol: float
    computed_at: str
    unlike_all_computed: bool
    observed_form: str


def ranking_rows(landscape: CorrectedLandscape) -> list[RankingRow]:
    """The structures in the order of their corrected energy."""
    ranking, order = landscape.ranking, landscape.order
    computed = landscape.computed_at
    lowest = float(landscape.energies[order[0]])
    rows = []
    for place, row in enumerate(order.tolist(), start=1):
        candidate = landscape.described.candidates[row]
        energy = float(landscape.energies[row])
        rows.append(
            RankingRow(
                rank=place,
                id=candidate.subject.id,
                energy_kj_per_mol=round(energy, 3),
                relative_energy_kj_per_mol=round(energy - lowest, 3),
                sigma_kj_per_mol=round(float(landscape.errors[row]), 3),
                p_global_minimum=round(float(ranking.global_minimum[row]), 4),
                p_within_2_kj_per_mol=round(float(ranking.near_minimum[row]), 4),
                expected_rank=round(float(ranking.expected_rank[row]), 1),
                rank_5_percent=int(ranking.lowest_rank[row]),
                rank_95_percent=int(ranking.highest_rank[row]),
                forcefield_rank=row + 1,
                forcefield_relative_energy_kj_per_mol=round(
                    candidate.relative_energy, 3
                ),
                computed_at=computed[row],
                unlike_all_computed=bool(landscape.is_unlike[row]),
                observed_form=candidate.observed_form,
            )
        )
    return rows


def csv_text(rows: Sequence[RankingRow]) -> str:
    """The rows as CSV with a header."""
    stream = io.StringIO()
    names = [field.name for field in fields(RankingRow)]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return stream.getvalue()


def read_ranking(path: Path) -> list[RankingRow]:
    """The rows of a ``ranking.csv``.

    Raises:
        InputError: If there is none, or it was not written by this program.
    """
    kinds = {field.name: field.type for field in fields(RankingRow)}
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [
                RankingRow(**{key: _parsed(row[key], kinds[key]) for key in kinds})
                for row in csv.DictReader(stream)
            ]
    except OSError as error:
        raise InputError(
            f"there is no corrected landscape in {path.parent} ({path.name}: "
            f"{error.strerror}): make one with csp correct DIR"
        ) from error
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} is not a ranking ({error!r}): make it again with csp correct DIR"
        ) from error


def _parsed(text: str, kind: object) -> Any:  # noqa: ANN401 - of the kind given
    if kind is bool:
        return text == "True"
    return kind(text) if kind in (int, float) else text


HEADINGS = (
    "rank",
    "id",
    "above lowest ± σ",
    "P(minimum)",
    "P(≤ 2)",
    "rank 5–95 %",
    "force field",
    "computed",
    "observed form",
)


def cells(row: RankingRow) -> tuple[str, ...]:
    """A row for reading."""
    mark = " ?" if row.unlike_all_computed else ""
    return (
        str(row.rank),
        row.id,
        f"{row.relative_energy_kj_per_mol:.2f} ± {row.sigma_kj_per_mol:.2f}{mark}",
        f"{100.0 * row.p_global_minimum:.0f} %",
        f"{100.0 * row.p_within_2_kj_per_mol:.0f} %",
        f"{row.rank_5_percent}–{row.rank_95_percent}",
        f"{row.forcefield_rank} ({row.forcefield_relative_energy_kj_per_mol:+.1f})",
        "yes" if row.computed_at else "",
        row.observed_form,
    )
