"""Tight-binding energies (GFN1-xTB and GFN2-xTB) by tblite, on supercells."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from csp.arrays import AtomicNumbers, Cell, Positions
from csp.crystal import Crystal
from csp.errors import MissingDependencyError
from csp.molecule import Molecule
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.levels import XtbLevel
from csp.reference.supercells import repeated, repeats_for_width
from csp.units import ANGSTROM_PER_BOHR, KJ_PER_MOL_PER_HARTREE

DAMPING = (0.4, 0.2, 0.1)
"""How much of the new charges is mixed in, by attempt."""
MOST_ITERATIONS = (250, 500, 1000)


@dataclass(frozen=True, slots=True)
class Tblite:
    """The engine of an :class:`XtbLevel`.

    References:
        Grimme, Bannwarth, Shushkov, J. Chem. Theory Comput. 13, 1989 (2017), for
        GFN1-xTB; Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 15, 1652 (2019),
        for GFN2-xTB.
    """

    level: XtbLevel

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a crystal, kJ/mol of cells as given, from a wide supercell at Γ."""
        repeats = repeats_for_width(crystal.cell, self.level.width_angstrom)
        whole = repeated(crystal, repeats)
        atoms = (whole.atomic_numbers, whole.positions)
        return self._computed(atoms, (whole.cell, repeats), 0, resources)

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of an isolated molecule, kJ/mol."""
        atoms = (molecule.atomic_numbers, molecule.positions)
        return self._computed(atoms, None, molecule.charge, resources)

    def _computed(
        self,
        atoms: tuple[AtomicNumbers, Positions],
        lattice: tuple[Cell, tuple[int, int, int]] | None,
        charge: int,
        resources: Resources,
    ) -> Outcome:
        cell, repeats = lattice or (None, (1, 1, 1))
        tblite = _package()
        try:
            with threadpool_limits(resources.cores):
                calculator = self._calculator(tblite, atoms, cell, charge)
                _set_attempt(calculator, resources.attempt)
                energy_hartree = float(calculator.singlepoint().get("energy"))
        except tblite.exceptions.TBLiteRuntimeError as error:
            return _failure(self.level.method, str(error))
        if not math.isfinite(energy_hartree):
            return _failure(self.level.method, "the energy is not a number")
        energy = energy_hartree * KJ_PER_MOL_PER_HARTREE / math.prod(repeats)
        version = ".".join(str(part) for part in tblite.library.get_version())
        return Energy(
            energy,
            {"electronic": energy},
            {
                "program": f"tblite {version}",
                "supercell": list(repeats),
                "n_atoms": len(atoms[0]),
            },
        )

    def _calculator(
        self,
        tblite: Any,  # noqa: ANN401
        atoms: tuple[AtomicNumbers, Positions],
        cell: Cell | None,
        charge: int,
    ) -> Any:  # noqa: ANN401
        numbers, positions = atoms
        lattice = None if cell is None else cell / ANGSTROM_PER_BOHR
        calculator = tblite.interface.Calculator(
            self.level.method,
            np.array(numbers),
            positions / ANGSTROM_PER_BOHR,
            charge=float(charge),
            lattice=lattice,
            periodic=None if cell is None else np.ones(3, dtype=bool),
        )
        calculator.set("verbosity", 0)
        calculator.set("accuracy", self.level.accuracy)
        return calculator


def _set_attempt(calculator: Any, attempt: int) -> None:  # noqa: ANN401
    step = min(attempt, len(DAMPING) - 1)
    calculator.set("mixer-damping", DAMPING[step])
    calculator.set("max-iter", MOST_ITERATIONS[step])


def _failure(method: str, message: str) -> Failure:
    is_slow = "converge" in message.lower()
    return Failure(
        Reason.NOT_CONVERGED if is_slow else Reason.PROGRAM_FAILED,
        f"{method} gave no energy: {' '.join(message.split())}",
        is_final=not is_slow,
    )


def _package() -> Any:  # noqa: ANN401
    """tblite, which is installed only where it is asked for."""
    try:
        import tblite.exceptions
        import tblite.interface
        import tblite.library
    except ImportError as error:
        raise MissingDependencyError(
            "GFN-xTB needs the package tblite, which is not installed: "
            "pip install -c constraints.txt 'csp[xtb]'"
        ) from error
    return tblite
