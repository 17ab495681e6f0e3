"""From the path of a file to a crystal that is ready for its energy."""

from pathlib import Path
from typing import NamedTuple

from csp.conformers.calculations import Calculations
from csp.errors import InputError
from csp.lattice.case import read_case
from csp.lattice.charges import read_charges
from csp.lattice.cif import read_cif
from csp.lattice.crystal_input import CrystalInput
from csp.lattice.force_fields import force_field_of
from csp.potentials.exp6 import ForceFieldName
from csp.potentials.settings import PotentialSettings
from csp.records import Progress

LOWEST_PRESSURE, HIGHEST_PRESSURE = -1.0, 100.0
"""GPa."""


class Wishes(NamedTuple):
    """What the user may say besides the file.

    Attributes:
        force_field: Name of an exp-6 set or path of a table; None for the default.
        pressure_gpa: External pressure, GPa.
        charges: Texts like ``C2H8NO=1``.
    """

    force_field: str | None = None
    pressure_gpa: float = 0.0
    charges: tuple[str, ...] = ()


def open_crystal(
    path: Path, wishes: Wishes, cache_folder: Path, progress: Progress
) -> CrystalInput:
    """Read a CIF file or a DMACRYS case; multipoles of a CIF file are computed.

    Raises:
        InputError: If the file or a wish is wrong.
    """
    if not LOWEST_PRESSURE <= wishes.pressure_gpa <= HIGHEST_PRESSURE:
        raise InputError(
            f"--pressure must lie between {LOWEST_PRESSURE:g} and {HIGHEST_PRESSURE:g} "
            f"GPa, got {wishes.pressure_gpa:g}"
        )
    match path.suffix.lower():
        case ".json":
            if wishes.force_field is not None or wishes.charges:
                raise InputError(
                    f"{path} is a DMACRYS case with a force field and charges of its "
                    "own: leave out --force-field and --charge"
                )
            return read_case(path, wishes.pressure_gpa)
        case ".cif":
            settings = PotentialSettings(pressure_gpa=wishes.pressure_gpa)
            name = wishes.force_field or ForceFieldName.REVISED_W99.value
            return read_cif(
                path,
                force_field_of(name),
                settings,
                read_charges(wishes.charges),
                (Calculations(cache_folder), progress),
            )
        case _:
            raise InputError(
                f"{path} is neither a .cif file nor a DMACRYS case (.json): give one "
                "of them"
            )
