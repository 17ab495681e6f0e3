"""A DMACRYS case as a crystal of rigid bodies."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers as numbers_of_symbols

from csp.arrays import AtomicNumbers, Cell, FractionalPositions, Moments
from csp.comparison.molecules import periodic_bonds, unbroken
from csp.errors import InputError
from csp.geometry import centre_of
from csp.lattice.case_file import (
    CaseCrystal,
    CaseFile,
    CaseSettings,
    CaseSite,
    cell_of,
    read_case_file,
)
from csp.lattice.case_symmetry import Part, packed
from csp.lattice.crystal_input import BodyAtoms, CrystalInput, unrepelled_pairs
from csp.lattice.frames import frame_of
from csp.lattice.pair_rows import PairRows, pair_rows
from csp.potentials.bodies import Body
from csp.potentials.exp6 import ParameterSet
from csp.potentials.rigid_crystal import RigidCrystal, inverted
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import N_MOMENTS, powers_of
from csp.units import ANGSTROM_PER_BOHR

_ENERGY_WIDTH = 0.5
_MINIMUM_WIDTH = 2.0
"""Å; over which higher multipoles end, in an energy and in a minimisation."""
_SHARP_SITES, _SHARP_MOLECULES = 0.5, 0.001
"""Å; the least widths of a switch, for sums that DMACRYS ends abruptly."""
EWALD_ACCURACY = 1e-9


def read_case(path: Path, pressure_gpa: float = 0.0) -> CrystalInput:
    """Read a DMACRYS case.

    Raises:
        InputError: If it is no case, or its parts do not belong together.
    """
    case = read_case_file(path)
    numbers, fractional, cell = _atoms(case.crystal, path)
    members = _molecules(numbers, fractional, cell, path)
    if len(case.molecule.sites) != len(numbers):
        raise InputError(
            f"{path} has {len(numbers)} atoms but {len(case.molecule.sites)} sites: "
            "give one site for each atom, molecule by molecule"
        )
    parts, scales = _placed(case, members, (numbers, fractional), cell)
    crystal, n_units, notes = packed(case, parts, cell)
    rows = _rows(case, crystal, members, numbers)
    types = [kind for body in crystal.bodies for kind in body.types]
    notes = [*notes, *_scale_notes(scales), *_row_notes(case, rows)]
    settings, smooth = case_settings(case.settings, pressure_gpa)
    return CrystalInput(
        name=case.title,
        crystal=crystal,
        atoms=tuple(atoms for _, atoms, _, _ in parts),
        parameters=ParameterSet("of the case", str(path), 0.0, {}, rows.pairs),
        settings=settings,
        smooth=smooth,
        force_field="of the case",
        n_formula_units=n_units,
        unrepelled=unrepelled_pairs(types, rows.pairs),
        has_doubtful_axes=any(scale != 1.0 for scale in scales),
        notes=tuple(notes),
    )


def case_settings(
    given: CaseSettings, pressure_gpa: float
) -> tuple[PotentialSettings, PotentialSettings]:
    """The sums that come nearest to DMACRYS's: of an energy and of a minimisation.

    Without a spline DMACRYS ends repulsion and dispersion at the cutoff, site by site,
    and the higher multipoles there too, whole molecules by the distance of their
    centres of mass: that is our rule with the narrowest switch (KAXXAI without a
    spline: charges, dipoles and higher multipoles to 0.0003 kJ/mol, each).

    With a spline repulsion and dispersion go to zero site by site over its width beyond
    the cutoff: within 0.02 kJ/mol in the cases that have all parameters. Higher
    multipoles then have more neighbours, by a rule that we do not know; of the ends
    tried, the end of the spline, over 0.5 Å, is nearest to the suite: within
    0.15 kJ/mol, but 0.3 and 0.5 kJ/mol for two halobenzenes, which no end brings
    nearer.

    A minimisation ends higher multipoles over 2 Å, which it follows without noise; the
    minima have DMACRYS's cells within 0.5 %. Charges and dipoles: Ewald sums always.

    Args:
        given: Of the case.
        pressure_gpa: External pressure, GPa.
    """
    cutoff = given.repulsion_dispersion_cutoff_angstrom
    if given.spline is None:
        end, width = cutoff + 0.5 * _SHARP_SITES, _SHARP_SITES
        reach, switch = cutoff + 0.5 * _SHARP_MOLECULES, _SHARP_MOLECULES
        wide_reach = cutoff + 0.5 * _MINIMUM_WIDTH
    else:
        end, width = cutoff + given.spline.width, given.spline.width
        reach = wide_reach = cutoff + given.spline.width
        switch = _ENERGY_WIDTH
    sharp = PotentialSettings(
        cutoff=end,
        switch_width=width,
        tail_correction=False,
        multipole_cutoff=reach,
        multipole_switch_width=switch,
        pressure_gpa=pressure_gpa,
        ewald_accuracy=EWALD_ACCURACY,
    )
    wider = {
        "multipole_cutoff": wide_reach,
        "multipole_switch_width": _MINIMUM_WIDTH,
    }
    return sharp, sharp.model_copy(update=wider)


def _atoms(
    crystal: CaseCrystal, path: Path
) -> tuple[AtomicNumbers, FractionalPositions, Cell]:
    unknown = {atom.element for atom in crystal.atoms} - numbers_of_symbols.keys()
    if unknown:
        raise InputError(
            f"{path}: {', '.join(sorted(unknown))} is no chemical element: correct "
            "crystal.atoms"
        )
    numbers = [numbers_of_symbols[atom.element] for atom in crystal.atoms]
    positions = np.array([atom.frac_xyz for atom in crystal.atoms])
    return np.array(numbers), positions, cell_of(crystal.cell, path)


def _molecules(
    numbers: AtomicNumbers, fractional: FractionalPositions, cell: Cell, path: Path
) -> list[np.ndarray]:
    """The atoms of each molecule; ``fractional`` is made whole in place."""
    try:
        links = periodic_bonds(cell, numbers, fractional)
        molecules, shifts = unbroken(len(numbers), links)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    fractional += shifts
    return molecules


def _placed(
    case: CaseFile,
    members: Sequence[np.ndarray],
    atoms: tuple[AtomicNumbers, FractionalPositions],
    cell: Cell,
) -> tuple[list[Part], list[float]]:
    """The bodies of the asymmetric unit, and the scales of their frames."""
    numbers, fractional = atoms
    parts, scales, start = [], [], 0
    for k, own in enumerate(members):
        sites = case.molecule.sites[start : start + len(own)]
        start += len(own)
        part, scale = _part(
            sites, numbers[own], fractional[own] @ cell, f"molecule {k + 1}"
        )
        parts.append((part[0], part[1], part[2] @ np.linalg.inv(cell), part[3]))
        scales.append(scale)
    return parts, scales


def _part(
    sites: Sequence[CaseSite], numbers: AtomicNumbers, atoms: np.ndarray, name: str
) -> tuple[Part, float]:
    """One body with its Cartesian centre."""
    points = np.array([site.position_bohr for site in sites]) * ANGSTROM_PER_BOHR
    frame = frame_of(points, atoms, numbers, name)
    own = BodyAtoms(numbers, atoms)
    centre = centre_of(atoms, own.masses)
    turn = frame.orthogonal
    body = Body(
        tuple(site.type_name for site in sites),
        frame.scale * points + (frame.translation - centre) @ turn,
        _moments(sites),
    )
    if np.linalg.det(turn) < 0.0:
        body, turn = inverted(body), -turn
    inside = BodyAtoms(numbers, (atoms - centre) @ turn)
    return (body, inside, centre, turn), frame.scale


def _moments(sites: Sequence[CaseSite]) -> Moments:
    """Moments in e Å^l; ranks that are not given are zero."""
    moments = np.zeros((len(sites), N_MOMENTS))
    for row, site in zip(moments, sites, strict=True):
        row[: len(site.multipoles.components)] = site.multipoles.components
    return np.asarray(moments * powers_of(ANGSTROM_PER_BOHR))


def _rows(
    case: CaseFile,
    crystal: RigidCrystal,
    members: Sequence[np.ndarray],
    numbers: AtomicNumbers,
) -> PairRows:
    """Parameters of all types; the element of a type is that of its atoms."""
    symbols = {number: symbol for symbol, number in numbers_of_symbols.items()}
    elements = {
        kind: symbols[int(number)]
        for body, own in zip(crystal.bodies, members, strict=True)
        for kind, number in zip(body.types, numbers[own], strict=True)
    }
    return pair_rows(elements, case.potentials.pairs)


def _scale_notes(scales: Sequence[float]) -> list[str]:
    return [
        f"the sites of molecule {k + 1} are not in bohr and are scaled by {scale:.4f} "
        "to fit the crystal's atoms; if they are not in the axes of the multipoles "
        "either, only charge–charge, repulsion and dispersion are right"
        for k, scale in enumerate(scales)
        if scale != 1.0
    ]


def _row_notes(case: CaseFile, rows: PairRows) -> list[str]:
    notes = []
    if rows.borrowed:
        notes.append(
            f"{', '.join(rows.borrowed)}: no exp-6 rows, published parameters and "
            "combining rules are used"
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
    if case.potentials.aniso_pairs:
        pairs = [f"{pair.type1}–{pair.type2}" for pair in case.potentials.aniso_pairs]
        notes.append(
            f"the anisotropic repulsion of {', '.join(pairs)} is not part of the model "
            "and left out"
        )
    return notes


def is_case(path: Path) -> bool:
    """Whether a file name is that of a DMACRYS case rather than of a CIF file."""
    return path.suffix.lower() == ".json"
