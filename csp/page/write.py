"""The report page of a folder, written whole or not at all."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from csp.comparison.symmetry import find_symmetry
from csp.comparison.writing import cif_text
from csp.crystal import Crystal
from csp.files import write_atomically
from csp.page.data import ReportData
from csp.page.reading import OBSERVED, read_report
from csp.page.render import html
from csp.records import Progress

PAGE = "report.html"


def write_page(
    folder: Path,
    observed: Sequence[Path],
    progress: Progress,
    output: Path | None = None,
) -> ReportData:
    """Write ``report.html`` of a finished run.

    Args:
        folder: Output folder of the run.
        observed: CIF files of observed forms; those of the folder if there are none.
        progress: Told of the slow parts.
        output: File to write instead.

    Returns:
        What the page shows.

    Raises:
        InputError: As :func:`csp.page.reading.read_report`, or if it cannot be written.
    """
    data = read_report(folder, observed, progress)
    write_atomically(output or folder / PAGE, html(data))
    return data


def write_observed(folder: Path, observed: Mapping[str, Crystal]) -> None:
    """Keep the observed forms of a run beside its landscape; older ones are removed."""
    texts = {
        re.sub(r"[^\w.-]+", "_", name).strip(".") or "form": cif_text(
            find_symmetry(crystal), name
        )
        for name, crystal in observed.items()
    }
    for path in (folder / OBSERVED).glob("*.cif"):
        if path.stem not in texts:
            path.unlink()
    for name, text in texts.items():
        write_atomically(folder / OBSERVED / f"{name}.cif", text)
