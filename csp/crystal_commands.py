"""The commands for single crystals: ``csp lattice-energy`` and ``csp minimise``."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from csp.terminal import console, explained, hearing, progress_bars, table_of

if TYPE_CHECKING:
    import csp.lattice.crystal_input
    import csp.lattice.opening

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
    with explained():
        from csp.lattice import result
        from csp.lattice.opening import Wishes

        wishes = Wishes(force_field, pressure, tuple(charge or ()))
        given = _opened(file, wishes)
        report = result.lattice_energy(given)
        hint = f"next: {_minimise_command(file, wishes)}"
        _tell_crystal(given.name, report, hint, as_json=as_json)


def minimise(  # noqa: PLR0913 - every option is an argument
    file: CrystalFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="CIF file for the minimum."),
    ] = None,
    force_field: ForceField = None,
    pressure: Pressure = 0.0,
    charge: Charges = None,
    *,
    lower_symmetry: Annotated[
        bool,
        typer.Option(
            "--lower-symmetry",
            help="Leave a saddle point downhill, with less symmetry, and go on.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The minimum of the lattice energy below one crystal, in its space group.

    Cell, positions and orientations of the rigid molecules move; otherwise as csp
    lattice-energy. The Hessian over all molecules of the cell then says whether it is a
    minimum in every direction (if not, the status is "saddle point"), and gives the
    elastic constants (--json).
    """
    with explained():
        from csp.files import write_atomically
        from csp.lattice import result
        from csp.lattice.opening import Wishes

        wishes = Wishes(force_field, pressure, tuple(charge or ()))
        given = _opened(file, wishes)
        report, end = result.minimise(given, lower_symmetry=lower_symmetry)
        hint = f"next: {_minimise_command(file, wishes)} -o minimum.cif"
        if output is not None:
            write_atomically(output, result.cif_of(given, end))
            hint = f"wrote {output}"
        _tell_crystal(given.name, report, hint, as_json=as_json)


def _minimise_command(file: Path, wishes: "csp.lattice.opening.Wishes") -> str:
    """What to type to minimise a crystal with the same wishes."""
    words = ["csp", "minimise", str(file)]
    if wishes.force_field is not None:
        words += ["--force-field", wishes.force_field]
    if wishes.pressure_gpa:
        words += ["--pressure", f"{wishes.pressure_gpa:g}"]
    words += [word for text in wishes.charges for word in ("--charge", text)]
    return shlex.join(words)


def _opened(
    file: Path, wishes: "csp.lattice.opening.Wishes"
) -> "csp.lattice.crystal_input.CrystalInput":
    from csp import runs
    from csp.lattice.opening import open_crystal

    with progress_bars() as progress:
        return open_crystal(file, wishes, runs.cache_folder(), hearing(progress))


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
    console.print(escape(title), soft_wrap=True)
    console.print(table_of("", headings, table_rows(report)), "")
    for note in report["notes"]:
        console.print(escape(note), soft_wrap=True)
    console.print(escape(hint), soft_wrap=True)
