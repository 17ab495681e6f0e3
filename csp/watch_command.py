"""``csp watch``: a run in progress in the terminal."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from csp.terminal import console, explained, table_of

if TYPE_CHECKING:
    from csp.watching import Snapshot

_BINS = 20
_WIDTH = 50
_BLOCKS = " ▏▎▍▌▋▊▉█"


def watch(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Output folder of a run in progress.")
    ],
    every: Annotated[
        float, typer.Option(min=0.5, metavar="SECONDS", help="How often to look.")
    ] = 5.0,
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
) -> None:
    """Watch a landscape fill: relaxations, failures by reason, rate, time left.

    Reads the run's store and changes nothing; may be started and stopped at any time,
    on any machine that sees the folder. Ends when the landscape is written. How
    complete the search is, is reckoned when a round ends and stands in report.html.
    """
    with explained():
        from csp.watching import Watch

        seen = Watch(folder)
        now = seen.look(time.time())
        if once or now.is_finished:
            console.print(_view(folder, now))
            return
        with Live(_view(folder, now), console=console, auto_refresh=False) as live:
            while not now.is_finished:
                time.sleep(every)
                now = seen.look(time.time())
                live.update(_view(folder, now), refresh=True)


def _view(folder: Path, now: "Snapshot") -> Group:
    from csp.records import Status

    left = now.hours_left
    rows: list[tuple[str, ...]] = [
        ("packings relaxed", str(now.endings.total()), ""),
        ("  to a minimum", str(now.n_valid), f"{now.n_wanted} wanted"),
        *(
            (f"  {status.value}", str(now.endings[status]), "")
            for status in Status
            if status is not Status.CONVERGED and now.endings[status]
        ),
        ("refined", str(len(now.refined)), f"{now.n_unrefined} came to no minimum"),
        ("settled", str(now.n_settled), ""),
        ("rate", f"{now.rate:,.0f} an hour", "over the last minutes"),
    ]
    if left is not None:
        rows.append(("time left", f"{left:.1f} h", "for the packings, at this rate"))
    if now.is_finished:
        rows.append(("landscape", "written", "report.html shows it"))
    return Group(table_of(str(folder), ("", "", ""), rows), Text(), _histogram(now))


def _histogram(now: "Snapshot") -> Text:
    """Refined minima by their energy above the lowest, a line a kJ/mol."""
    import numpy as np

    if not len(now.refined):
        return Text("no refined minimum yet")
    above = now.refined - now.refined.min()
    counts, _ = np.histogram(above, bins=np.arange(_BINS + 1.0))
    most = max(int(counts.max()), 1)
    text = Text("refined minima above the lowest, kJ/mol (duplicates counted)\n")
    for low, number in enumerate(counts.tolist()):
        eighths = round(8 * _WIDTH * number / most)
        bar = "█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()
        text.append(f"{low:3d}–{low + 1:<3d}")
        text.append(bar, style="cyan")
        text.append(f" {number}\n" if number else "\n")
    return text
