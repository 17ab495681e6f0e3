"""``csp report``: the landscape of a run as one web page."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from csp.terminal import console, explained, hearing, progress_bars


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Output folder of a finished run.")
    ],
    observed: Annotated[
        list[Path] | None,
        typer.Option(
            "--observed",
            metavar="FORM.cif",
            help="An observed form to compare with; those that the settings of the "
            "run name if left out. May be repeated.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; DIR/report.html."),
    ] = None,
) -> None:
    """Write the report of a run: one HTML file that opens in any browser, offline.

    The landscape of the force field and the corrected one, every structure in 3D with
    its energies, contacts and powder pattern, comparisons, completeness, what the
    correction was learned from, settings, and what was not done. Nothing is computed
    but overlays.
    """
    with explained():
        from csp.page.write import PAGE, write_page

        target = output or folder / PAGE
        with progress_bars() as progress:
            data = write_page(folder, observed or [], hearing(progress), target)
        size = target.stat().st_size / 1e6
        console.print(
            f"wrote {escape(str(target))}: {len(data.structures)} structures, "
            f"{size:.1f} MB\nnext: open it in a browser",
            soft_wrap=True,
        )
