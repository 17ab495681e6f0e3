"""The command that searches for known crystals: ``csp benchmark``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from csp.terminal import console, errors, explained, hearing, progress_bars, table_of

if TYPE_CHECKING:
    import csp.benchmark.rows

_HEADINGS = (
    "crystal",
    "found",
    "rank",
    "above\nlowest",
    "matched",
    "RMSD\nÅ",
    "minima",
    "complete",
    "relaxed\nRMSD, Å",
    "relaxed\nabove",
    "CPU s",
)


def benchmark(  # noqa: PLR0913 - every option is an argument
    folder: Annotated[
        Path, typer.Argument(help="Folder of experimental crystals, CIF files.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Output folder.")
    ] = Path("benchmark"),
    preset: Annotated[
        str | None,
        typer.Option(
            help="How thorough the searches are, as --set packing.preset=NAME."
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.KEY=VALUE",
            help="Override one setting of all searches. May be repeated.",
        ),
    ] = None,
    molecules: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME", help="Only these files, without their ending."
        ),
    ] = None,
    *,
    blind: Annotated[
        bool,
        typer.Option(
            "--blind",
            help="Start from the SMILES and its gas-phase conformers, not from the "
            "geometry in the crystal.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of a table.")
    ] = False,
) -> None:
    """Search for known crystals, and see which are found.

    For every CIF file: the molecule as it is in the crystal, a search, and whether it
    found the crystal (15 of 15 molecules overlay); besides, what the crystal itself
    relaxes to under the same force field, so that every miss has its reason. Energies
    are in kJ/mol per formula unit. What is finished is kept: the same command goes on.
    """
    with explained():
        from csp.benchmark.cases import Wishes, cases_of
        from csp.benchmark.rows import csv_text, json_text
        from csp.benchmark.work import planned, worked
        from csp.files import write_atomically

        changes = [f"packing.preset={preset}"] if preset else []
        wishes = Wishes((*changes, *(overrides or ())), is_blind=blind)
        names = [name.strip() for name in (molecules or "").split(",") if name.strip()]
        plans = planned(cases_of(folder, output, wishes, names))
        rows: list[csp.benchmark.rows.Row] = []
        with progress_bars() as progress:
            for row in worked(plans, hearing(progress)):
                rows.append(row)
                errors.print(escape(_sentence(row)), highlight=False, soft_wrap=True)
                write_atomically(output / "benchmark.csv", csv_text(rows))
                write_atomically(output / "benchmark.json", json_text(rows) + "\n")
        if as_json:
            typer.echo(json_text(rows))
            return
        _tell(rows, output)


def _sentence(row: "csp.benchmark.rows.Row") -> str:
    """What became of one crystal."""
    rank = f", rank {row.rank}" if row.rank else ""
    why = f": {row.explanation}" if row.explanation else ""
    return f"{row.name}: {row.outcome}{rank}{why}"


def _tell(rows: "list[csp.benchmark.rows.Row]", output: Path) -> None:
    """The rows as a table, and the reasons below it."""
    n_found = sum(row.outcome == "found" for row in rows)
    title = f"{n_found} of {len(rows)} crystals found"
    console.print(table_of(title, _HEADINGS, [_cells(row) for row in rows]), "")
    for row in rows:
        if row.explanation:
            sentence = f"{row.name}: {row.explanation}"
            console.print(escape(sentence), highlight=False, soft_wrap=True)
    shown = escape(str(output))
    console.print(
        f"\nwrote benchmark.csv and benchmark.json, and a search for each crystal, to "
        f"{shown}\nnext: csp show {shown}/{escape(rows[0].name)}/run",
        soft_wrap=True,
    )


def _cells(row: "csp.benchmark.rows.Row") -> tuple[str, ...]:
    relaxed = row.relaxed
    matched = f"{row.molecules_matched}/{row.molecules_compared}"
    return (
        row.name,
        {"found": "yes", "not found": "no", "failed": "failed"}[row.outcome],
        _number(row.rank, "d"),
        _number(row.relative_energy_kj_per_mol, ".2f"),
        "" if row.molecules_matched is None else matched,
        _number(row.rmsd_angstrom, ".3f"),
        _number(row.n_minima, "d"),
        _number(row.completeness, ".0%"),
        _number(relaxed.rmsd_angstrom if relaxed else None, ".3f"),
        _number(relaxed.relative_energy_kj_per_mol if relaxed else None, ".2f"),
        _number(row.cpu_seconds, ".0f"),
    )


def _number(value: int | float | None, style: str) -> str:
    return "" if value is None else format(value, style)
