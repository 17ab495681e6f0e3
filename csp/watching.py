"""How far a run in progress is, from its store alone; nothing is changed there."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from csp.arrays import Scalars, read_only
from csp.errors import InputError, StoreError
from csp.records import Status
from csp.store import Row, Store

_RECENT = 300.0
"""Work of so many seconds makes a rate."""


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """What a store holds at one moment.

    Attributes:
        endings: How many first relaxations ended with each status.
        n_wanted: Valid minima that the search wants.
        refined: Energies of the minima refined with the full force field, kJ/mol.
        n_unrefined: Refinements that came to no minimum.
        n_settled: Minima that were tested by their Hessian.
        rate: First relaxations and refinements an hour, lately.
        is_finished: Whether the landscape is written.
    """

    endings: Counter[Status]
    n_wanted: int
    refined: Scalars
    n_unrefined: int
    n_settled: int
    rate: float
    is_finished: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "refined", read_only(self.refined))

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
        self._refined: dict[str, list[float]] = {}
        self._settled: dict[str, int] = {}
        self._n_unrefined = 0
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
            refined=np.array([e for own in self._refined.values() for e in own]),
            n_unrefined=self._n_unrefined,
            n_settled=sum(self._settled.values()),
            rate=3600.0 * sum(n for _, n in recent) / seconds,
            is_finished=(self._folder / "landscape.csv").exists(),
        )

    def _read_new(self) -> None:
        for name, rows in self._new("relaxed", self._endings):
            self._endings[name] = Counter(Status(row["status"]) for row in rows)
        for name, rows in self._new("refined", self._refined):
            good = [row for row in rows if row["status"] == Status.CONVERGED]
            self._refined[name] = [
                float(row["lattice_energy_kj_per_mol"]) for row in good
            ]
            self._n_unrefined += len(rows) - len(good)
        for name, rows in self._new("settled", self._settled):
            self._settled[name] = len(rows)

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
