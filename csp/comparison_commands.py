"""The commands that compare crystals: ``csp compare`` and ``csp match``."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from csp.errors import InputError
from csp.terminal import console, explained, hearing, progress_bars, table_of

if TYPE_CHECKING:
    import csp.comparison.overlay
    import csp.comparison.sameness
    import csp.comparison.screening
    import csp.report.tables

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

DistanceTolerance = Annotated[
    float,
    typer.Option(
        metavar="PERCENT",
        help="Largest difference of a distance from the central molecule.",
    ),
]
AngleTolerance = Annotated[
    float,
    typer.Option(metavar="DEGREES", help="Largest difference of a direction from it."),
]


def compare(  # noqa: PLR0913 - every option is an argument
    first: CifFile,
    second: CifFile,
    molecules: N_Molecules = 15,
    distance_tolerance: DistanceTolerance = 20.0,
    angle_tolerance: AngleTolerance = 20.0,
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
        found = compare_crystals(
            read_crystal(first, needs_hydrogens=False),
            read_crystal(second, needs_hydrogens=False),
            criteria,
        )
        report = _comparison_report(found, criteria)
        if as_json:
            typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
            return
        _tell_comparison(f"{first} and {second}", found, criteria)


def match(  # noqa: PLR0913 - every option is an argument
    folder: Annotated[Path, typer.Argument(help="Output folder of a finished run.")],
    observed: Annotated[
        list[Path], typer.Argument(help="CIF files of observed crystals.")
    ],
    molecules: N_Molecules = 15,
    distance_tolerance: DistanceTolerance = 25.0,
    angle_tolerance: AngleTolerance = 25.0,
    *,
    exhaustive: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Overlay every structure, not only the 200 that are most like the "
            "observed one by scaled average minimum distances.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Where observed crystals are in a finished landscape.

    The structure with most molecules that match, and of these the smallest RMSD over
    atoms other than hydrogen. The crystal is found if all molecules match; otherwise
    the nearest structure is shown. Energies are in kJ/mol per formula unit above the
    lowest.
    """
    with explained():
        from csp.comparison.reading import read_crystal
        from csp.comparison.sameness import Criteria
        from csp.comparison.screening import MOST_OVERLAID, Atoms, nearest_structures
        from csp.report.folder import read_landscape

        criteria = Criteria(
            _checked_number(molecules),
            _tolerances(distance_tolerance, angle_tolerance),
        )
        crystals = [
            (str(file), read_crystal(file, needs_hydrogens=False)) for file in observed
        ]
        stored = read_landscape(folder)
        with progress_bars() as progress:
            found = nearest_structures(
                [Atoms(*structure[1:]) for structure in stored],
                crystals,
                criteria,
                len(stored) if exhaustive else MOST_OVERLAID,
                hearing(progress),
            )
        matches = [
            _match_report(file, stored[nearest.index].row, nearest)
            for (file, _), nearest in zip(crystals, found, strict=True)
        ]
        if as_json:
            report = {
                "n_structures": len(stored),
                **_criteria_report(criteria),
                "matches": matches,
            }
            typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
            return
        rows = [_match_cells(match) for match in matches]
        title = f"{len(stored)} structures in {folder}"
        console.print(table_of(title, _MATCH_HEADINGS, rows))


_MATCH_HEADINGS = (
    "observed",
    "",
    "rank",
    "space\ngroup",
    "above lowest\nkJ/mol",
    "molecules\nmatched",
    "RMSD\nÅ",
    "times\nfound",
)


def _match_report(
    file: str,
    row: "csp.report.tables.LandscapeRow",
    nearest: "csp.comparison.screening.Nearest",
) -> dict[str, Any]:
    return {
        "observed": file,
        "found": nearest.packing.same,
        "rank": row.rank,
        "id": row.id,
        "space_group": row.space_group,
        "relative_energy_kj_per_mol": row.relative_energy_kj_per_mol,
        "molecules_matched": nearest.packing.n_matched,
        "molecules_compared": nearest.packing.n_compared,
        "rmsd_angstrom": _finite(nearest.packing.rmsd),
        "times_found": row.times_found,
        "n_overlaid": nearest.n_overlaid,
    }


def _match_cells(match: dict[str, Any]) -> tuple[str, ...]:
    rmsd = match["rmsd_angstrom"]
    return (
        Path(match["observed"]).name,
        "found" if match["found"] else "not found, nearest:",
        str(match["rank"]),
        match["space_group"],
        f"{match['relative_energy_kj_per_mol']:.2f}",
        f"{match['molecules_matched']} of {match['molecules_compared']}",
        "-" if rmsd is None else f"{rmsd:.3f}",
        str(match["times_found"]),
    )


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
        **_criteria_report(criteria),
        "hydrogens": criteria.hydrogens,
        "notes": list(found.notes),
    }


def _criteria_report(criteria: "csp.comparison.sameness.Criteria") -> dict[str, Any]:
    return {
        "distance_tolerance_percent": 100.0 * criteria.tolerances.distance,
        "angle_tolerance_degrees": criteria.tolerances.angle,
    }


def _tell_comparison(
    names: str,
    found: "csp.comparison.sameness.Sameness",
    criteria: "csp.comparison.sameness.Criteria",
) -> None:
    """The comparison on the terminal."""
    packing, tolerances = found.packing, criteria.tolerances
    rmsd = _finite(packing.rmsd)
    rows: list[tuple[str, ...]] = [
        ("molecules matched", f"{packing.n_matched} of {packing.n_compared}"),
        (
            f"RMSD of {packing.n_matched}" if packing.n_matched else "RMSD",
            "-" if rmsd is None else f"{rmsd:.3f} Å",
        ),
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
    console.print(table_of("", ("measure", "outcome"), rows))
    for note in found.notes:
        console.print(escape(note), soft_wrap=True)
