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

_WINDOW = 20.0
"""Energies shown above the lowest, kJ/mol."""
_SIZE = (60, 17)
"""Letters in a line, and lines, of the picture."""


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
    """Watch a landscape fill: relaxations, failures by reason, rate, completeness.

    Reads the run's store and changes nothing; may be started and stopped at any time,
    on any machine that sees the folder. Ends when the landscape is written. The picture
    and how complete the search is are those of the rounds that have ended.
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
        ("refined", str(now.n_refined), f"{now.n_unrefined} came to no minimum"),
        ("settled", str(now.n_settled), ""),
        ("rate", f"{now.rate:,.0f} an hour", "over the last minutes"),
    ]
    if left is not None:
        rows.append(("time left", f"{left:.1f} h", "for the packings, at this rate"))
    if now.is_finished:
        rows.append(("landscape", "written", "report.html shows it"))
    table = table_of(str(folder), ("", "", ""), rows)
    return Group(table, Text(), _landscape(now), _completeness(now))


def _landscape(now: "Snapshot") -> Text:
    """Distinct minima of the ended rounds: energy against volume, dense ones left."""
    from csp.viewing.braille import dots

    rounds = now.rounds
    if not len(rounds.energies):
        return Text("no round has ended yet")
    above = rounds.energies - rounds.energies.min()
    shown = above <= _WINDOW
    low, high = rounds.volumes[shown].min(), rounds.volumes[shown].max()
    across = (rounds.volumes - low) / max(high - low, 1e-9)
    lines = dots(across[shown], above[shown] / _WINDOW, _SIZE)
    text = Text(f"{shown.sum()} distinct minima of {rounds.n_rounds} rounds\n")
    for index, line in enumerate(lines):
        energy = _WINDOW * (1.0 - index / (len(lines) - 1))
        label = f"{energy:4.0f} " if index % 4 == 0 else "     "
        text.append(label).append(f"{line}\n", style="cyan")
    width = _SIZE[0] - 8
    text.append(f"     {low:<8.1f}{'Å³ a molecule':^{width - 8}}{high:>8.1f}\n")
    text.append("     kJ/mol above the lowest, against volume\n")
    return text


def _completeness(now: "Snapshot") -> Text:
    """How complete the ended rounds say the search is."""
    from csp.report.completeness_text import completeness_sentences

    sentences = completeness_sentences(now.rounds.completeness)
    return Text("".join(f"{sentence}\n" for sentence in sentences))
