"""How far a run in progress is, from its store alone; nothing is changed there."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from csp.arrays import Scalars, read_only
from csp.errors import InputError, StoreError
from csp.geometry import volume
from csp.packing.completeness import Completeness, estimate_completeness
from csp.packing.occupation import SEPARATOR
from csp.records import Relaxation, Status
from csp.spacegroups import space_group
from csp.store import Row, Store

_RECENT = 300.0
"""Work of so many seconds makes a rate."""


@dataclass(frozen=True, eq=False, slots=True)
class Rounds:
    """The distinct minima of the rounds of a search that have ended.

    Attributes:
        source: Folder of their lists in the store; other settings have another.
        n_rounds: How many have ended.
        energies: Of the distinct minima, kJ/mol per formula unit.
        volumes: Of their cells, for each molecule, Å³.
        completeness: What they say of the minima not seen, by the draws that ended in a
            minimum; empty before the first round has ended.
    """

    source: str
    n_rounds: int
    energies: Scalars
    volumes: Scalars
    completeness: tuple[Completeness, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "energies", read_only(self.energies))
        object.__setattr__(self, "volumes", read_only(self.volumes))


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """What a store holds at one moment.

    Attributes:
        endings: How many first relaxations ended with each status.
        n_wanted: Valid minima that the search wants.
        n_refined: Minima refined with the full force field.
        n_unrefined: Refinements that came to no minimum.
        n_settled: Minima that were tested by their Hessian.
        rate: First relaxations and refinements an hour, lately.
        rounds: What the rounds that have ended came to.
        is_finished: Whether the landscape is written.
    """

    endings: Counter[Status]
    n_wanted: int
    n_refined: int
    n_unrefined: int
    n_settled: int
    rate: float
    rounds: Rounds
    is_finished: bool

    @property
    def n_valid(self) -> int:
        """First relaxations that converged."""
        return self.endings[Status.CONVERGED]

    @property
    def hours_left(self) -> float | None:
        """Of the first relaxations, at this rate; None if it is not known."""
        missing = self.n_wanted - self.n_valid
        if missing <= 0 or self.rate <= 0.0 or self.is_finished:
            return None
        ended = self.endings.total()
        share = self.n_valid / ended if ended else 1.0
        return missing / max(share, 1e-3) / self.rate


class Watch:
    """A run's store, looked at again and again; what was read is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = Store(folder / "store")
        self._endings: dict[str, Counter[Status]] = {}
        self._refined: dict[str, int] = {}
        self._settled: dict[str, int] = {}
        self._n_unrefined = 0
        self._rounds = Rounds("", 0, np.empty(0), np.empty(0), ())
        self._work: list[tuple[float, int]] = []

    def look(self, now: float) -> Snapshot:
        """What is there now.

        Args:
            now: Seconds since the epoch, by which rates are reckoned.

        Raises:
            InputError: If there is no run in the folder.
        """
        manifest = self._store.manifest()
        if manifest is None:
            raise InputError(
                f"there is no run in {self._folder}: start one with csp run FILE "
                "--output DIR"
            )
        self._read_new()
        recent = [(at, n) for at, n in self._work if now - at <= _RECENT]
        first = min((at for at, _ in recent), default=now)
        seconds = max(now - first, 1.0)
        wanted = manifest.get("packing", {}).get("n_minima", 0)
        return Snapshot(
            endings=sum(self._endings.values(), Counter()),
            n_wanted=int(wanted),
            n_refined=sum(self._refined.values()),
            n_unrefined=self._n_unrefined,
            n_settled=sum(self._settled.values()),
            rate=3600.0 * sum(n for _, n in recent) / seconds,
            rounds=self._rounds,
            is_finished=(self._folder / "landscape.csv").exists(),
        )

    def _read_new(self) -> None:
        for name, rows in self._new("relaxed", self._endings):
            self._endings[name] = Counter(Status(row["status"]) for row in rows)
        for name, rows in self._new("refined", self._refined):
            n_good = sum(row["status"] == Status.CONVERGED for row in rows)
            self._refined[name] = n_good
            self._n_unrefined += len(rows) - n_good
        for name, rows in self._new("settled", self._settled):
            self._settled[name] = len(rows)
        self._read_rounds()

    def _read_rounds(self) -> None:
        """The lists of minima of the rounds, if another one has ended."""
        folders = sorted(
            self._store.folder.glob("rounds-*"), key=lambda path: path.stat().st_mtime
        )
        if not folders:
            return
        source = folders[-1].name
        ended = sorted(path.name for path in (folders[-1] / "full").glob("*-members*"))
        if (source, len(ended)) == (self._rounds.source, self._rounds.n_rounds):
            return
        first: Row = {}
        full: Row = {}
        minima: list[Relaxation] = []
        try:
            for index in range(len(ended)):
                for kind, founders in (("first", first), ("full", full)):
                    (joined,) = self._store.read(f"{source}/{kind}/{index:03d}-members")
                    founders |= joined
                rows = self._store.read(f"{source}/full/{index:03d}")
                minima += map(Relaxation.from_row, rows)
        except (StoreError, FileNotFoundError):
            return  # being written
        self._rounds = _rounds((source, len(ended)), minima, first, full)

    def _new(self, kind: str, known: object) -> Iterator[tuple[str, list[Row]]]:
        """Pieces of a kind that were not read yet; those just written wait."""
        assert isinstance(known, dict)
        for path in sorted((self._store.folder / kind).rglob("*.jsonl")):
            name = path.relative_to(self._store.folder).with_suffix("").as_posix()
            if name in known:
                continue
            try:
                rows = list(self._store.read(name))
                self._work.append((path.stat().st_mtime, len(rows)))
            except (StoreError, FileNotFoundError):
                continue
            yield name, rows


def _rounds(
    which: tuple[str, int], minima: list[Relaxation], first: Row, full: Row
) -> Rounds:
    """What ended rounds came to.

    Args:
        which: Folder of their lists, and how many.
        minima: The distinct ones of the full force field.
        first: By the name of each draw, that of the first relaxation it came to.
        full: By the names of those, the one of ``minima``.
    """
    numbers = {end.name: index for index, end in enumerate(minima)}
    ends = [numbers.get(full.get(founder, ""), -1) for founder in first.values()]
    energies = np.array([end.lattice_energy for end in minima])
    return Rounds(
        *which,
        energies,
        np.array([_volume_per_molecule(end) for end in minima]),
        estimate_completeness(np.array(ends, dtype=int), energies),
    )


def _volume_per_molecule(end: Relaxation) -> float:
    key = end.packing.key
    group = space_group(key.space_group)
    letters = key.sites.replace(SEPARATOR, "")
    n_molecules = sum(group.site(letter).multiplicity for letter in letters)
    return volume(end.packing.cell) / n_molecules
