"""The ``csp`` command.

What takes long to import is imported by the commands that need it, so that help and
shell completion come at once.
"""

import json
import os
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

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

from csp import __version__
from csp.errors import CspError, InputError, StoreError

if TYPE_CHECKING:
    import csp.landscape
    import csp.lattice.crystal_input
    import csp.lattice.opening
    import csp.runs
    import csp.stages

Tell = Callable[[str, int, int], None]
Predict = Callable[
    ["csp.runs.Run", Tell], "tuple[csp.stages.Search, csp.landscape.Landscape]"
]

BAD_INPUT = 2
FAILED = 1
SIGNALLED = 128

_SECONDS_A_LINE = 10.0

_console = Console()
_errors = Console(stderr=True)

_HELP = """Predict the crystal structures of an organic molecule.

From a SMILES string or a geometry to a ranked landscape of crystal structures:

  csp init "OC(=O)C(=O)O"     write a settings file, every key explained

  csp run oxalic_acid.toml    search, relax, rank; run it again to go on after a stop

  csp show run                the best structures of a finished run

Results are a table (landscape.csv), an ASE database (landscape.db: ase db), CIF files,
a picture and a report, all in the output folder. Energies are in kJ/mol per formula
unit, negative = bound.
"""

SettingsFile = Annotated[
    Path, typer.Argument(help="Settings file (TOML); csp init writes one.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Override one setting, like --set packing.n_draws=5000. May be repeated.",
    ),
]


def build_app(predict: Predict | None) -> typer.Typer:
    """The command line.

    Args:
        predict: Runs a prediction through a workflow engine; without one, the stages
            run plainly.
    """
    app = typer.Typer(
        name="csp",
        help=_HELP,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
    )
    app.callback()(_main)
    app.command("init")(init)
    app.command("show")(show)
    app.command("monomers")(monomers)
    app.command("lattice-energy")(lattice_energy)
    app.command("minimise")(minimise)

    @app.command("run")
    def run(
        settings_file: SettingsFile,
        output: Annotated[
            Path | None,
            typer.Option(
                "--output",
                "-o",
                help="Output folder; the settings file's run.output if left out.",
            ),
        ] = None,
        overrides: Overrides = None,
        *,
        no_prefect: Annotated[
            bool,
            typer.Option(
                "--no-prefect", help="Run the same stages plainly, without Prefect."
            ),
        ] = False,
    ) -> None:
        """Search, relax and rank the crystal structures of a molecule.

        A run that was stopped, even killed, goes on where it was: give the same command
        again. Ctrl-C stops it cleanly.
        """
        with _explained():
            from csp import stages
            from csp.runs import open_run

            plan = open_run(settings_file, output, tuple(overrides or ()))
            engine = (
                predict if predict is not None and not no_prefect else stages.predict
            )
            with _progress() as progress:
                search, landscape = engine(plan, _hearing(progress))
            _tell(search, landscape)

    return app


def _version(value: bool) -> bool:  # noqa: FBT001
    if value:
        _console.print(f"csp {__version__}")
        raise typer.Exit
    return value


def _main(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def init(
    source: Annotated[
        str,
        typer.Argument(help="A SMILES string, or an .xyz, .sdf, .mol or .cif file."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.")
    ] = None,
    name: Annotated[str, typer.Option(help="What to call the molecule.")] = "molecule",
) -> None:
    """Write a settings file with every key, what it means and its default."""
    with _explained():
        from csp.conformers.reading import is_file_name, read_molecule
        from csp.settings import template

        read_molecule(source, Path(), name, 0)
        path = output or Path(f"{name.replace(' ', '_')}.toml")
        if is_file_name(source) and not Path(source).is_absolute():
            source = os.path.relpath(source, path.parent)
        text = template(source, name)
        try:
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror}): "
                "name another file with --output"
            ) from error
        shown = escape(str(path))
        _console.print(f"wrote {shown}\nnext: csp run {shown}", soft_wrap=True)


def show(
    folder: Annotated[Path, typer.Argument(help="Output folder of a finished run.")],
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, help="How many structures.")
    ] = 10,
) -> None:
    """Show the best structures of a finished run."""
    with _explained():
        from csp.report.tables import read_csv, terminal_table

        rows = read_csv(folder / "landscape.csv")
        chosen = rows[:number]
        chosen += [row for row in rows[number:] if row.observed_form]
        title = f"{len(rows)} structures in {folder}"
        _console.print(terminal_table(chosen, title))


def monomers(
    settings_file: SettingsFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File to write; monomers.json beside the settings."
        ),
    ] = None,
    punch: Annotated[
        Path | None,
        typer.Option(
            help="Folder for GDMA punch files with the multipoles, one a conformer."
        ),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Compute the gas-phase conformers of a molecule and write them to a file.

    The file may be named as molecule.monomers in settings files, so that a search
    starts at once. Calculations done earlier are taken from the cache.
    """
    with _explained():
        from csp import runs
        from csp.conformers.monomers_file import write_monomers
        from csp.conformers.punch import write_punches

        path = output or settings_file.parent / "monomers.json"
        changes = tuple(overrides or ())
        options = [word for change in changes for word in ("--set", change)]
        command = shlex.join(["csp", "monomers", str(settings_file), *options])
        with _progress() as progress:
            found = runs.monomers_of(settings_file, changes, command, progress)
        write_monomers(path, found)
        if punch is not None:
            write_punches(punch, found.conformers)
        _console.print(
            f"wrote {len(found.conformers)} conformers to {escape(str(path))}"
        )


CrystalFile = Annotated[
    Path, typer.Argument(help="A CIF file, or a DMACRYS case (JSON).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ForceField = Annotated[
    str | None,
    typer.Option(
        help="Of a CIF file: revised-w99 (if left out), w99, fit, or a .toml table of "
        "your own."
    ),
]
Pressure = Annotated[float, typer.Option(metavar="GPA", help="External pressure, GPa.")]
Charges = Annotated[
    list[str] | None,
    typer.Option(
        "--charge",
        metavar="FORMULA=E",
        help="Charge of an ion of a CIF file, like C2H8NO=1. May be repeated.",
    ),
]


def lattice_energy(
    file: CrystalFile,
    force_field: ForceField = None,
    pressure: Pressure = 0.0,
    charge: Charges = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The lattice energy of one crystal as it is, term by term.

    Molecules are rigid, with distributed multipoles and an exp-6 force field. Of a CIF
    file they are computed (seconds to minutes, kept for the next time); a DMACRYS case
    brings its own. Energies are in kJ/mol per formula unit, negative = bound.
    """
    with _explained():
        from csp.lattice import result
        from csp.lattice.opening import Wishes

        wishes = Wishes(force_field, pressure, tuple(charge or ()))
        given = _opened(file, wishes)
        report = result.lattice_energy(given)
        command = shlex.join(["csp", "minimise", str(file)])
        _tell_crystal(given.name, report, f"next: {command}", as_json=as_json)


def minimise(
    file: CrystalFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="CIF file for the minimum."),
    ] = None,
    force_field: ForceField = None,
    pressure: Pressure = 0.0,
    charge: Charges = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The minimum of the lattice energy below one crystal, its space group kept.

    Cell, positions and orientations of the rigid molecules move; otherwise as csp
    lattice-energy.
    """
    with _explained():
        from csp.files import write_atomically
        from csp.lattice import result
        from csp.lattice.opening import Wishes

        wishes = Wishes(force_field, pressure, tuple(charge or ()))
        given = _opened(file, wishes)
        report, end = result.minimise(given)
        hint = f"next: {shlex.join(['csp', 'minimise', str(file)])} -o minimum.cif"
        if output is not None:
            write_atomically(output, result.cif_of(given, end))
            hint = f"wrote {output}"
        _tell_crystal(given.name, report, hint, as_json=as_json)


def _opened(
    file: Path, wishes: "csp.lattice.opening.Wishes"
) -> "csp.lattice.crystal_input.CrystalInput":
    from csp import runs
    from csp.lattice.opening import open_crystal

    with _progress() as progress:
        return open_crystal(file, wishes, runs.cache_folder(), _hearing(progress))


def _tell_crystal(
    name: str, report: dict[str, Any], hint: str, *, as_json: bool
) -> None:
    """Energies of one crystal on the terminal."""
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
        return
    from csp.lattice.result import table_rows

    has_two = "initial" in report
    headings = ("kJ/mol", "start", "end") if has_two else ("kJ/mol", "")
    title = f"{name}, force field {report['force_field']}: {report['status']}"
    _console.print(escape(title), soft_wrap=True)
    _console.print(_table("", headings, table_rows(report)), "")
    for note in report["notes"]:
        _console.print(escape(note), soft_wrap=True)
    _console.print(escape(hint), soft_wrap=True)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn foreseen failures into one sentence and an exit code."""
    try:
        yield
    except (InputError, StoreError) as error:
        _errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(BAD_INPUT) from error
    except CspError as error:
        _errors.print(f"[red]failed:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(FAILED) from error
    except OSError as error:
        _errors.print(
            f"[red]failed:[/red] {escape(str(error))}: remove the cause; the same "
            "command goes on",
            soft_wrap=True,
        )
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt as stop:
        _errors.print("stopped; nothing finished is lost: the same command goes on")
        number = stop.args[0] if stop.args else signal.SIGINT
        raise typer.Exit(SIGNALLED + number) from stop


@contextmanager
def _progress() -> Iterator[Tell]:
    """Progress bars, one a stage; where there is no terminal, lines."""
    if not _errors.is_terminal:
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=_errors)
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


def _hearing(tell: Tell) -> Tell:
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
            _errors.print(f"{stage} {done}/{total}", highlight=False)
            spoken[stage] = now
        spoken.setdefault(stage, now)

    return tell


def _tell(search: "csp.stages.Search", landscape: "csp.landscape.Landscape") -> None:
    """The result on the terminal, and what to do next."""
    from csp.report.summary import (
        CONFORMER_HEADINGS,
        OBSERVED_HEADINGS,
        conformer_rows,
        observed_conformers,
        observed_rows,
    )
    from csp.report.tables import landscape_rows, terminal_table

    output = search.run.output
    rows = landscape_rows(landscape)
    chosen = rows[:10]
    chosen += [row for row in rows[10:] if row.observed_form]
    name = search.run.settings.molecule.name
    _console.print(
        _table(
            f"Conformers of {name}",
            CONFORMER_HEADINGS,
            conformer_rows(landscape, search.molecules),
        ),
        "",
    )
    if landscape.observed:
        _console.print(
            _table("Observed forms", OBSERVED_HEADINGS, observed_rows(landscape)), ""
        )
        for sentence in observed_conformers(landscape, search.molecules):
            _console.print(escape(sentence))
        _console.print()
    title = f"{len(rows)} structures, the lowest first"
    _console.print(terminal_table(chosen, title), "")
    _console.print(
        f"wrote landscape.csv, landscape.db, landscape.png, report.md and structures/ "
        f"to {escape(str(output))}\n"
        f"next: csp show {escape(str(output))} -n 50, "
        f"or: ase db {escape(str(output / 'landscape.db'))} -c "
        "rank,space_group,lattice_energy_kj_per_mol",
        soft_wrap=True,
    )


def _table(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
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


def start(predict: Predict | None) -> None:
    """Read the command line and do what it says."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    build_app(predict)()


def _stop(number: int, _: FrameType | None) -> None:
    """End by way of the open contexts; a second signal ends at once."""
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, _stop_at_once)
    raise KeyboardInterrupt(number)


def _stop_at_once(number: int, _: FrameType | None) -> None:
    _errors.show_cursor()
    os._exit(SIGNALLED + number)


def main() -> None:
    """Run the command without a workflow engine."""
    start(None)
