"""Results of reference calculations on disk, a file each."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from csp.reference.calculation import Calculation
from csp.reference.subjects import Subject
from csp.store import Store


class Results:
    """The results of one level in one folder.

    Args:
        folder: Of all levels.
        level: Its full name.
        digest: Of the level: results of another definition lie elsewhere.
    """

    def __init__(self, folder: Path, level: str, digest: str) -> None:
        self.level = level
        self.digest = digest
        self.folder = folder / f"{re.sub('[^A-Za-z0-9_.-]', '-', level)}-{digest[:8]}"
        self._store = Store(self.folder)

    def find(self, subject: Subject) -> Calculation | None:
        """The result for a subject, if there is one.

        Raises:
            StoreError: If it is damaged.
        """
        if not self._store.has(subject.name):
            return None
        return self._read(subject.name)

    def all(self) -> Sequence[Calculation]:
        """All results, sorted by their names."""
        return list(self._each())

    def _each(self) -> Iterator[Calculation]:
        for path in sorted(self.folder.glob("*.jsonl")):
            yield self._read(path.stem)

    def _read(self, name: str) -> Calculation:
        (row,) = self._store.read(name)
        return Calculation.from_row(row)

    def write(self, calculation: Calculation) -> None:
        """Record a result, whole or not at all."""
        self._store.write(calculation.subject.name, [calculation.to_row()])

    def claim(self, subject: Subject) -> Path:
        """The file by which a worker claims a calculation."""
        return self.folder / f"{subject.name}.claim"
