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
from csp.errors import CspError, ProgramError
from csp.landscape import Landscape
from csp.records import Progress
from csp.runs import open_run

Order = tuple[str, str, tuple[str, ...]]
"""Settings file, output folder and overrides of a run, as plain values."""


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


progress: ContextVar[Progress] = ContextVar("progress", default=_silent)


@lru_cache(maxsize=1)
def _search(order: Order) -> stages.Search:
    settings_file, output, overrides = order
    run = open_run(Path(settings_file), Path(output), overrides)
    return stages.prepare(run, progress.get())


@lru_cache(maxsize=len(stages.STEPS))
def _pieces(order: Order, step: int) -> tuple[stages.Piece, ...]:
    """The pieces of a step, made once a process: lists of minima are long."""
    return tuple(stages.STEPS[step].pieces(_search(order), progress.get()))


@task(name="prepare a step", task_run_name="prepare {step}", cache_policy=NO_CACHE)
def pieces(order: Order, step: int) -> int:
    """Make a step ready; returns how many pieces of work it has."""
    return len(_pieces(order, step))


@task(name="do a piece", task_run_name="{name} {index}", cache_policy=NO_CACHE)
def do(order: Order, step: int, index: int, name: str) -> None:  # noqa: ARG001
    """Finish one piece of work of a step, unless it is finished."""
    stages.STEPS[step].do(_search(order), _pieces(order, step)[index])


@task(name="rank the landscape", cache_policy=NO_CACHE)
def rank(order: Order) -> Landscape:
    """Distinct minima, ranked; writes the output files."""
    search = _search(order)
    landscape = stages.collect(search, progress.get())
    stages.report(search, landscape)
    return landscape


@flow(name="predict", log_prints=False)
def predict(settings_file: str, output: str, overrides: list[str]) -> Landscape:
    """From a settings file to a ranked landscape in the output folder."""
    order = (settings_file, output, tuple(overrides))
    tell = progress.get()
    for step, wanted in enumerate(stages.STEPS):
        total = pieces(order, step)
        tell(wanted.name, 0, total)
        futures = [do.submit(order, step, i, wanted.name) for i in range(total)]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            tell(wanted.name, done, total)
    return rank(order)


def run_flow(
    order: Order, workers: int, tell: Progress
) -> tuple[stages.Search, Landscape]:
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
