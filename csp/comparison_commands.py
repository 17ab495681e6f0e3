"""The commands that compare crystals: ``csp compare`` and ``csp match``."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from csp.errors import InputError
from csp.terminal import console, explained, table_of

if TYPE_CHECKING:
    import csp.comparison.overlay
    import csp.comparison.sameness

MOST_MOLECULES = 100
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
CifFile = Annotated[Path, typer.Argument(help="A CIF file of one crystal.")]
N_Molecules = Annotated[
    int,
    typer.Option(
        "--molecules",
        metavar="N",
        help="Molecules in the clusters that are overlaid.",
    ),
]


def compare(  # noqa: PLR0913 - every option is an argument
    first: CifFile,
    second: CifFile,
    molecules: N_Molecules = 15,
    distance_tolerance: Annotated[
        float,
        typer.Option(
            metavar="PERCENT",
            help="Largest difference of a distance from the central molecule.",
        ),
    ] = 20.0,
    angle_tolerance: Annotated[
        float,
        typer.Option(
            metavar="DEGREES", help="Largest difference of a direction from it."
        ),
    ] = 20.0,
    *,
    hydrogens: Annotated[
        bool, typer.Option("--hydrogens", help="Hydrogens must match, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Whether two crystals are the same: the overlay of a cluster of molecules.

    A cluster around every distinct molecule of either crystal is sought in the other,
    and the worst outcome counts, so that it does not matter which file is the first.
    Crystals are the same if all molecules match; RMSD is then over their atoms other
    than hydrogen. Mirror images are the same. Cells are not scaled. The tolerances are
    the ones usual for measured structures, 20 % and 20 degrees; between a structure
    computed without thermal expansion and a measured one 25 to 35 are usual.

    The powder similarity (Cu, 5 to 50 degrees, shifts up to 2 degrees tolerated) is 1
    for equal patterns, the AMD distance (average minimum distances) 0 for equal
    crystals.
    """
    with explained():
        from csp.comparison.reading import read_crystal
        from csp.comparison.sameness import Criteria, compare_crystals

        criteria = Criteria(
            _checked_number(molecules),
            _tolerances(distance_tolerance, angle_tolerance),
            hydrogens,
        )
        crystals = [
            read_crystal(file, needs_hydrogens=False) for file in (first, second)
        ]
        found = compare_crystals(*crystals, criteria)
        report = _comparison_report(found, criteria)
        if as_json:
            typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
            return
        _tell_comparison(f"{first} and {second}", found, criteria)


def _checked_number(n_molecules: int) -> int:
    if not 2 <= n_molecules <= MOST_MOLECULES:  # noqa: PLR2004
        raise InputError(
            f"--molecules must lie between 2 and {MOST_MOLECULES}, got {n_molecules}"
        )
    return n_molecules


def _tolerances(
    distance_percent: float, angle: float
) -> "csp.comparison.overlay.Tolerances":
    from csp.comparison.overlay import RIGHT_ANGLE, Tolerances

    if not 0.0 < distance_percent < 100.0:  # noqa: PLR2004
        raise InputError(
            "--distance-tolerance must lie between 0 and 100 %, got "
            f"{distance_percent:g}"
        )
    if not 0.0 < angle <= RIGHT_ANGLE:
        raise InputError(
            f"--angle-tolerance must lie between 0 and 90 degrees, got {angle:g}"
        )
    return Tolerances(distance_percent / 100.0, angle)


def _finite(value: float) -> float | None:
    """A number, or nothing where there is none."""
    return value if math.isfinite(value) else None


def _comparison_report(
    found: "csp.comparison.sameness.Sameness",
    criteria: "csp.comparison.sameness.Criteria",
) -> dict[str, Any]:
    return {
        "molecules_matched": found.packing.n_matched,
        "molecules_compared": found.packing.n_compared,
        "rmsd_angstrom": _finite(found.packing.rmsd),
        "same": found.packing.same,
        "powder_similarity": found.powder_similarity,
        "amd_angstrom": found.amd,
        "distance_tolerance_percent": 100.0 * criteria.tolerances.distance,
        "angle_tolerance_degrees": criteria.tolerances.angle,
        "hydrogens": criteria.hydrogens,
        "notes": list(found.notes),
    }


def _tell_comparison(
    names: str,
    found: "csp.comparison.sameness.Sameness",
    criteria: "csp.comparison.sameness.Criteria",
) -> None:
    """The comparison on the terminal."""
    packing, tolerances = found.packing, criteria.tolerances
    rmsd = _finite(packing.rmsd)
    rows = [
        ("molecules matched", f"{packing.n_matched} of {packing.n_compared}"),
        (f"RMSD of {packing.n_matched}", "-" if rmsd is None else f"{rmsd:.3f} Å"),
        ("same crystal", "yes" if packing.same else "no"),
        ("powder similarity", f"{found.powder_similarity:.4f}"),
        ("AMD distance", "-" if found.amd is None else f"{found.amd:.3f} Å"),
        (
            "tolerances",
            f"{100.0 * tolerances.distance:g} %, {tolerances.angle:g}°, hydrogens "
            + ("compared" if criteria.hydrogens else "ignored"),
        ),
    ]
    console.print(escape(names), soft_wrap=True)
    console.print(table_of("", ("", ""), rows))
    for note in found.notes:
        console.print(escape(note), soft_wrap=True)
