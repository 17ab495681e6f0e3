"""Reference energies of many structures: kept, claimed, computed, counted.

Results live in ``DIR/reference``: a folder for each level, in it a file for each
calculation, whole or absent. Any number of processes on any machines may work on the
same folder; what is finished stays.
"""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from csp.errors import StoreError
from csp.records import Progress
from csp.reference.calculation import Allowance, Calculation, Order, calculated
from csp.reference.claims import claimed, is_claimed
from csp.reference.cost_model import CostModel, features_of, learned_from
from csp.reference.engine import Energy, Failure, Reason
from csp.reference.levels import EmbeddingLevel, Level, digest_of, level_named
from csp.reference.records import Results
from csp.reference.subjects import Subject

FOLDER = "reference"
SECONDS_A_LOOK = 0.5
PATIENCE = 1.5
"""A calculation is begun if this many times less than its expected time is left."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a campaign may use.

    Attributes:
        cores: Threads of all calculations together.
        cores_each: Of one calculation.
        memory: Gigabytes of all calculations together.
        budget_seconds: Wall time after which nothing new is begun and what runs is
            stopped; None for no limit.
        retry_failed: Whether calculations set aside before are tried again.
    """

    cores: int
    cores_each: int
    memory: float
    budget_seconds: float | None = None
    retry_failed: bool = False

    @property
    def n_workers(self) -> int:
        """Calculations at a time."""
        return max(1, self.cores // self.cores_each)


def machine_memory() -> float:
    """Three quarters of the machine's memory, gigabytes."""
    return 0.75 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


@dataclass(slots=True)
class Tally:
    """What became of a campaign; filled while it runs."""

    computed: list[Calculation] = field(default_factory=list)
    n_known: int = 0
    n_elsewhere: int = 0
    n_left: int = 0

    @property
    def failures(self) -> list[tuple[Subject, Failure]]:
        """What was set aside, with its reason."""
        return [
            (item.subject, item.outcome)
            for item in self.computed
            if isinstance(item.outcome, Failure)
        ]


class Campaign:
    """Reference energies of one level in one folder.

    Args:
        folder: That of the landscape, or any other.
        level: At which energies are wanted.
        levels: All levels by name, so that one may build on another.
        conformers: Files of conformers with multipoles, for levels with a force field.
    """

    def __init__(
        self,
        folder: Path,
        level: Level,
        levels: Mapping[str, Level],
        conformers: Sequence[Path] = (),
    ) -> None:
        self.level = level
        self.digest = digest_of(level, levels)
        self.results = Results(folder / FOLDER, level.name, self.digest)
        self.spacing = _spacing(level, levels)
        documents = {
            name: item.model_dump(mode="json") for name, item in levels.items()
        }
        place = str((folder / FOLDER).absolute())
        files = tuple(str(path.absolute()) for path in conformers)
        self.order = Order(level.name, self.digest, documents, place, files)

    def cost_model(self) -> CostModel:
        """Learned from what was computed at this level in this folder."""
        return learned_from(self.results.all(), self.level, self.spacing)

    def expected_cpu_seconds(self, subject: Subject, model: CostModel) -> float:
        """Of one calculation."""
        return model.cpu_seconds(features_of(subject, self.spacing))

    def is_done(self, subject: Subject, *, retry_failed: bool = False) -> bool:
        """Whether a calculation ended, well or, unless retried, not."""
        known = self.results.find(subject)
        if known is None:
            return False
        return isinstance(known.outcome, Energy) or not retry_failed

    def run(
        self, subjects: Sequence[Subject], limits: Limits, progress: Progress
    ) -> Tally:
        """Compute what is missing, in the order given, within the limits."""
        wanted = [
            item
            for item in subjects
            if not self.is_done(item, retry_failed=limits.retry_failed)
        ]
        tally = Tally(n_known=len(subjects) - len(wanted))
        stop = threading.Event()
        ends = None
        if limits.budget_seconds is not None:
            ends = time.monotonic() + limits.budget_seconds
        self._advance(progress, tally, len(subjects))
        with ThreadPoolExecutor(limits.n_workers) as pool:
            futures = [
                pool.submit(self.one, subject, limits, ends, stop) for subject in wanted
            ]
            try:
                self._gather(futures, tally, progress, len(subjects))
            except BaseException:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return tally

    def _gather(
        self,
        futures: Sequence[Future[Calculation | None]],
        tally: Tally,
        progress: Progress,
        total: int,
    ) -> None:
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=SECONDS_A_LOOK)
            for future in done:
                calculation = future.result()
                if calculation is None:
                    tally.n_left += 1
                else:
                    tally.computed.append(calculation)
            self._advance(progress, tally, total)

    def _advance(self, progress: Progress, tally: Tally, total: int) -> None:
        progress(self.level.name, tally.n_known + len(tally.computed), total)

    def one(
        self,
        subject: Subject,
        limits: Limits,
        ends: float | None = None,
        stop: threading.Event | None = None,
    ) -> Calculation | None:
        """One calculation, unless somebody else does it or the time is over.

        Args:
            subject: What is computed.
            limits: Of the campaign.
            ends: On the monotonic clock of this process; None for no limit.
            stop: Set by another thread to stop it at once.
        """
        left = None if ends is None else ends - time.monotonic()
        if (stop is not None and stop.is_set()) or (
            left is not None and not self._fits(subject, limits, left)
        ):
            return None
        with claimed(self.results.claim(subject)) as is_ours:
            if not is_ours or self.is_done(subject, retry_failed=limits.retry_failed):
                return None
            allowance = Allowance(
                limits.cores_each, limits.memory / limits.n_workers, left, stop
            )
            calculation = calculated(subject, self.order, allowance)
            if _was_interrupted(calculation):
                return None
            self.results.write(calculation)
            return calculation

    def _fits(self, subject: Subject, limits: Limits, left: float) -> bool:
        expected = self.expected_cpu_seconds(subject, self.cost_model())
        return left > expected / limits.cores_each / PATIENCE

    def is_claimed(self, subject: Subject) -> bool:
        """Whether somebody computes it now."""
        return is_claimed(self.results.claim(subject))


def _was_interrupted(calculation: Calculation) -> bool:
    outcome = calculation.outcome
    return isinstance(outcome, Failure) and outcome.reason is Reason.OUT_OF_TIME


def _spacing(level: Level, levels: Mapping[str, Level]) -> float | None:
    """The k-spacing of a level or of the one it builds on, Å⁻¹."""
    if isinstance(level, EmbeddingLevel):
        return _spacing(level_named(level.base, levels), levels)
    return getattr(level, "k_spacing", None)


def energy_of(calculation: Calculation | None) -> Energy:
    """The energy of a calculation.

    Raises:
        StoreError: If there is none.
    """
    if calculation is None or isinstance(calculation.outcome, Failure):
        raise StoreError("a reference energy is missing: csp reference run computes it")
    return calculation.outcome
