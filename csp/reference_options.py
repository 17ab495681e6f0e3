"""Options that the commands of reference energies share, and what they open."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from csp.errors import InputError

if TYPE_CHECKING:
    from csp.reference.campaign import Campaign
    from csp.reference.selection import Candidate
    from csp.reference_source import Source

Sources = Annotated[
    list[Path],
    typer.Argument(metavar="DIR|CIF...", help="Folder of a run, or CIF files."),
]
LevelName = Annotated[
    str,
    typer.Option("--level", "-l", help="Level of theory, like pbe0-d4 or NAME/fast."),
]
LevelsFile = Annotated[
    Path | None,
    typer.Option("--levels", help="TOML file with levels of your own."),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder for the results of CIF files."),
]
Gas = Annotated[
    list[Path] | None,
    typer.Option("--gas", help="XYZ file of an isolated molecule; may be repeated."),
]
Lowest = Annotated[
    int | None,
    typer.Option("--lowest", min=0, help="This many of the lowest structures."),
]
Spread = Annotated[
    int,
    typer.Option(
        "--spread",
        min=0,
        help="This many more, evenly over the window, small cells first.",
    ),
]
Window = Annotated[
    float,
    typer.Option("--window", min=0.0, help="Of the spread ones, kJ/mol."),
]
Identities = Annotated[
    list[str] | None,
    typer.Option("--id", help="A structure by its id; may be repeated."),
]
Cores = Annotated[
    int | None,
    typer.Option("--cores", min=1, help="Threads in all; those of the machine."),
]
CoresEach = Annotated[
    int, typer.Option("--cores-each", min=1, help="Threads of one calculation.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

DEFAULT_LEVEL = "pbe0-d4"
FEW = 10
SECONDS_PER_UNIT = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str) -> float:
    """Seconds of a time like ``90m``, ``6h`` or ``2d``.

    >>> seconds_of("1.5h")
    5400.0

    Raises:
        InputError: If it is no time.
    """
    number, unit = text[:-1], text[-1:].lower()
    try:
        seconds = float(number) * SECONDS_PER_UNIT[unit]
    except (ValueError, KeyError):
        seconds = -1.0
    if not 0.0 < seconds < float("inf"):
        raise InputError(
            f"--budget {text!r} is no time: write a positive number with s, m, h or d, "
            "like 90m or 6h"
        )
    return seconds


def opened(
    place: tuple[Sequence[Path], Path | None, Sequence[Path] | None],
    level: tuple[str, Path | None],
    amount: tuple[int | None, int, float],
    identities: Sequence[str] | None,
) -> "tuple[Source, Campaign, list[Candidate]]":
    """The source, the campaign of the level, and the chosen structures."""
    from csp.reference.campaign import Campaign
    from csp.reference.levels import level_named, read_levels
    from csp.reference.selection import Selection, selected
    from csp.reference_source import open_source

    known: Mapping[str, Any] = read_levels(level[1])
    wanted = level_named(level[0], known)
    sources, output, gas = place
    source = open_source(sources, output, gas or [])
    lowest, spread, window = amount
    is_choice = lowest is not None or spread > 0 or identities
    is_landscape = len(sources) == 1 and sources[0].is_dir()
    default = FEW if is_landscape and not is_choice else len(source.candidates)
    selection = Selection(
        lowest=default if not is_choice else lowest or 0,
        spread=spread,
        window=window,
        identities=tuple(identities or ()),
    )
    campaign = Campaign(source.folder, wanted, known, source.conformers)
    return source, campaign, selected(source.candidates, selection)


def duration(seconds: float) -> str:
    """A time for reading.

    >>> duration(5400.0)
    '1.5 h'
    """
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
