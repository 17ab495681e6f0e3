"""``csp correct``: a landscape re-ranked by a few reference energies."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from csp.terminal import console, explained, hearing, progress_bars

if TYPE_CHECKING:
    from csp.corrected.loop import Improved
    from csp.corrected.tables import RankingRow


def correct(  # noqa: PLR0913 - every option is an argument
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")],
    level: Annotated[
        str | None,
        typer.Option(
            "--level",
            "-l",
            help="Level of theory; if left out, the highest of which energies are "
            "known in DIR, or pbe0-d4.",
        ),
    ] = None,
    levels_file: Annotated[
        Path | None, typer.Option("--levels", help="TOML file with levels of your own.")
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            help="Wall time for reference energies, like 90m or 6h; 0 computes none "
            "and learns from those that are there."
        ),
    ] = "0",
    cores: Annotated[
        int | None, typer.Option(min=1, help="Threads in all; those of the machine.")
    ] = None,
    cores_each: Annotated[
        int, typer.Option(min=1, help="Threads of one calculation.")
    ] = 1,
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, help="How many structures to show.")
    ] = 10,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Correct a landscape: learn the difference to a few reference energies.

    Computes the energies that say most about the ranking for their cost, learns the
    difference to the force field, chooses again, and stops when no structure that was
    not computed is likely to be the lowest, or the budget is spent. Then every
    structure has an energy with an error bar and a probability to be the lowest:
    ranking.csv, ranking.png and ranking.md in DIR, and all of it in report.html.

    May be stopped at any time; nothing computed is lost, and more budget goes on.
    """
    with explained():
        from csp.corrected.knowledge import chain_of, known_level
        from csp.corrected.loop import improved
        from csp.corrected.outputs import write_ranking
        from csp.page.write import write_page
        from csp.reference.campaign import Campaign, Limits, machine_memory
        from csp.reference.levels import level_named, read_levels
        from csp.reference_options import DEFAULT_LEVEL, seconds_of
        from csp.reference_source import open_source

        known = read_levels(levels_file)
        n_cores = cores or os.cpu_count() or 1
        limits = Limits(
            n_cores,
            min(cores_each, n_cores),
            machine_memory(),
            budget_seconds=0.0 if budget == "0" else seconds_of(budget),
        )
        with progress_bars() as progress:
            hear = hearing(progress)
            source = open_source([folder], None, [])
            found_level = None if level else known_level(source, known)
            wanted = chain_of(
                found_level or level_named(level or DEFAULT_LEVEL, known), known
            )
            chain = [
                Campaign(folder, item, known, source.conformers) for item in wanted
            ]
            found = improved(source, chain, limits, hear)
            rows = write_ranking(folder, found, hear)
            write_page(folder, [], hear)
        if as_json:
            console.print_json(_json(found, rows))
            return
        tell_ranking(folder, number)


def tell_ranking(folder: Path, number: int = 10) -> None:
    """The corrected landscape of a folder on the terminal, or why there is none."""
    from csp.corrected.outputs import NAMES
    from csp.corrected.tables import read_ranking

    table, _, text = (folder / name for name in NAMES)
    lines = text.read_text(encoding="utf-8").splitlines()
    if table.exists():
        rows = read_ranking(table)
        shown = [row for i, row in enumerate(rows) if i < number or row.observed_form]
        title = f"{lines[0].removeprefix('# ')}, {len(rows)} structures, kJ/mol"
        console.print(_table(title, shown), "")
        for line in lines:
            if line.startswith("- "):
                console.print(escape(line), soft_wrap=True)
    else:
        console.print(escape(" ".join(lines[2:])), soft_wrap=True)
    console.print(
        f"next: {escape(str(text))}, or more reference energies: csp correct "
        f"{escape(str(folder))} --budget 1h",
        soft_wrap=True,
    )


_HEADINGS = (
    ("\nrank", 4),
    ("\nid", 16),
    ("above\nlowest", 6),
    ("\n± σ", 5),
    ("P(min)\n%", 6),
    ("P(≤2)\n%", 5),
    ("rank\n5–95 %", 8),
    ("force field\nrank, above", 11),
    ("observed\nform", 8),
)
"""Headings in the terminal and the least width of their columns, 80 together."""


def _table(title: str, rows: "list[RankingRow]") -> Table:
    """The rows in 80 columns; computed structures with a dot, observed ones green."""
    table = Table(
        title=escape(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0,
    )
    for heading, width in _HEADINGS:
        is_text = heading.endswith(("id", "form"))
        table.add_column(
            heading,
            justify="left" if is_text else "right",
            min_width=width,
            no_wrap=not heading.endswith("form"),
        )
    for row in rows:
        mark = "?" if row.unlike_all_computed else ""
        table.add_row(
            str(row.rank),
            escape(row.id) + (" •" if row.computed_at else ""),
            f"{row.relative_energy_kj_per_mol:.2f}",
            f"{row.sigma_kj_per_mol:.2f}{mark}",
            f"{100.0 * row.p_global_minimum:.0f}",
            f"{100.0 * row.p_within_2_kj_per_mol:.0f}",
            f"{row.rank_5_percent}–{row.rank_95_percent}",
            f"{row.forcefield_rank}  {row.forcefield_relative_energy_kj_per_mol:+6.2f}",
            escape(row.observed_form),
            style="bold green" if row.observed_form else None,
        )
    return table


def _json(found: "Improved", rows: "list[RankingRow]") -> str:
    from csp.corrected.report import validation_of

    landscape = found.landscape
    levels = [
        {
            "level": item.level,
            "n_computed": len(item.data.rows),
            "cpu_seconds": round(item.cpu_seconds, 1),
            **asdict(validation_of(step)),
        }
        for item, step in zip(
            landscape.knowledge, landscape.correction.steps, strict=True
        )
    ]
    return json.dumps(
        {
            "levels": levels,
            "check": asdict(landscape.check),
            "ending": found.ending,
            "structures": [asdict(row) for row in rows],
        }
    )
