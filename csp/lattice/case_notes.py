"""What was assumed of a DMACRYS case, one sentence each."""

from collections.abc import Mapping, Sequence

from csp.lattice.case_file import CaseSite
from csp.lattice.local_axes import Axes
from csp.lattice.pair_rows import PairRows


def scale_notes(scales: Mapping[int, float], *, are_axes_found: bool) -> list[str]:
    """Which molecules are not in bohr."""
    doubt = (
        ""
        if are_axes_found
        else "; if they are not in the axes of the multipoles either, only "
        "charge–charge, repulsion and dispersion are right"
    )
    return [
        f"the sites of molecule {body + 1} are not in bohr and are scaled by "
        f"{scale:.4f} to fit the crystal's atoms{doubt}"
        for body, scale in scales.items()
    ]


def local_axis_notes(
    found: Mapping[int, Axes], sites: Mapping[int, Sequence[CaseSite]], error: float
) -> list[str]:
    """Which axes of multipoles were found by the file's energies."""
    notes = []
    for body, axes in found.items():
        first, second, third = (sites[body][k].label for k in axes.atoms)
        notes.append(
            f"the multipoles of molecule {body + 1} are in axes that the file does not "
            f"give: X along {first} → {second}, Y away from {third} are the only ones "
            "along bonds with the file's charge–dipole and dipole–dipole energies "
            f"(within {error:.3f} kJ/mol)"
        )
    return notes


def axis_notes(wrong: Sequence[str]) -> list[str]:
    """Which axes of anisotropic repulsion were not taken from the file."""
    if not wrong:
        return []
    return [
        f"the axes of {', '.join(wrong)} are not along their bonds: the bonds are taken"
    ]


def row_notes(rows: PairRows) -> list[str]:
    """Where exp-6 parameters come from that the file lacks."""
    notes = []
    if rows.borrowed:
        source = rows.source or "published parameters and combining rules"
        notes.append(
            f"{', '.join(rows.borrowed)}: no exp-6 rows that name them, {source} used"
        )
    if rows.unclear:
        notes.append(
            f"{', '.join(rows.unclear)}: the exp-6 rows name elements only and do not "
            "say which type is which, repulsion and dispersion of these sites are left "
            "out"
        )
    if rows.missing:
        notes.append(
            f"{', '.join(rows.missing)}: no exp-6 parameters, repulsion and dispersion "
            "of these sites are left out"
        )
    return notes
