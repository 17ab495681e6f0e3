"""The files of an export, each whole or absent."""

from pathlib import Path

from csp.errors import InputError
from csp.exports import formats
from csp.exports.figure import FORMATS as FIGURES
from csp.exports.figure import drawn
from csp.exports.selection import Choice, EnergyLevel, chosen, names_of
from csp.files import write_atomically

STRUCTURES = ("cif", "res", "extxyz")
TABLES = ("csv", "xlsx")
FORMATS = (*STRUCTURES, *TABLES)


def write_export(
    folder: Path, file_format: str, choice: Choice, output: Path | None
) -> tuple[Path, int]:
    """Write the structures of a landscape that are wanted.

    Args:
        folder: Output folder of ``csp run``.
        file_format: One of :data:`FORMATS`.
        choice: Which structures.
        output: File to write, or folder for ``res``; beside the landscape if None.

    Returns:
        What was written, and how many structures.

    Raises:
        InputError: If the format is unknown or no structure is chosen.
    """
    if file_format not in FORMATS:
        raise InputError(
            f"--format must be one of {', '.join(FORMATS)}, got {file_format}"
        )
    level, items = chosen(folder, choice)
    if not items:
        raise InputError(f"the landscape in {folder} has no structures to export")
    if file_format == "res":
        target = output or folder / "export_res"
        for name, item in zip(names_of(items, level), items, strict=True):
            write_atomically(target / f"{name}.res", formats.res(item))
        return target, len(items)
    target = output or folder / f"export.{file_format}"
    if file_format == "xlsx":
        write_atomically(
            target, formats.workbook(items, level, {"landscape": str(folder)})
        )
    else:
        write_atomically(target, formats.WRITERS[file_format](items))
    return target, len(items)


def write_figure(folder: Path, target: Path, choice: Choice) -> int:
    """Draw the landscape for print; both levels side by side unless one is wanted.

    Returns:
        How many structures are shown.

    Raises:
        InputError: If the ending of the file names no format, or nothing is chosen.
    """
    file_format = target.suffix.removeprefix(".").lower()
    if file_format not in FIGURES:
        raise InputError(
            f"--figure {target} must end in {', '.join('.' + name for name in FIGURES)}"
        )
    level, items = chosen(folder, choice)
    if not items:
        raise InputError(f"the landscape in {folder} has no structures to draw")
    both = choice.level is None and level is EnergyLevel.CORRECTED
    levels = list(EnergyLevel) if both else [level]
    write_atomically(target, drawn(items, levels, file_format))
    return len(items)
