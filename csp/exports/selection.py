"""Which structures of a landscape are exported, and in what order."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from csp.corrected.outputs import NAMES
from csp.corrected.tables import RankingRow, read_ranking
from csp.errors import InputError
from csp.report.folder import StoredStructure, read_landscape


class EnergyLevel(StrEnum):
    """Whose energies order the structures."""

    FORCE_FIELD = "force-field"
    CORRECTED = "corrected"


@dataclass(frozen=True, eq=False, slots=True)
class Exported:
    """One structure that is exported.

    Attributes:
        stored: Its row in the landscape and its atoms.
        ranking: Its row in the ranking; None without a correction.
        cif: Its CIF file.
    """

    stored: StoredStructure
    ranking: RankingRow | None
    cif: Path


@dataclass(frozen=True, slots=True)
class Choice:
    """What is wanted of a landscape.

    Attributes:
        level: Whose energies count; the corrected ones where there are any if None.
        top: At most so many structures, the lowest.
        window: At most so far above the lowest, kJ/mol.
    """

    level: EnergyLevel | None = None
    top: int | None = None
    window: float | None = None

    def __post_init__(self) -> None:
        if self.window is not None and not self.window >= 0.0:
            raise InputError(
                f"--window must be at least 0 kJ/mol, got {self.window:g}: leave it "
                "out for all structures"
            )


def chosen(folder: Path, choice: Choice) -> tuple[EnergyLevel, list[Exported]]:
    """The structures wanted, the lowest first, and by whose energies.

    Raises:
        InputError: If there is no landscape, or no corrected one where it is wanted.
    """
    stored = read_landscape(folder)
    level = choice.level or (
        EnergyLevel.CORRECTED
        if (folder / NAMES[0]).exists()
        else EnergyLevel.FORCE_FIELD
    )
    ranking: dict[str, RankingRow] = {}
    if level is EnergyLevel.CORRECTED or (folder / NAMES[0]).exists():
        ranking = {row.id: row for row in read_ranking(folder / NAMES[0])}
    items = [_exported(folder, item, ranking) for item in stored]
    if level is EnergyLevel.CORRECTED:
        items.sort(key=lambda item: _ranked(folder, item).rank)
    if choice.window is not None:
        limit = choice.window
        items = [item for item in items if relative_energy(item, level) <= limit]
    return level, items[: choice.top]


def relative_energy(item: Exported, level: EnergyLevel) -> float:
    """Above the lowest at a level, kJ/mol."""
    if level is EnergyLevel.CORRECTED and item.ranking is not None:
        return item.ranking.relative_energy_kj_per_mol
    return item.stored.row.relative_energy_kj_per_mol


def names_of(items: Sequence[Exported], level: EnergyLevel) -> list[str]:
    """File names without ending: the rank at the level, and the id."""
    ranks = [
        item.ranking.rank
        if level is EnergyLevel.CORRECTED and item.ranking is not None
        else item.stored.row.rank
        for item in items
    ]
    return [
        f"{rank:04d}_{item.stored.row.id}"
        for rank, item in zip(ranks, items, strict=True)
    ]


def _exported(
    folder: Path, item: StoredStructure, ranking: dict[str, RankingRow]
) -> Exported:
    path = folder / "structures" / f"{item.row.rank:04d}_{item.row.id}.cif"
    return Exported(item, ranking.get(item.row.id), path)


def _ranked(folder: Path, item: Exported) -> RankingRow:
    if item.ranking is None:
        raise InputError(
            f"{folder / NAMES[0]} lacks {item.stored.row.id}, which is in "
            f"landscape.csv: make it again with csp correct {folder}"
        )
    return item.ranking
