"""Density-functional energies of one molecule (through PySCF).

Hartree and bohr exist only in this package; energies leave in hartree so that
differences are taken before they are converted.
"""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geometric.nifty
from pyscf import dft, gto, lib, scf
from pyscf.gto.basis import BasisNotFoundError

from csp.conformers.completeness import check_closed_shell
from csp.conformers.settings import Level
from csp.errors import ConvergenceError, InputError
from csp.molecule import Molecule
from csp.units import ANGSTROM_PER_BOHR

GRID_LEVEL = 4
"""Integration grid; relative energies differ by 0.002 kJ/mol from those of level 5."""

WALK_GRID_LEVEL = 2
"""While a geometry is optimised: gradients of paracetamol at PBE0/def2-SVP differ by
1.6e-5 hartree/bohr (rms) from those of level 4, and a step takes 0.4 of the time."""

SCF_TOLERANCE_HARTREE = 1.0e-9
FITTING_BASIS = "def2-universal-jkfit"
"""Density fitting changes relative energies of oxalic acid by 0.006 kJ/mol."""

LAST_ALL_ELECTRON = 36
"""The def2 bases bring effective core potentials beyond krypton."""


def energy_hartree(molecule: Molecule, level: Level) -> float:
    """Total energy of the molecule as it stands, hartree.

    Raises:
        InputError: If the level does not exist or the molecule is a radical.
        ConvergenceError: If the self-consistent field does not converge.
    """
    with quiet_scratch():
        return float(converged_field(molecule, level).e_tot)


def converged_field(molecule: Molecule, level: Level) -> Any:  # noqa: ANN401
    """A converged PySCF ``RKS`` object; call inside :func:`quiet_scratch`.

    Raises:
        InputError: If the level does not exist or the molecule is a radical.
        ConvergenceError: If the self-consistent field does not converge.
    """
    field = unsolved_field(molecule, level)
    field.kernel()
    if not field.converged:
        field = field.newton()
        field.kernel()
    if not field.converged:
        raise ConvergenceError(
            f"the self-consistent field of {molecule.name} at {level} does not "
            f"converge in {field.max_cycle} iterations: check its geometry and charge"
        )
    return field


def unsolved_field(
    molecule: Molecule, level: Level, grid_level: int = GRID_LEVEL
) -> Any:  # noqa: ANN401
    """A PySCF ``RKS`` object with density fitting, before any iteration."""
    check_closed_shell(molecule)
    _check_functional(level)
    core_potentials = {
        symbol: level.basis
        for symbol, z in zip(molecule.symbols, molecule.atomic_numbers, strict=True)
        if z > LAST_ALL_ELECTRON and level.basis.lower().startswith("def2")
    }
    positions_bohr = molecule.positions / ANGSTROM_PER_BOHR
    try:
        system = gto.M(
            atom=list(zip(molecule.symbols, positions_bohr.tolist(), strict=True)),
            unit="Bohr",
            basis=level.basis,
            ecp=core_potentials,
            charge=molecule.charge,
            verbose=0,
        )
    except (BasisNotFoundError, KeyError) as error:
        raise InputError(
            f"PySCF has no basis {level.basis!r} for every element of "
            f"{molecule.name}: choose another one, such as 'def2-svp'"
        ) from error
    field = dft.RKS(system, xc=level.functional).density_fit(auxbasis=FITTING_BASIS)
    if level.dispersion != "none":
        field.disp = level.dispersion
        _check_dispersion(field, level)
    field.grids.level = grid_level
    field.conv_tol = SCF_TOLERANCE_HARTREE
    return field


def _check_functional(level: Level) -> None:
    remedy = (
        "choose another one, such as 'pbe0', and give the dispersion correction by "
        "its own setting"
    )
    if any(suffix in level.functional.lower() for suffix in ("-d3", "-d4")):
        raise InputError(
            f"the functional {level.functional!r} names a dispersion correction: "
            f"{remedy}"
        )
    try:
        dft.libxc.parse_xc(level.functional)
    except (KeyError, ValueError) as error:
        raise InputError(
            f"PySCF has no functional {level.functional!r}: {remedy}"
        ) from error


def _check_dispersion(field: Any, level: Level) -> None:  # noqa: ANN401
    try:
        field.get_dispersion()
    except RuntimeError as error:
        raise InputError(
            f"the dispersion correction {level.dispersion!r} has no parameters for "
            f"the functional {level.functional!r}: choose another of the two, or "
            "'none'"
        ) from error


@contextmanager
def quiet_scratch() -> Iterator[Path]:
    """A temporary folder for PySCF and geomeTRIC, and neither says a word."""
    logger = geometric.nifty.logger
    was_disabled = logger.disabled
    with (
        tempfile.TemporaryDirectory(prefix="csp-") as folder,
        lib.temporary_env(lib.param, TMPDIR=folder),
        lib.temporary_env(scf.hf, MUTE_CHKFILE=True),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", UserWarning)
        logger.disabled = True
        try:
            yield Path(folder)
        finally:
            logger.disabled = was_disabled
