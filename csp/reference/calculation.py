"""One reference calculation: asked for, done by a process of its own, and recorded."""

import json
import os
import platform
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from csp import __version__
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.program import Finished, run_program
from csp.reference.subjects import Subject, from_document, to_document

MOST_ATTEMPTS = 3
TASK_FILE = "task.json"
OUTCOME_FILE = "outcome.json"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a calculation took.

    Attributes:
        cpu_seconds: Of all its processes.
        wall_seconds: From start to end.
        cores: Threads it was allowed.
        peak_memory: Of its largest process, gigabytes.
    """

    cpu_seconds: float
    wall_seconds: float
    cores: int
    peak_memory: float


@dataclass(frozen=True, eq=False, slots=True)
class Calculation:
    """A calculation that ended, well or not.

    Attributes:
        subject: What was computed.
        level: Name of the level.
        digest: Of the level.
        outcome: Its energy, or why there is none.
        attempts: Failures before the outcome.
        cost: Of all attempts together; None for an energy computed elsewhere.
        origin: Host, date and version of csp, or the file it was read from.
    """

    subject: Subject
    level: str
    digest: str
    outcome: Outcome
    attempts: tuple[Failure, ...]
    cost: Cost | None
    origin: Mapping[str, str]

    def to_row(self) -> dict[str, Any]:
        """As JSON values."""
        kind = "energy" if isinstance(self.outcome, Energy) else "failure"
        return {
            "id": self.subject.id,
            "n_operations": self.subject.n_operations,
            "system": to_document(self.subject.system),
            "level": self.level,
            "digest": self.digest,
            kind: asdict(self.outcome),
            "attempts": [asdict(failure) for failure in self.attempts],
            "cost": None if self.cost is None else asdict(self.cost),
            "origin": dict(self.origin),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Calculation":
        """What :meth:`to_row` wrote."""
        system = from_document(row["system"])
        return cls(
            subject=Subject(row["id"], system, row["n_operations"]),
            level=row["level"],
            digest=row["digest"],
            outcome=outcome_from(row),
            attempts=tuple(_failure(item) for item in row["attempts"]),
            cost=None if row["cost"] is None else Cost(**row["cost"]),
            origin=row["origin"],
        )


def outcome_from(row: Mapping[str, Any]) -> Outcome:
    """An outcome from its JSON values, under its name."""
    return Energy(**row["energy"]) if "energy" in row else _failure(row["failure"])


def _failure(row: Mapping[str, Any]) -> Failure:
    return Failure(Reason(row["reason"]), row["message"], row["is_final"])


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker process needs to know of a level, as JSON values.

    Attributes:
        level: Full name.
        digest: Of the level.
        levels: All levels by name, so that one may build on another.
        folder: Of all reference energies.
        conformers: Files of conformers with their multipoles.
    """

    level: str
    digest: str
    levels: Mapping[str, Any]
    folder: str
    conformers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one calculation may use.

    Attributes:
        cores: Threads.
        memory: Gigabytes.
        seconds: Wall time until it is stopped; None for no limit.
        stop: Set by another thread to stop it at once.
        scratch: Folder for temporary files; the system's if None.
    """

    cores: int
    memory: float
    seconds: float | None = None
    stop: threading.Event | None = None
    scratch: Path | None = None


def calculated(subject: Subject, order: Order, allowance: Allowance) -> Calculation:
    """Do a calculation in a process of its own, with safer settings after a failure."""
    failures: list[Failure] = []
    spent: list[Finished] = []
    while True:
        outcome, finished = _attempt(subject, order, allowance, len(failures))
        spent += [finished] if finished is not None else []
        is_last = isinstance(outcome, Energy) or _is_hopeless(outcome)
        if is_last or len(failures) + 1 == MOST_ATTEMPTS:
            break
        assert isinstance(outcome, Failure)
        failures.append(outcome)
    cost = Cost(
        cpu_seconds=round(sum(run.cpu_seconds for run in spent), 2),
        wall_seconds=round(sum(run.wall_seconds for run in spent), 2),
        cores=allowance.cores,
        peak_memory=round(max((run.peak_memory for run in spent), default=0.0), 3),
    )
    return Calculation(
        subject, order.level, order.digest, outcome, tuple(failures), cost, origin()
    )


def _is_hopeless(outcome: Outcome) -> bool:
    return isinstance(outcome, Failure) and (
        outcome.is_final or outcome.reason in (Reason.OUT_OF_MEMORY, Reason.OUT_OF_TIME)
    )


def origin() -> dict[str, str]:
    """Where and when an energy is computed, and by which version of csp."""
    return {
        "host": platform.node(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "csp": __version__,
    }


def _attempt(
    subject: Subject, order: Order, allowance: Allowance, attempt: int
) -> tuple[Outcome, Finished | None]:
    scratch = Path(tempfile.mkdtemp(prefix="csp-reference-", dir=allowance.scratch))
    try:
        task = {
            "id": subject.id,
            "n_operations": subject.n_operations,
            "system": to_document(subject.system),
            "order": asdict(order),
            "cores": allowance.cores,
            "memory": allowance.memory,
            "seconds": allowance.seconds,
            "attempt": attempt,
        }
        (scratch / TASK_FILE).write_text(json.dumps(task), encoding="utf-8")
        ended = run_program(
            [sys.executable, "-m", "csp.reference.worker", TASK_FILE],
            Resources(
                allowance.cores, allowance.memory, scratch, attempt, allowance.seconds
            ),
            {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            allowance.stop,
        )
        if isinstance(ended, Failure):
            return ended, None
        content = json.loads((scratch / OUTCOME_FILE).read_text(encoding="utf-8"))
        return outcome_from(content), ended
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
