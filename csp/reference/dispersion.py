"""London dispersion: D4 and D3(BJ) with three-body terms, one place for all engines.

Both are added to the electronic energy of a functional. Programs differ in cutoffs and
in the three-body term that they add by default, so no engine uses its program's own.
"""

import sys
from dataclasses import dataclass
from typing import TextIO

import numpy as np
from ase.data import chemical_symbols
from pyscf.dispersion import dftd3, dftd4

from csp.arrays import AtomicNumbers, Cell, Positions
from csp.conformers.settings import Dispersion
from csp.errors import InputError
from csp.units import ANGSTROM_PER_BOHR, KJ_PER_MOL_PER_HARTREE


def dispersion_energy(
    kind: Dispersion,
    functional: str,
    atoms: tuple[AtomicNumbers, Positions],
    cell: Cell | None = None,
    charge: int = 0,
) -> float:
    """Dispersion energy with its Axilrod–Teller–Muto term, kJ/mol of cells.

    Args:
        kind: ``d4``, ``d3bj`` or ``none``.
        functional: The one whose damping parameters are used.
        atoms: Atomic numbers and positions, Å.
        cell: Lattice vectors as rows, Å; None for a molecule.
        charge: Of all atoms together, e.

    Raises:
        InputError: If there are no damping parameters for the functional.

    References:
        Caldeweyher et al., J. Chem. Phys. 150, 154122 (2019) and Phys. Chem. Chem.
        Phys. 22, 8499 (2020), for D4; Grimme et al., J. Chem. Phys. 132, 154104 (2010)
        and J. Comput. Chem. 32, 1456 (2011), for D3(BJ).
    """
    if kind == "none":
        return 0.0
    system = _Atoms(*atoms, cell, charge)
    try:
        if kind == "d4":
            model = dftd4.DFTD4Dispersion(system, xc=functional, atm=True)
        else:
            model = dftd3.DFTD3Dispersion(
                system, xc=functional, version="d3bj", atm=True
            )
    except RuntimeError as error:
        raise InputError(
            f"the dispersion correction {kind!r} has no parameters for the functional "
            f"{functional!r}: choose another of the two, or 'none'"
        ) from error
    result = model.get_dispersion(grad=False)
    return float(result["energy"]) * KJ_PER_MOL_PER_HARTREE


@dataclass(frozen=True, slots=True)
class _Atoms:
    """What the bindings read of a PySCF molecule or cell; no basis is needed."""

    numbers: AtomicNumbers
    positions: Positions
    cell: Cell | None
    charge: int
    verbose: int = 0
    stdout: TextIO = sys.stdout

    @property
    def natm(self) -> int:
        return len(self.numbers)

    @property
    def dimension(self) -> int:
        return 0 if self.cell is None else 3

    def atom_symbol(self, index: int) -> str:
        return str(chemical_symbols[self.numbers[index]])

    def atom_coords(self) -> Positions:
        return np.asarray(self.positions / ANGSTROM_PER_BOHR)

    def lattice_vectors(self) -> Cell:
        cell = np.eye(3) if self.cell is None else self.cell
        return np.ascontiguousarray(cell / ANGSTROM_PER_BOHR)
