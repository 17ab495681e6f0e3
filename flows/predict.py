"""The whole prediction as a Prefect flow: one task a piece of work.

The flow only schedules. What is finished is decided by the run's own store, so a flow
that was stopped goes on when it is started again, and its database may be deleted.
Tasks take plain values and so may run in other processes.
"""

from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.task_runners import ThreadPoolTaskRunner

from csp import stages
from csp.course import finished_course, new_course, steps
from csp.errors import CspError, ProgramError
from csp.landscape import Landscape
from csp.records import Progress
from csp.runs import open_run
from csp.search import Piece, Search, prepare
from csp.search import do as do_piece

Order = tuple[str, str, tuple[str, ...]]
"""Settings file, output folder and overrides of a run, as plain values."""


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


progress: ContextVar[Progress] = ContextVar("progress", default=_silent)


@lru_cache(maxsize=1)
def _search(order: Order) -> Search:
    settings_file, output, overrides = order
    run = open_run(Path(settings_file), Path(output), overrides)
    return prepare(run, progress.get())


@task(name="do a piece", task_run_name="{name}", cache_policy=NO_CACHE)
def do(order: Order, piece: Piece, name: str) -> None:  # noqa: ARG001
    """Finish one piece of work, unless it is finished."""
    do_piece(_search(order), piece)


@task(name="rank the landscape", cache_policy=NO_CACHE)
def rank(order: Order) -> Landscape:
    """Distinct minima, ranked; writes the output files."""
    search = _search(order)
    course = finished_course(search, progress.get())
    landscape = stages.collect(search, course, progress.get())
    stages.report(search, course, landscape)
    stages.correct(search.run, progress.get())
    stages.page(search, progress.get())
    return landscape


@flow(name="predict", log_prints=False)
def predict(settings_file: str, output: str, overrides: list[str]) -> Landscape:
    """From a settings file to a ranked landscape in the output folder."""
    order = (settings_file, output, tuple(overrides))
    tell = progress.get()
    search = _search(order)
    with stages.one_thread_a_crystal():
        for step in steps(search, new_course(search), tell):
            total = len(step.pieces)
            tell(step.name, 0, total)
            futures = [do.submit(order, piece, piece.name) for piece in step.pieces]
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                tell(step.name, done, total)
        return rank(order)


def run_flow(order: Order, workers: int, tell: Progress) -> tuple[Search, Landscape]:
    """Run the flow in this process, its batches on threads.

    Raises:
        CspError: What a stage raised; a bug in a stage is a ProgramError.
    """
    progress.set(tell)
    settings_file, output, overrides = order
    runner: ThreadPoolTaskRunner[object] = ThreadPoolTaskRunner(max_workers=workers)
    state = predict.with_options(task_runner=runner)(  # type: ignore[arg-type]
        settings_file, output, list(overrides), return_state=True
    )
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, CspError):
        raise outcome
    if isinstance(outcome, BaseException):
        raise ProgramError(
            f"a task of the flow ended with {type(outcome).__name__}: {outcome}; the "
            "same command with --no-prefect goes on and shows where"
        ) from outcome
    return _search(order), outcome
