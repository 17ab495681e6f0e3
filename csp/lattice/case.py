"""A DMACRYS case as a crystal of rigid bodies."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers as numbers_of_symbols

from csp.arrays import AtomicNumbers, Cell, FractionalPositions, Moments
from csp.comparison.molecules import periodic_bonds, unbroken
from csp.errors import InputError
from csp.geometry import centre_of
from csp.lattice.anisotropy import axes_of, turning_types, with_anisotropy
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
from csp.potentials.rigid_crystal import inverted
from csp.potentials.settings import PotentialSettings, SplinedSettings
from csp.potentials.solid_harmonics import N_MOMENTS, powers_of
from csp.units import ANGSTROM_PER_BOHR

_MINIMUM_WIDTH = 2.0
"""Å; over which higher multipoles end in a minimisation without a spline."""
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
    rows = _rows(case, members, numbers)
    pairs, turning = with_anisotropy(rows.pairs, case.potentials.aniso_pairs)
    turning |= rows.anisotropy
    parts, scales, wrong = _placed(
        case, members, (numbers, fractional), cell, turning_types(turning)
    )
    crystal, n_units, notes = packed(case, parts, cell)
    types = [kind for body in crystal.bodies for kind in body.types]
    notes = [*notes, *_scale_notes(scales), *_row_notes(rows), *_axis_notes(wrong)]
    settings, smooth = case_settings(case.settings, pressure_gpa)
    return CrystalInput(
        name=case.title,
        crystal=crystal,
        atoms=tuple(atoms for _, atoms, _, _ in parts),
        parameters=ParameterSet("of the case", str(path), 0.0, {}, pairs, turning),
        settings=settings,
        smooth=smooth,
        force_field="of the case",
        n_formula_units=n_units,
        unrepelled=unrepelled_pairs(types, pairs),
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

    With a spline repulsion, dispersion and higher multipoles all go to zero site by
    site, as a cubic over its width beyond the cutoff, whatever the distance of the
    molecules: 0.003 kJ/mol in all cases of the suite that were tried. A minimisation
    follows that without noise.

    A minimisation without a spline ends higher multipoles over 2 Å. Charges and dipoles:
    Ewald sums always.

    Args:
        given: Of the case.
        pressure_gpa: External pressure, GPa.
    """
    cutoff = given.repulsion_dispersion_cutoff_angstrom
    if given.spline is not None:
        splined = SplinedSettings(
            cutoff=cutoff + given.spline.width,
            switch_width=given.spline.width,
            tail_correction=False,
            pressure_gpa=pressure_gpa,
            ewald_accuracy=EWALD_ACCURACY,
        )
        return splined, splined
    sharp = PotentialSettings(
        cutoff=cutoff + 0.5 * _SHARP_SITES,
        switch_width=_SHARP_SITES,
        tail_correction=False,
        multipole_cutoff=cutoff + 0.5 * _SHARP_MOLECULES,
        multipole_switch_width=_SHARP_MOLECULES,
        pressure_gpa=pressure_gpa,
        ewald_accuracy=EWALD_ACCURACY,
    )
    wider = {
        "multipole_cutoff": cutoff + 0.5 * _MINIMUM_WIDTH,
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
    turning: frozenset[str],
) -> tuple[list[Part], list[float], list[str]]:
    """The bodies of the asymmetric unit, the scales of their frames, wrong axes."""
    numbers, fractional = atoms
    parts: list[Part] = []
    scales: list[float] = []
    wrong: list[str] = []
    start = 0
    for k, own in enumerate(members):
        sites = case.molecule.sites[start : start + len(own)]
        start += len(own)
        name = f"molecule {k + 1}"
        place = fractional[own] @ cell
        part, scale, off = _part(sites, numbers[own], place, (name, turning))
        parts.append((part[0], part[1], part[2] @ np.linalg.inv(cell), part[3]))
        scales.append(scale)
        wrong += [f"{site} of {name}" for site in off]
    return parts, scales, wrong


def _part(
    sites: Sequence[CaseSite],
    numbers: AtomicNumbers,
    atoms: np.ndarray,
    about: tuple[str, frozenset[str]],
) -> tuple[Part, float, tuple[str, ...]]:
    """One body with its Cartesian centre.

    Args:
        sites: Its sites in the file.
        numbers: Of its atoms.
        atoms: Where they are in the crystal, Å.
        about: Its name, and the types of sites that need axes.

    Returns:
        The body, the scale of its frame, and sites whose axes are wrong in the file.
    """
    name, turning = about
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
    wrong: tuple[str, ...] = ()
    if turning & set(body.types):
        axes, wrong = axes_of(sites, numbers, body.sites, turning, name)
        body = replace(body, axes=axes)
    if np.linalg.det(turn) < 0.0:
        body, turn = inverted(body), -turn
    inside = BodyAtoms(numbers, (atoms - centre) @ turn)
    return (body, inside, centre, turn), frame.scale, wrong


def _moments(sites: Sequence[CaseSite]) -> Moments:
    """Moments in e Å^l; ranks that are not given are zero."""
    moments = np.zeros((len(sites), N_MOMENTS))
    for row, site in zip(moments, sites, strict=True):
        row[: len(site.multipoles.components)] = site.multipoles.components
    return np.asarray(moments * powers_of(ANGSTROM_PER_BOHR))


def _rows(
    case: CaseFile, members: Sequence[np.ndarray], numbers: AtomicNumbers
) -> PairRows:
    """Parameters of all types; the element of a type is that of its atoms."""
    symbols = {number: symbol for symbol, number in numbers_of_symbols.items()}
    types = [site.type_name for site in case.molecule.sites]
    order = np.concatenate(members)
    elements = {
        kind: symbols[int(number)]
        for kind, number in zip(types, numbers[order], strict=True)
    }
    sizes = np.repeat([len(own) for own in members], [len(own) for own in members])
    ions = {kind for kind, size in zip(types, sizes, strict=True) if size == 1}
    return pair_rows(elements, case.potentials.pairs, frozenset(ions))


def _scale_notes(scales: Sequence[float]) -> list[str]:
    return [
        f"the sites of molecule {k + 1} are not in bohr and are scaled by {scale:.4f} "
        "to fit the crystal's atoms; if they are not in the axes of the multipoles "
        "either, only charge–charge, repulsion and dispersion are right"
        for k, scale in enumerate(scales)
        if scale != 1.0
    ]


def _axis_notes(wrong: Sequence[str]) -> list[str]:
    if not wrong:
        return []
    return [
        f"the axes of {', '.join(wrong)} are not along their bonds: the bonds are taken"
    ]


def _row_notes(rows: PairRows) -> list[str]:
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


def is_case(path: Path) -> bool:
    """Whether a file name is that of a DMACRYS case rather than of a CIF file."""
    return path.suffix.lower() == ".json"
