"""What a report shows, read from a folder and not yet drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from csp.arrays import RotationMatrix, read_only
from csp.corrected.tables import RankingRow
from csp.packing.accumulation import Accumulation
from csp.report.tables import LandscapeRow


@dataclass(frozen=True, slots=True)
class Structure:
    """One structure of the landscape.

    Attributes:
        row: As in ``landscape.csv``.
        ranking: As in ``ranking.csv``; None without a correction.
        cif: Its CIF file.
    """

    row: LandscapeRow
    ranking: RankingRow | None
    cif: str


@dataclass(frozen=True, slots=True)
class ObservedForm:
    """A crystal that was observed.

    Attributes:
        name: What it is called.
        cif: Its CIF file: all atoms of the cell.
        found_as: Structures of the landscape that it is, by id; the lowest first.
        n_compared: How many structures of the landscape it was compared with.
    """

    name: str
    cif: str
    found_as: tuple[str, ...]
    n_compared: int


@dataclass(frozen=True, eq=False, slots=True)
class Overlay:
    """How two crystals overlay.

    Attributes:
        first: Id of a structure, or the name of an observed form.
        second: Likewise.
        n_matched: Molecules of the cluster found in the other crystal.
        n_compared: Molecules in the cluster.
        rmsd: Å; None where not even one molecule matches.
        rotation: Carries directions of the first crystal to the second, each in the
            standard orientation of its file's cell.
    """

    first: str
    second: str
    n_matched: int
    n_compared: int
    rmsd: float | None
    rotation: RotationMatrix

    def __post_init__(self) -> None:
        object.__setattr__(self, "rotation", read_only(np.asarray(self.rotation)))


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report in words.

    Attributes:
        title: Its heading.
        markdown: What follows it, without pictures.
    """

    title: str
    markdown: str


@dataclass(frozen=True, eq=False, slots=True)
class ReportData:
    """All that a report shows.

    Attributes:
        name: Of the compound.
        structures: The lowest of the force field first.
        observed: Forms to compare with.
        overlays: Pairs of crystals that were overlaid.
        level: Of the corrected energies, or "".
        diagnostics: What was learned from and how good it is, or nothing.
        completeness: How the minima came in; empty if it is not known.
        sections: The report in words.
        settings: Of the run, as in the manifest of its store.
        versions: Of programs, by name.
        not_done: What was not done or is not known, one sentence each.
    """

    name: str
    structures: Sequence[Structure]
    observed: Sequence[ObservedForm]
    overlays: Sequence[Overlay]
    level: str
    diagnostics: Mapping[str, Any] | None
    completeness: Sequence[Accumulation]
    sections: Sequence[Section]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    not_done: Sequence[str]
