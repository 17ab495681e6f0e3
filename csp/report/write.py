"""All output files of a run, each whole or absent."""

from collections.abc import Sequence
from pathlib import Path

from csp.files import write_atomically
from csp.landscape import Landscape
from csp.report.completeness_figure import completeness_png
from csp.report.completeness_table import completeness_csv
from csp.report.export import write_cifs, write_database
from csp.report.figure import landscape_png
from csp.report.summary import Background, report_markdown
from csp.report.tables import LandscapeRow, csv_text, landscape_rows


def write_outputs(
    folder: Path, landscape: Landscape, background: Background
) -> Sequence[LandscapeRow]:
    """Write the CSV, the database, the CIFs, the picture and the report.

    Returns:
        The rows of the CSV.
    """
    rows = landscape_rows(landscape)
    write_atomically(folder / "landscape.csv", csv_text(rows))
    write_database(folder / "landscape.db", landscape, rows)
    write_cifs(folder / "structures", landscape)
    title = f"{background.name}: {len(rows)} minima, {background.force_field}"
    write_atomically(folder / "landscape.png", landscape_png(rows, title))
    curves = completeness_png(
        landscape.accumulation, f"{background.name}: minima found"
    )
    write_atomically(folder / "completeness.png", curves)
    write_atomically(
        folder / "completeness.csv", completeness_csv(landscape.accumulation)
    )
    write_atomically(folder / "report.md", report_markdown(landscape, rows, background))
    return rows
