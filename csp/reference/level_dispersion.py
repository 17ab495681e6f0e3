"""The dispersion that a level adds, by models of the atoms or of their densities."""

from csp.crystal import Crystal
from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.dispersion import dispersion_energy
from csp.reference.fragment import fragment_of
from csp.reference.hirshfeld import (
    METHOD,
    volume_ratios_of_crystal,
    volume_ratios_of_molecule,
)
from csp.reference.levels import Level
from csp.reference.many_body_dispersion import many_body_dispersion


def level_dispersion(level: Level, system: Crystal | Molecule) -> float:
    """Dispersion energy by the model of a level, kJ/mol of cells.

    Many-body dispersion takes its polarisabilities from Hirshfeld volumes of the
    density of PBE: of an isolated molecule its own, in a crystal of the molecules'
    densities in their places (:mod:`csp.reference.hirshfeld`).

    Raises:
        InputError: If the model has no parameters for the functional or an element, or
            a molecule an odd number of electrons or a charge.
        ConvergenceError: If a density does not converge.
    """
    atoms = (system.atomic_numbers, system.positions)
    cell = system.cell if isinstance(system, Crystal) else None
    charge = 0 if isinstance(system, Crystal) else system.charge
    if level.dispersion != "mbd":
        kind, functional = level.dispersion, level.functional
        return dispersion_energy(kind, functional, atoms, cell, charge)
    if isinstance(system, Crystal):
        ratios = volume_ratios_of_crystal(system)
    elif charge:
        raise InputError(
            f"{system.name} has a charge of {charge}: many-body dispersion is of "
            "neutral molecules, choose a level with 'd4'"
        )
    else:
        ratios = volume_ratios_of_molecule(fragment_of([atoms]))
    return many_body_dispersion(level.functional, atoms, ratios, cell)


def volumes_of(level: Level) -> dict[str, str]:
    """Provenance of a level's dispersion: what its volumes come from, if it has any."""
    return {"hirshfeld_method": str(METHOD)} if level.dispersion == "mbd" else {}
