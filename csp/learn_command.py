"""The command that tries the corrections on anybody's landscape: ``csp learn``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from csp.errors import InputError
from csp.terminal import console, explained, hearing, progress_bars, table_of

if TYPE_CHECKING:
    import csp.correction.trial

_HEADINGS = (
    "known",
    "MAE",
    "±",
    "constant",
    "density",
    "RMSE",
    "Spearman",
    "in 68 %",
    "in 95 %",
    "s",
)


def learn(  # noqa: PLR0913 - every option is an argument
    file: Annotated[
        Path,
        typer.Argument(help="Crystals with energies: extended XYZ, or what ASE reads."),
    ],
    target: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="Name of the energy to learn, in the file's "
            "headers or a column of the table.",
        ),
    ],
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="KEY|forcefield",
            help="Name of a cheaper energy whose difference to the target is learned, "
            "given like the target; or the force field of csp. The mean if left out.",
        ),
    ] = None,
    sizes: Annotated[
        str, typer.Option(metavar="N,N,...", help="Numbers of training crystals.")
    ] = "10,20,40,80",
    repeats: Annotated[int, typer.Option(help="Random splits that are averaged.")] = 10,
    per: Annotated[
        str, typer.Option(metavar="cell|molecule", help="What the energies belong to.")
    ] = "cell",
    unit: Annotated[str, typer.Option(metavar="ev|kj", help="eV, or kJ/mol.")] = "kj",
    table: Annotated[
        Path | None, typer.Option(help="CSV file with more numbers of the crystals.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=ID",
            help="Header entry of the file and column of the table that join them.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Only crystals of which this is true, like intact=1. May be repeated.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps descriptors for the next time."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the splits.")] = 1,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of a table.")
    ] = False,
) -> None:
    """How many energies of a landscape must be computed to know the others.

    Learns the energies of some crystals of a file and predicts those left out, for
    several numbers of training crystals. Errors are in kJ/mol per formula unit, of
    crystals unlike those in training; near-duplicates are never on both sides.
    """
    with explained():
        from csp import runs
        from csp.correction.learning_curve import CurveSettings
        from csp.correction.pool import Energies
        from csp.correction.structures import Source
        from csp.correction.trial import Folders, try_on

        source = Source(file, table, _joint(key, table), tuple(where or ()))
        energies = Energies(target, baseline, *_given(per, unit))
        settings = CurveSettings(_sizes(sizes), repeats, seed)
        folders = Folders(runs.cache_folder(), cache)
        with progress_bars() as progress:
            outcome = try_on(source, energies, settings, folders, hearing(progress))
        if as_json:
            typer.echo(json.dumps(outcome.report(), ensure_ascii=False, indent=2))
        else:
            _tell(outcome)


def _given(per: str, unit: str) -> tuple[Any, Any]:
    """What energies belong to, and their unit."""
    from csp.correction.pool import Per, Unit

    if per.lower() not in list(Per):
        raise InputError(f"--per must be cell or molecule, got {per!r}")
    if unit.lower() not in list(Unit):
        raise InputError(f"--unit must be ev or kj, got {unit!r}")
    return Per(per.lower()), Unit(unit.lower())


def _joint(key: str | None, table: Path | None) -> tuple[str, str] | None:
    """Names of what joins file and table."""
    if (key is None) != (table is None):
        given, lacking = ("--table", "--key") if key is None else ("--key", "--table")
        raise InputError(
            f"{given} needs {lacking}: a CSV file with --table, and with --key the "
            "header entry and the column that join it, like --key name=id"
        )
    if key is None:
        return None
    own, equals, column = key.partition("=")
    if not (own and equals and column):
        raise InputError(f"--key takes two names like name=id, got {key!r}")
    return own.strip(), column.strip()


def _sizes(text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas."""
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise InputError(
            f"--sizes takes whole numbers like 10,20,40,80, got {text!r}"
        ) from error


def _tell(outcome: "csp.correction.trial.Outcome") -> None:
    """The learning curve on the terminal."""
    rows: list[tuple[str, ...]] = [
        (
            str(point.n_train),
            f"{point.quality.mae:.2f}",
            f"{point.mae_error:.2f}",
            f"{point.mae_constant:.2f}",
            f"{point.mae_density:.2f}",
            f"{point.quality.rmse:.2f}",
            "-" if point.spearman is None else f"{point.spearman:.3f}",
            *(f"{100.0 * point.quality.coverage[level]:.0f} %" for level in (68, 95)),
            f"{point.seconds:.2f}",
        )
        for point in outcome.curve
    ]
    console.print(escape(outcome.title), soft_wrap=True)
    console.print(table_of("", _HEADINGS, rows), "")
    for note in outcome.notes:
        console.print(escape(note), soft_wrap=True)
