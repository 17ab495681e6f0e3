"""What a search has cost, kept while it runs, so that a kill loses seconds of it."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from csp.files import write_atomically
from csp.records import Progress

_SECONDS_BETWEEN = 2.0
_TIMES = ("cpu_seconds", "preparation_cpu_seconds", "wall_seconds")


@dataclass(frozen=True, slots=True)
class Usage:
    """Time spent on one molecule by all sessions that worked on it.

    Attributes:
        cpu_seconds: Of the processor, all threads.
        preparation_cpu_seconds: Of these, the charges and multipoles of the molecule,
            where no earlier calculation was known.
        wall_seconds: On the clock, the pauses between sessions left out.
        n_sessions: How often the work was taken up; more than one means that it was
            interrupted. What a session did after its last note is not in the times.
    """

    cpu_seconds: float
    preparation_cpu_seconds: float
    wall_seconds: float
    n_sessions: int


class Meter:
    """The times of one session, noted beside those of earlier ones.

    Every session has a row of its own in the file; it is written again whenever there
    is progress, at most every two seconds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._earlier = _read(path)
        self._cpu, self._wall = time.process_time(), time.monotonic()
        self._noted = -_SECONDS_BETWEEN
        self._preparation = 0.0

    def prepared(self) -> None:
        """Say that the molecule is ready: what was spent so far was spent on it."""
        self._preparation = time.process_time() - self._cpu

    def note(self) -> Usage:
        """Write down what was spent up to now.

        Returns:
            The sum of all sessions.
        """
        self._noted = time.monotonic()
        session = (
            time.process_time() - self._cpu,
            self._preparation,
            self._noted - self._wall,
        )
        sessions = [*self._earlier, dict(zip(_TIMES, session, strict=True))]
        write_atomically(self._path, json.dumps(sessions, indent=1) + "\n")
        cpu, preparation, wall = (sum(row[key] for row in sessions) for key in _TIMES)
        return Usage(cpu, preparation, wall, len(sessions))

    def watching(self, progress: Progress) -> Progress:
        """The same progress, with a note now and then."""

        def tell(stage: str, done: int, total: int) -> None:
            if time.monotonic() - self._noted > _SECONDS_BETWEEN:
                self.note()
            progress(stage, done, total)

        return tell


def _read(path: Path) -> list[dict[str, float]]:
    """Earlier sessions; none if the file is missing or was not written by this."""
    try:
        rows = json.loads(path.read_bytes())
        return [{key: float(row[key]) for key in _TIMES} for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []
