"""The pieces of a search as Prefect tasks: in a window, with retries and time-outs.

What is finished is decided by the run's own store, never by Prefect: a task is given
only what is left, and may be done twice without harm. Tasks take and return plain
values, so they run in this process or in others, on this machine or on many.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner
from prefect.tasks import Task, exponential_backoff
from threadpoolctl import threadpool_limits

from csp.records import Progress
from csp.runs import open_run
from csp.search import Finished, Piece, Search, prepare
from csp.search import do as do_piece

Order = tuple[str, str, tuple[str, ...]]
"""Settings file, output folder and overrides of a run, as plain values."""

_WINDOW = 3
"""Pieces that are given to a task runner at a time, for each of its workers."""
_UNKNOWN_WORKERS = 64
"""What a scheduler elsewhere is taken to have, at most."""


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


_opening = Lock()
_search: dict[Order, Search] = {}


def opened(order: Order, progress: Progress = silent) -> Search:
    """The search of a run, opened once in a process."""
    with _opening:
        if order not in _search:
            _search.clear()
            settings_file, output, overrides = order
            # linear algebra without threads of its own: crystals are done side by side
            threadpool_limits(1, user_api="blas")
            run = open_run(Path(settings_file), Path(output), overrides)
            _search[order] = prepare(run, progress)
        return _search[order]


def may_pass(_: Task[Any, Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether what made a task fail may be gone at the next attempt.

    A full disk, a network folder that was away, a node that hung: yes. Wrong input or
    a bug: no.
    """
    error = state.result(raise_on_failure=False)
    return isinstance(error, OSError | TimeoutError | MemoryError)


@task(
    name="piece",
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    retries=3,
    retry_delay_seconds=exponential_backoff(backoff_factor=2),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
)
def do(order: Order, piece: Piece, name: str) -> Finished:  # noqa: ARG001
    """Finish one piece of work."""
    return do_piece(opened(order), piece)


def _is_no_warning_of_threads(record: logging.LogRecord) -> bool:
    """Prefect warns for each piece that threads are stopped only between two calls.

    A relaxation makes thousands of calls a second, so that is soon enough.
    """
    return "running in a worker thread" not in str(record.msg)


logging.getLogger("prefect.task_runs").addFilter(_is_no_warning_of_threads)


class Pace:
    """How long pieces took so far, and from when on one hangs.

    Pieces of a step are alike, but the first in a process waits for compiled code; so
    the limit is far above the slowest so far, and never below a quarter of an hour.
    """

    ENOUGH = 5
    TIMES_SLOWEST = 20.0
    LEAST_SECONDS = 900.0

    def __init__(self) -> None:
        self.n_pieces = 0
        self.slowest = 0.0

    def add(self, seconds: float) -> None:
        """Learn from a piece that ended."""
        self.n_pieces += 1
        self.slowest = max(self.slowest, seconds)

    @property
    def limit(self) -> float | None:
        """Seconds after which a piece is stopped and tried again; None: not known."""
        if self.n_pieces < self.ENOUGH:
            return None
        return max(self.LEAST_SECONDS, self.TIMES_SLOWEST * self.slowest)


def done(
    order: Order, pieces: Sequence[Piece], runner: TaskRunner[Any], n_workers: int
) -> Iterator[Finished]:
    """Do pieces of work as tasks; each is yielded as it ends.

    Only so many are in the task runner's hands that no worker waits: so a flow needs
    little memory, ends soon when it is cancelled, and time-outs learn from the step.

    Raises:
        Exception: What a task raised after its retries.
    """
    pace = Pace()
    left = iter(pieces)
    ended: SimpleQueue[PrefectFuture[Finished]] = SimpleQueue()
    waiting = 0
    while True:
        for piece in islice(left, max(0, _WINDOW * n_workers - waiting)):
            timed = do.with_options(timeout_seconds=pace.limit)
            parameters = {"order": order, "piece": piece, "name": piece.name}
            runner.submit(timed, parameters).add_done_callback(ended.put)
            waiting += 1
        if not waiting:
            return
        finished = ended.get().result()
        waiting -= 1
        pace.add(finished.seconds)
        yield finished


def n_workers_of(name: str, workers: int) -> int:
    """Workers that a task runner is taken to have; see :func:`flows.runners`."""
    is_elsewhere = "://" in name
    return max(workers, _UNKNOWN_WORKERS) if is_elsewhere else workers
