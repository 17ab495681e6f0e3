"""All files of a corrected landscape, each whole or absent."""

from pathlib import Path

from csp.corrected.diagnostics import diagnostics_json
from csp.corrected.figure import ranking_png
from csp.corrected.loop import Improved
from csp.corrected.report import curve_of, ranking_markdown
from csp.corrected.tables import RankingRow, csv_text, ranking_rows
from csp.files import write_atomically
from csp.records import Progress

NAMES = ("ranking.csv", "ranking.png", "ranking.md")
DIAGNOSTICS = "ranking.json"


def write_no_ranking(folder: Path, why: str) -> None:
    """Say why there is no ranking; an older one is removed."""
    table, picture, text = (folder / name for name in NAMES)
    table.unlink(missing_ok=True)
    picture.unlink(missing_ok=True)
    (folder / DIAGNOSTICS).unlink(missing_ok=True)
    write_atomically(text, f"# No corrected landscape\n\n{why}\n")


def write_ranking(
    folder: Path, improved: Improved, progress: Progress
) -> list[RankingRow]:
    """Write the table, the picture and the report.

    Returns:
        The rows of the table.
    """
    landscape = improved.landscape
    rows = ranking_rows(landscape)
    curve = curve_of(landscape, progress)
    table, picture, text = (folder / name for name in NAMES)
    write_atomically(table, csv_text(rows))
    n_computed = len(landscape.knowledge[-1].data.rows)
    title = f"{len(rows)} structures, {n_computed} computed"
    write_atomically(picture, ranking_png(landscape, title))
    write_atomically(folder / DIAGNOSTICS, diagnostics_json(improved, curve))
    write_atomically(text, ranking_markdown(landscape, rows, curve, improved.ending))
    return rows
