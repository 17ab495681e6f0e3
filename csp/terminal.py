"""The terminal: foreseen failures in one sentence, progress, tables."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from csp.errors import CspError, InputError, StoreError

Tell = Callable[[str, int, int], None]

BAD_INPUT = 2
FAILED = 1
SIGNALLED = 128

_SECONDS_A_LINE = 10.0

console = Console()
errors = Console(stderr=True)


@contextmanager
def explained() -> Iterator[None]:
    """Turn foreseen failures into one sentence and an exit code."""
    try:
        yield
    except (InputError, StoreError) as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(BAD_INPUT) from error
    except CspError as error:
        errors.print(f"[red]failed:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(FAILED) from error
    except OSError as error:
        errors.print(
            f"[red]failed:[/red] {escape(_reason(error))}: remove the cause; the same "
            "command goes on",
            soft_wrap=True,
        )
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt as stop:
        errors.print("stopped; nothing finished is lost: the same command goes on")
        number = stop.args[0] if stop.args else signal.SIGINT
        raise typer.Exit(SIGNALLED + number) from stop


def _reason(error: OSError) -> str:
    """What went wrong and where, without its number."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


@contextmanager
def progress_bars() -> Iterator[Tell]:
    """Progress bars, one a stage; where there is no terminal, lines."""
    if not errors.is_terminal:
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=errors)
    tasks: dict[str, TaskID] = {}

    def advance(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            bars.start()
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    try:
        yield advance
    finally:
        if tasks:
            bars.stop()


def hearing(tell: Tell) -> Tell:
    """The same, and Ctrl-C is heard in what follows.

    RDKit leaves SIGINT so that it does not wake a main thread that waits for others.
    """

    def hear(stage: str, done: int, total: int) -> None:
        signal.siginterrupt(signal.SIGINT, True)  # noqa: FBT003
        tell(stage, done, total)

    return hear


def _lines() -> Tell:
    """Progress for a log file: each stage's end, and a line every ten seconds."""
    spoken: dict[str, float] = {}

    def tell(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - spoken.get(stage, now) > _SECONDS_A_LINE:
            errors.print(f"{stage} {done}/{total}", highlight=False)
            spoken[stage] = now
        spoken.setdefault(stage, now)

    return tell


def table_of(
    title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]
) -> Table:
    """A table without lines between its columns."""
    table = Table(
        title=escape(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0,
    )
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*map(escape, row))
    return table
