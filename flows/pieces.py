"""The pieces of a search as Prefect tasks: in a window, with retries and time-outs.

What is finished is decided by the run's own store, never by Prefect: a task is given
only what is left, and may be done twice without harm. Tasks take and return plain
values, so they run in this process or in others, on this machine or on many.
"""

import logging
from collections.abc import Iterator, Sequence
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
"""Tasks that are given to a task runner at a time, for each of its workers."""
_TASK_SECONDS = 10.0
"""Of work in a task: Prefect takes some 0.1 s of CPU time for each."""
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
    name="pieces",
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    retries=3,
    retry_delay_seconds=exponential_backoff(backoff_factor=2),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
)
def do(order: Order, pieces: Sequence[Piece], name: str) -> list[Finished]:  # noqa: ARG001
    """Finish some pieces of work; each is kept as it ends."""
    return [do_piece(opened(order), piece) for piece in pieces]


def _is_no_warning_of_threads(record: logging.LogRecord) -> bool:
    """Prefect warns for each piece that threads are stopped only between two calls.

    A relaxation makes thousands of calls a second, so that is soon enough.
    """
    return "running in a worker thread" not in str(record.msg)


logging.getLogger("prefect.task_runs").addFilter(_is_no_warning_of_threads)


class Pace:
    """How long pieces took so far: how many make a task, and when one hangs.

    Pieces of a step are alike, but the first in a process waits for compiled code; so
    the limit is far above the slowest so far, and never below a quarter of an hour.
    """

    ENOUGH = 5
    TIMES_SLOWEST = 20.0
    LEAST_SECONDS = 900.0

    def __init__(self) -> None:
        self.n_pieces = 0
        self.seconds = 0.0
        self.slowest = 0.0

    def add(self, seconds: float) -> None:
        """Learn from a piece that ended."""
        self.n_pieces += 1
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)

    def size(self, n_left: int, n_workers: int) -> int:
        """Pieces for the next task: ten seconds of work, but all have some at the end.

        Args:
            n_left: Pieces that no task has yet.
            n_workers: Who share them.
        """
        if self.n_pieces < self.ENOUGH:
            return 1
        mean = max(self.seconds / self.n_pieces, 1e-3)
        return max(1, min(int(_TASK_SECONDS / mean), n_left // (2 * n_workers)))

    def limit(self, n_pieces: int) -> float | None:
        """Seconds after which a task of so many pieces is stopped and tried again.

        None: not known.
        """
        if self.n_pieces < self.ENOUGH:
            return None
        return max(self.LEAST_SECONDS, self.TIMES_SLOWEST * self.slowest * n_pieces)


def done(
    order: Order, pieces: Sequence[Piece], runner: TaskRunner[Any], n_workers: int
) -> Iterator[Finished]:
    """Do pieces of work as tasks, some in each; all are yielded as a task ends.

    Only so many are in the task runner's hands that no worker waits: so a flow needs
    little memory, ends soon when it is cancelled, and time-outs learn from the step.

    Raises:
        Exception: What a task raised after its retries.
    """
    pace = Pace()
    given, waiting = 0, 0
    ended: SimpleQueue[PrefectFuture[list[Finished]]] = SimpleQueue()
    while True:
        while given < len(pieces) and waiting < _WINDOW * n_workers:
            own = pieces[given : given + pace.size(len(pieces) - given, n_workers)]
            more = f" and {len(own) - 1} more" if own[1:] else ""
            timed = do.with_options(timeout_seconds=pace.limit(len(own)))
            parameters = {
                "order": order,
                "pieces": list(own),
                "name": own[0].name + more,
            }
            runner.submit(timed, parameters).add_done_callback(ended.put)
            given += len(own)
            waiting += 1
        if not waiting:
            return
        finished = ended.get().result()
        waiting -= 1
        for piece in finished:
            pace.add(piece.seconds)
            yield piece


def n_workers_of(name: str, workers: int) -> int:
    """Workers that a task runner is taken to have; see :func:`flows.runners`."""
    is_elsewhere = "://" in name
    return max(workers, _UNKNOWN_WORKERS) if is_elsewhere else workers
