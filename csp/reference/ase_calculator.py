"""Reference energies by any ASE calculator that can be imported."""

import importlib
import importlib.metadata
import math
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, SCFError

from csp.crystal import Crystal
from csp.errors import InputError, MissingDependencyError
from csp.molecule import Molecule
from csp.reference.dispersion import dispersion_energy
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import AseLevel
from csp.reference.supercells import repeated, repeats_for_width
from csp.units import KJ_PER_MOL_PER_EV

MISHAPS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    subprocess.SubprocessError,
)
"""What calculators raise when they fail; ASE's own errors are RuntimeErrors."""
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class _Task:
    """One energy to be computed.

    Attributes:
        atoms: What the calculator gets.
        arguments: What it gets beside those of the level.
        n_copies: Cells in the supercell.
        provenance: What was decided here.
    """

    atoms: Atoms
    arguments: Mapping[str, Any] = field(default_factory=dict)
    n_copies: int = 1
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AseCalculator:
    """The engine of an :class:`AseLevel`."""

    level: AseLevel

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a crystal, kJ/mol of cells as given."""
        repeats = repeats_for_width(crystal.cell, self.level.width_angstrom or 0.0)
        whole = repeated(crystal, repeats)
        k_points = self._k_points(whole)
        task = _Task(
            Atoms(
                whole.atomic_numbers,
                positions=whole.positions,
                cell=whole.cell,
                pbc=True,
            ),
            k_points,
            math.prod(repeats),
            {"supercell": list(repeats), **k_points},
        )
        dispersion = dispersion_energy(
            self.level.dispersion,
            self.level.functional,
            (crystal.atomic_numbers, crystal.positions),
            crystal.cell,
        )
        return self._computed(task, dispersion, resources)

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of an isolated molecule, kJ/mol; in a periodic box if the level says.

        A charged molecule is refused: calculators have no common word for its charge.
        """
        if molecule.charge != 0:
            return Failure(
                Reason.UNSUPPORTED,
                f"{molecule.name or 'the molecule'} has the charge "
                f"{molecule.charge:+d}, and ASE calculators have no common word for "
                "it: use a level of another engine",
                is_final=True,
            )
        dispersion = dispersion_energy(
            self.level.dispersion,
            self.level.functional,
            (molecule.atomic_numbers, molecule.positions),
        )
        return self._computed(self._isolated(molecule), dispersion, resources)

    def _isolated(self, molecule: Molecule) -> _Task:
        atoms = Atoms(molecule.atomic_numbers, positions=molecule.positions)
        vacuum = self.level.vacuum_angstrom
        if vacuum is None:
            return _Task(atoms)
        atoms.set_cell(np.ptp(molecule.positions, axis=0) + vacuum)
        atoms.set_pbc((True, True, True))
        atoms.center()
        gamma = {} if self.level.k_spacing is None else {"kpts": [1, 1, 1]}
        return _Task(atoms, gamma, provenance={"vacuum_angstrom": vacuum})

    def _k_points(self, crystal: Crystal) -> dict[str, list[int]]:
        if self.level.k_spacing is None:
            return {}
        return {"kpts": list(kpoint_mesh(crystal.cell, self.level.k_spacing))}

    def _computed(
        self, task: _Task, dispersion: float, resources: Resources
    ) -> Outcome:
        path = self.level.calculator
        arguments = {**self.level.arguments, **task.arguments}
        calculator = made_calculator(path, arguments, resources.scratch)
        task.atoms.calc = calculator
        try:
            energy_ev = float(task.atoms.get_potential_energy())
        except MISHAPS as error:
            return _failure(path, error)
        if not math.isfinite(energy_ev):
            return _failure(path, ValueError("its energy is not a number"))
        electronic = energy_ev * KJ_PER_MOL_PER_EV / task.n_copies
        return Energy(
            electronic + dispersion,
            {"electronic": electronic, "dispersion": dispersion},
            {
                "program": f"ASE {ase.__version__}",
                "calculator": path,
                "package": _version(path),
                "arguments": arguments,
                **task.provenance,
            },
        )


def made_calculator(path: str, arguments: Mapping[str, Any], folder: Path) -> Any:  # noqa: ANN401
    """A calculator from its import path, like ``ase.calculators.vasp:Vasp``.

    Args:
        path: Module and name, with a colon between; a class or a function.
        arguments: Keyword arguments.
        folder: Where a calculator that writes files is to write them.

    Raises:
        InputError: If there is no such name, or it does not take the arguments.
        MissingDependencyError: If a package is not installed.
    """
    factory = _imported(path)
    try:
        calculator = factory(**arguments)
    except ImportError as error:
        raise _missing(path, error) from error
    except MISHAPS as error:
        raise InputError(
            f"the calculator {path} cannot be made with the arguments "
            f"{dict(arguments)}: {_one_line(error)}"
        ) from error
    if hasattr(calculator, "directory"):
        calculator.directory = folder
    return calculator


def _imported(path: str) -> Callable[..., Any]:
    module_name, _, name = path.partition(":")
    if not module_name or not name.isidentifier():
        raise InputError(
            f"the calculator {path!r} is no import path: give module and name with a "
            "colon between, like 'ase.calculators.vasp:Vasp'"
        )
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except ImportError as error:
        raise _missing(path, error) from error
    if not callable(found):
        raise InputError(
            f"the calculator {path!r} does not exist: {module_name} has no class or "
            f"function {name}"
        )
    return found  # type: ignore[no-any-return]


def _missing(path: str, error: ImportError) -> MissingDependencyError:
    return MissingDependencyError(
        f"the calculator {path} cannot be imported ({_one_line(error)}): install its "
        "package in this Python environment"
    )


def _failure(path: str, error: BaseException) -> Failure:
    """The same arguments would fail again, so every failure is final."""
    if isinstance(error, SCFError):
        reason = Reason.NOT_CONVERGED
    elif isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        reason = Reason.OUT_OF_MEMORY
    elif isinstance(error, NotImplementedError | CalculatorSetupError):
        reason = Reason.UNSUPPORTED
    else:
        reason = Reason.PROGRAM_FAILED
    return Failure(
        reason, f"the calculator {path} failed: {_one_line(error)}", is_final=True
    )


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[-_LONGEST:]
    return text or type(error).__name__


def _version(path: str) -> str:
    """Name and version of the package that a calculator comes from."""
    package = path.partition(":")[0].partition(".")[0]
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return package
