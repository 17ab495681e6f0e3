"""The landscape as rows: CSV for programs, tables for people."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from csp.errors import InputError
from csp.landscape import Landscape
from csp.spacegroups import symbols

_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


@dataclass(frozen=True, slots=True)
class LandscapeRow:
    """One structure as it stands in ``landscape.csv``; the names carry the units."""

    rank: int
    id: str
    space_group: str
    z_prime: float
    lattice_energy_kj_per_mol: float
    relative_energy_kj_per_mol: float
    density_g_per_cm3: float
    cell: str
    times_found: int
    conformer: str
    observed_form: str


def landscape_rows(landscape: Landscape) -> list[LandscapeRow]:
    """The structures in the order of their energy; rank 1 is the lowest."""
    return [
        LandscapeRow(
            rank=rank,
            id=minimum.identity,
            space_group=minimum.symbol.translate(_SUBSCRIPTS),
            z_prime=round(minimum.z_prime, 6),
            lattice_energy_kj_per_mol=round(minimum.lattice_energy, 4),
            relative_energy_kj_per_mol=round(landscape.relative_energy(minimum), 4),
            density_g_per_cm3=round(minimum.density, 4),
            cell=" ".join(f"{value:.3f}" for value in minimum.cell),
            times_found=minimum.times_found,
            conformer="+".join(minimum.conformers),
            observed_form=minimum.observed_form,
        )
        for rank, minimum in enumerate(landscape.minima, start=1)
    ]


def printed_symbols() -> dict[str, str]:
    """Space groups as they are printed, with subscripts, by how tables write them."""
    return {symbol.translate(_SUBSCRIPTS): symbol for symbol in symbols().values()}


def csv_text(rows: Sequence[LandscapeRow]) -> str:
    """The rows as CSV with a header."""
    stream = io.StringIO()
    names = [field.name for field in fields(LandscapeRow)]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return stream.getvalue()


def read_csv(path: Path) -> list[LandscapeRow]:
    """The rows of a ``landscape.csv``.

    Raises:
        InputError: If there is none, or it was not written by this program.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            f"there is no landscape in {path.parent} ({path.name}: {error.strerror}): "
            "make one with csp run FILE --output DIR"
        ) from error
    kinds = {field.name: field.type for field in fields(LandscapeRow)}
    reader = csv.DictReader(io.StringIO(text), restval="")
    if reader.fieldnames != list(kinds):
        raise _foreign(path, reader.line_num, "other columns")
    rows = []
    for row in reader:
        try:
            values = {name: _parsed(row[name], kind) for name, kind in kinds.items()}
        except ValueError as error:
            raise _foreign(path, reader.line_num, str(error)) from error
        rows.append(LandscapeRow(**values))  # type: ignore[arg-type]
    return rows


def _foreign(path: Path, line: int, why: str) -> InputError:
    return InputError(
        f"{path} is not a landscape, see line {line} ({why}): make it again with csp "
        "run"
    )


def _parsed(text: str, kind: object) -> int | float | str:
    if kind is int:
        return int(text)
    return float(text) if kind is float else text


_HEADINGS = (
    "rank",
    "space group",
    "Z′",
    "lattice energy kJ/mol",
    "above lowest kJ/mol",
    "density g/cm³",
    "cell Å, °",
    "times found",
    "conformer",
    "observed form",
)
_SHORT = (
    ("\nrank", 4),
    ("space\ngroup", 7),
    ("\nZ′", 4),
    ("energy\nkJ/mol", 7),
    ("density\ng/cm³", 7),
    ("\ncell, Å and °", 29),
    ("times\nfound", 5),
    ("observed\nform", 8),
)
"""Headings in the terminal and the least width of their columns, 80 together."""


def _cells(row: LandscapeRow) -> tuple[str, ...]:
    return (
        str(row.rank),
        row.space_group,
        f"{row.z_prime:g}",
        f"{row.lattice_energy_kj_per_mol:.2f}",
        f"{row.relative_energy_kj_per_mol:.2f}",
        f"{row.density_g_per_cm3:.3f}",
        _cell(row),
        str(row.times_found),
        row.conformer,
        row.observed_form,
    )


def _cell(row: LandscapeRow) -> str:
    values = [float(value) for value in row.cell.split()]
    lengths = " ".join(f"{value:.2f}" for value in values[:3])
    return lengths + "  " + " ".join(f"{value:.1f}" for value in values[3:])


def _short_cell(row: LandscapeRow) -> str:
    values = [float(value) for value in row.cell.split()]
    lengths = " ".join(f"{value:5.2f}" for value in values[:3])
    return lengths + " " + " ".join(f"{value:3.0f}" for value in values[3:])


def terminal_table(rows: Sequence[LandscapeRow], title: str) -> Table:
    """The rows as a table of 80 columns for the terminal; observed forms stand out."""
    table = Table(
        title=escape(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0,
    )
    for heading, width in _SHORT:
        is_text = heading.startswith(("space", "\ncell", "observed"))
        table.add_column(
            heading,
            justify="left" if is_text else "right",
            min_width=width,
            no_wrap=not heading.startswith("observed"),
            overflow="fold",
        )
    for row in rows:
        table.add_row(
            str(row.rank),
            row.space_group,
            f"{row.z_prime:g}",
            f"{row.lattice_energy_kj_per_mol:.2f}",
            f"{row.density_g_per_cm3:.3f}",
            _short_cell(row),
            str(row.times_found),
            escape(row.observed_form),
            style="bold green" if row.observed_form else None,
        )
    return table


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def landscape_markdown(rows: Sequence[LandscapeRow]) -> str:
    """The rows as a Markdown table."""
    return markdown_table(_HEADINGS, [_cells(row) for row in rows])
