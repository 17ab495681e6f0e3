"""``csp export``: structures and figures of a landscape for other programs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from csp.terminal import console, explained


def export(  # noqa: PLR0913 - every option is an argument
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Output folder of a finished run.")
    ],
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="cif|res|extxyz|csv|xlsx",
            help="cif, extxyz: all structures in one file; res: a folder of SHELX "
            "files; csv, xlsx: the table.",
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw the landscape for print: a .pdf, .png or .svg file."),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Only so many, the lowest in energy.")
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(metavar="KJ", help="Only those so far above the lowest, kJ/mol."),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            metavar="force-field|corrected",
            help="Whose energies order them; corrected where there are any.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File to write, or folder for res; in DIR."
        ),
    ] = None,
) -> None:
    """Write structures of a landscape for other programs, or a figure for print.

    CIF and SHELX files have symmetry; extended XYZ files have all atoms of the cell.
    Energies are in kJ/mol per formula unit; the names of columns hold their units.
    """
    with explained():
        from csp.errors import InputError
        from csp.exports.selection import Choice, EnergyLevel
        from csp.exports.write import write_export, write_figure

        if file_format is None and figure is None:
            raise InputError(
                "say what to write: --format cif, res, extxyz, csv or xlsx, or "
                "--figure landscape.pdf"
            )
        known = [item.value for item in EnergyLevel]
        if level is not None and level not in known:
            raise InputError(f"--level must be {' or '.join(known)}, got {level}")
        choice = Choice(None if level is None else EnergyLevel(level), top, window)
        if file_format is not None:
            target, number = write_export(folder, file_format, choice, output)
            console.print(f"wrote {number} structures to {escape(str(target))}")
        if figure is not None:
            number = write_figure(folder, figure, choice)
            console.print(f"drew {number} structures: {escape(str(figure))}")
