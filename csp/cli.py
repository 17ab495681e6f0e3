"""The ``csp`` command.

What takes long to import is imported by the commands that need it, so that help and
shell completion come at once.
"""

import os
import shlex
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from csp import __version__
from csp.benchmark_command import benchmark
from csp.comparison_commands import compare, match
from csp.correct_command import correct, tell_ranking
from csp.crystal_commands import lattice_energy, minimise
from csp.errors import InputError
from csp.export_command import export
from csp.learn_command import learn
from csp.reference_commands import app as reference
from csp.report_command import report
from csp.terminal import (
    SIGNALLED,
    Tell,
    console,
    errors,
    explained,
    hearing,
    progress_bars,
    table_of,
)
from csp.watch_command import watch

if TYPE_CHECKING:
    import csp.landscape
    import csp.runs
    import csp.search

Predict = Callable[
    ["csp.runs.Run", Tell], "tuple[csp.search.Search, csp.landscape.Landscape]"
]

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
        help="Override one setting, like --set packing.n_minima=5000. May be repeated.",
    ),
]


def build_app(
    predict: Predict | None, commands: Sequence[Callable[..., None]] = ()
) -> typer.Typer:
    """The command line.

    Args:
        predict: Runs a prediction through a workflow engine; without one, the stages
            run plainly.
        commands: More commands, those of the workflow engine.
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
    app.command("compare")(compare)
    app.command("match")(match)
    app.command("benchmark")(benchmark)
    app.add_typer(reference, name="reference")
    app.command("correct")(correct)
    app.command("learn")(learn)
    app.command("report")(report)
    app.command("export")(export)
    app.command("watch")(watch)
    for command in commands:
        app.command(command.__name__)(command)

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
        with explained():
            from csp import stages
            from csp.runs import open_run

            plan = open_run(settings_file, output, tuple(overrides or ()))
            is_plain = predict is None or no_prefect
            if is_plain and plan.settings.run.runner != "threads":
                raise InputError(
                    f"run.runner = {plan.settings.run.runner!r} needs Prefect: leave "
                    "out --no-prefect, or add --set run.runner=threads"
                )
            engine = stages.predict if is_plain or predict is None else predict
            with progress_bars() as progress:
                search, landscape = engine(plan, hearing(progress))
            _tell(search, landscape)

    return app


def _version(value: bool) -> bool:  # noqa: FBT001
    if value:
        console.print(f"csp {__version__}")
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
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="A SMILES string, or an .xyz, .sdf, .mol or .cif file; for a "
            "co-crystal, hydrate or salt every molecule of the formula unit.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.")
    ] = None,
    name: Annotated[str, typer.Option(help="What to call the compound.")] = "molecule",
    preset: Annotated[
        str,
        typer.Option(
            help="Named search: quick, standard, thorough, efficient-z2 or chiral."
        ),
    ] = "standard",
) -> None:
    """Write a settings file with every key, what it means and its default.

    A hydrate of oxalic acid: csp init "OC(=O)C(=O)O" O O --name "oxalic acid dihydrate"
    """
    with explained():
        from csp.conformers.reading import is_file_name, read_molecule
        from csp.packing.presets import preset_named
        from csp.settings import template

        wanted = preset_named(preset)
        path = output or Path(f"{name.replace(' ', '_')}.toml")
        written = []
        for source in sources:
            read_molecule(source, Path(), name, None)
            is_relative = is_file_name(source) and not Path(source).is_absolute()
            written.append(
                os.path.relpath(source, path.parent) if is_relative else source
            )
        text = template(written, name, wanted)
        try:
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror}): "
                "name another file with --output"
            ) from error
        shown = escape(str(path))
        console.print(f"wrote {shown}\nnext: csp run {shown}", soft_wrap=True)


def show(
    folder: Annotated[Path, typer.Argument(help="Output folder of a finished run.")],
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, help="How many structures.")
    ] = 10,
) -> None:
    """Show the best structures of a finished run."""
    with explained():
        from csp.report.tables import read_csv, terminal_table

        rows = read_csv(folder / "landscape.csv")
        chosen = rows[:number]
        chosen += [row for row in rows[number:] if row.observed_form]
        title = f"{len(rows)} structures in {folder}"
        console.print(terminal_table(chosen, title))


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
    with explained():
        from csp import runs
        from csp.conformers.monomers_file import monomers_paths, write_monomers
        from csp.conformers.punch import write_punches

        path = output or settings_file.parent / "monomers.json"
        changes = tuple(overrides or ())
        options = [word for change in changes for word in ("--set", change)]
        command = shlex.join(["csp", "monomers", str(settings_file), *options])
        with progress_bars() as progress:
            found = runs.monomers_of(settings_file, changes, command, progress)
        for index, (own, file) in enumerate(
            zip(found, monomers_paths(path, len(found)), strict=True)
        ):
            letter = chr(ord("A") + index)
            write_monomers(file, own)
            if punch is not None:
                write_punches(
                    punch if len(found) == 1 else punch / letter, own.conformers
                )
            console.print(
                f"wrote {len(own.conformers)} conformers to {escape(str(file))}"
            )


def _tell(search: "csp.search.Search", landscape: "csp.landscape.Landscape") -> None:
    """The result on the terminal, and what to do next."""
    from csp.report.completeness_text import completeness_sentences
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
    console.print(
        table_of(
            f"Conformers of {name}",
            CONFORMER_HEADINGS,
            conformer_rows(landscape, search.unit),
        ),
        "",
    )
    if landscape.observed:
        console.print(
            table_of("Observed forms", OBSERVED_HEADINGS, observed_rows(landscape)), ""
        )
        for sentence in observed_conformers(landscape, search.unit):
            console.print(escape(sentence))
        console.print()
    for sentence in completeness_sentences(landscape.completeness):
        console.print(escape(sentence))
    console.print()
    title = f"{len(rows)} structures, the lowest first"
    console.print(terminal_table(chosen, title), "")
    if search.run.settings.correction.energies is not None:
        tell_ranking(output)
    console.print(
        f"wrote report.html, report.md, landscape.csv, landscape.db, landscape.png and "
        f"structures/ to {escape(str(output))}\n"
        f"next: csp show {escape(str(output))} -n 50, or open report.html, "
        f"or: ase db {escape(str(output / 'landscape.db'))} -c "
        "rank,space_group,lattice_energy_kj_per_mol",
        soft_wrap=True,
    )


def start(
    predict: Predict | None, commands: Sequence[Callable[..., None]] = ()
) -> None:
    """Read the command line and do what it says; see :func:`build_app`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    build_app(predict, commands)()


def _stop(number: int, _: FrameType | None) -> None:
    """End by way of the open contexts; a second signal ends at once."""
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, _stop_at_once)
    raise KeyboardInterrupt(number)


def _stop_at_once(number: int, _: FrameType | None) -> None:
    errors.show_cursor()
    os._exit(SIGNALLED + number)


def main() -> None:
    """Run the command without a workflow engine."""
    start(None)
