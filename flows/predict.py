"""A prediction as Prefect flows: the whole, its search, and its ranking.

The flows only schedule. What is finished is decided by the run's own store, so a flow
that was stopped goes on when it is started again, and the database of Prefect may be
deleted.
"""

from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.logging import get_run_logger
from pydantic import Field

from csp import stages
from csp.course import finished_course, new_course, steps
from csp.errors import CspError, ProgramError
from csp.journal import Journal, follow
from csp.landscape import Landscape
from csp.records import Progress
from csp.search import Search
from csp.settings import RUNNER_PATTERN, Settings
from flows.asking import order_of
from flows.pieces import Order, done, n_workers_of, opened
from flows.run_page import Page, run_name, show_results, tag_run, terminal
from flows.runners import task_runner

Runner = Annotated[str, Field(pattern=f"^$|{RUNNER_PATTERN}")]
Workers = Annotated[int, Field(ge=0, le=4096)]


@flow(name="predict", flow_run_name=run_name)
def predict(
    settings_file: str = "",
    settings: Settings | None = None,
    output: str = "",
    overrides: list[str] = [],  # noqa: B006 - never changed; a list in the form
    runner: Runner = "",
    workers: Workers = 0,
) -> Landscape:
    """From a molecule to a ranked landscape of crystal structures.

    Args:
        settings_file: Settings file on the machine of the worker, as csp init writes
            one; or leave it empty and fill in the settings.
        settings: The settings themselves, in place of a file.
        output: Output folder on the machine of the worker; run.output if empty. The
            same folder goes on where it was.
        overrides: Single settings, like packing.n_minima=5000.
        runner: Who does the work: threads, processes, dask, ray, or the address of a
            running Dask scheduler, like tcp://host:8786; run.runner if empty.
        workers: Pieces of work at a time; 0 is run.workers, or one a core.
    """
    changes = _changes(overrides, runner, workers)
    order = order_of(settings_file, settings, output, changes)
    wanted = _opened(order)
    _do_steps(order, wanted)
    return _ranked(wanted)


@flow(name="search", flow_run_name=run_name)
def search(
    settings_file: str = "",
    settings: Settings | None = None,
    output: str = "",
    overrides: list[str] = [],  # noqa: B006 - never changed; a list in the form
    runner: Runner = "",
    workers: Workers = 0,
) -> None:
    """The packings of a prediction, relaxed and refined; nothing is ranked.

    Args:
        settings_file: As for predict.
        settings: As for predict.
        output: As for predict.
        overrides: As for predict.
        runner: As for predict.
        workers: As for predict.
    """
    changes = _changes(overrides, runner, workers)
    order = order_of(settings_file, settings, output, changes)
    _do_steps(order, _opened(order))


@flow(name="rank", flow_run_name=run_name)
def rank(
    settings_file: str = "",
    settings: Settings | None = None,
    output: str = "",
    overrides: list[str] = [],  # noqa: B006 - never changed; a list in the form
) -> Landscape:
    """The landscape of a finished search: distinct, ranked, corrected, reported.

    Args:
        settings_file: As for predict.
        settings: As for predict.
        output: As for predict.
        overrides: As for predict.
    """
    return _ranked(_opened(order_of(settings_file, settings, output, overrides)))


def _changes(overrides: list[str], runner: str, workers: int) -> list[str]:
    """The overrides after those of the runner, so that they have the last word."""
    return [
        *([f"run.runner={runner}"] if runner else []),
        *([f"run.workers={workers}"] if workers else []),
        *overrides,
    ]


def _opened(order: Order) -> Search:
    wanted = opened(order, Page())
    tag_run(wanted.run.settings)
    return wanted


def _do_steps(order: Order, wanted: Search) -> None:
    """Do the steps of a search, the pieces of each side by side."""
    run, page = wanted.run, Page()
    journal = Journal(run.output)
    journal.write("start", **stages.start_facts(run))
    name = run.settings.run.runner
    n_workers = n_workers_of(name, run.workers)
    with task_runner(name, run.workers) as runner:
        for step in steps(wanted, new_course(wanted), page):
            pieces = done(order, step.left, runner, n_workers)
            get_run_logger().info(follow(step, pieces, journal, page))


def _ranked(wanted: Search) -> Landscape:
    page, journal = Page(), Journal(wanted.run.output)
    course = finished_course(wanted, page)
    landscape = stages.collect(wanted, course, page)
    stages.report(wanted, course, landscape)
    stages.correct(wanted.run, page)
    stages.page(wanted, page)
    journal.write("end", structures=len(landscape.minima))
    show_results(wanted.run.output)
    return landscape


def run_flow(order: Order, tell: Progress) -> tuple[Search, Landscape]:
    """Run the flow in this process.

    Raises:
        CspError: What a stage raised; a bug in a stage is a ProgramError.
        OSError: If the disk is full or fails.
    """
    terminal.set(tell)
    settings_file, output, overrides = order
    state = predict(
        settings_file, output=output, overrides=list(overrides), return_state=True
    )
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, CspError | OSError):
        raise outcome
    if isinstance(outcome, BaseException):
        raise ProgramError(
            f"a task of the flow ended with {type(outcome).__name__}: {outcome}; the "
            "same command with --no-prefect goes on and shows where"
        ) from outcome
    path = str(Path(settings_file).absolute()), str(Path(output).absolute()), overrides
    return opened(path), outcome
