"""A DMACRYS case as a crystal of rigid bodies."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers as numbers_of_symbols

from csp.arrays import AtomicNumbers, Cell, FractionalPositions
from csp.comparison.molecules import periodic_bonds, unbroken
from csp.errors import InputError
from csp.lattice.anisotropy import turning_types, with_anisotropy
from csp.lattice.case_bodies import PlacedBody, placed_bodies
from csp.lattice.case_file import (
    CaseCrystal,
    CaseFile,
    CaseSettings,
    cell_of,
    read_case_file,
)
from csp.lattice.case_notes import (
    axis_notes,
    local_axis_notes,
    row_notes,
    scale_notes,
)
from csp.lattice.case_symmetry import packed
from csp.lattice.crystal_input import CrystalInput, unrepelled_pairs
from csp.lattice.local_axes import Wanted, with_axes_found
from csp.lattice.pair_rows import PairRows, pair_rows
from csp.potentials.exp6 import ParameterSet
from csp.potentials.rigid_crystal import RigidCrystal
from csp.potentials.settings import PotentialSettings, SplinedSettings
from csp.units import KJ_PER_MOL_PER_EV

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
    placed = placed_bodies(
        case, members, (numbers, fractional), cell, turning_types(turning)
    )
    parts = [body.part for body in placed]
    parameters = ParameterSet("of the case", str(path), 0.0, {}, pairs, turning)
    crystal, n_units, notes = packed(case, parts, cell)
    crystal, is_settled, more = _with_axes(case, placed, (crystal, n_units), parameters)
    types = [kind for body in crystal.bodies for kind in body.types]
    wrong = [site for body in placed for site in body.wrong]
    settings, smooth = case_settings(case.settings, pressure_gpa)
    return CrystalInput(
        name=case.title,
        crystal=crystal,
        atoms=tuple(atoms for _, atoms, _, _ in parts),
        parameters=parameters,
        settings=settings,
        smooth=smooth,
        force_field="of the case",
        n_formula_units=n_units,
        unrepelled=unrepelled_pairs(types, pairs),
        has_doubtful_axes=not is_settled,
        notes=(*notes, *more, *row_notes(rows), *axis_notes(wrong)),
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

    A minimisation without a spline ends higher multipoles over 2 Å. Charges and
    dipoles: Ewald sums always.

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


def _with_axes(
    case: CaseFile,
    placed: Sequence[PlacedBody],
    packing: tuple[RigidCrystal, int],
    parameters: ParameterSet,
) -> tuple[RigidCrystal, bool, list[str]]:
    """The crystal with multipoles in their axes, whether these are known, and notes.

    Axes are in doubt where positions are not in bohr.
    """
    crystal, n_units = packing
    scales = {k: body.scale for k, body in enumerate(placed) if body.scale != 1.0}
    energies = case.reference.initial
    mixed, dipoles = energies.charge_dipole, energies.dipole_dipole
    found = None
    if scales and mixed is not None and dipoles is not None:
        per_unit = KJ_PER_MOL_PER_EV / n_units
        found = with_axes_found(
            crystal,
            {k: placed[k].local_moments for k in scales},
            [body.part[1] for body in placed],
            parameters,
            Wanted(mixed * per_unit, dipoles * per_unit, n_units),
        )
    notes = scale_notes(scales, are_axes_found=found is not None)
    if found is None:
        return crystal, not scales, notes
    crystal, axes, error = found
    sites = {k: placed[k].sites for k in axes}
    return crystal, True, [*notes, *local_axis_notes(axes, sites, error)]


def is_case(path: Path) -> bool:
    """Whether a file name is that of a DMACRYS case rather than of a CIF file."""
    return path.suffix.lower() == ".json"
