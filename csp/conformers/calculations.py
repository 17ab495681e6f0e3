"""Quantum-chemical results that are computed once and kept in a folder."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import occpy
import pyscf

from csp.conformers.electrostatics import electrostatic_potential
from csp.conformers.gas_phase import GasPhaseMinimum, optimised
from csp.conformers.graph import inchi_key
from csp.conformers.multipole_analysis import distributed_multipoles
from csp.conformers.settings import Level, MultipoleLevel
from csp.errors import ConvergenceError
from csp.files import write_atomically
from csp.molecule import ElectrostaticPotential, Molecule, Multipoles

VERSION = "2"
"""Raise when an algorithm of this package changes a number."""

AnyLevel = TypeVar("AnyLevel", Level, MultipoleLevel)


@dataclass(frozen=True, slots=True)
class Calculations:
    """A folder with one file for each calculation.

    The name of the file is a digest of everything that decides its content: what is
    calculated, the InChIKey, the geometry at the start (to 1e-4 Å), the level and the
    version of PySCF, and that of occpy for multipoles. A file is whole or absent, so a
    run killed at any moment continues with what it has, and nothing is computed twice.

    Attributes:
        folder: Where the files are.
    """

    folder: Path

    def minimum(self, start: Molecule, level: Level) -> GasPhaseMinimum:
        """The gas-phase minimum below ``start``, or the error that it met before.

        Raises:
            ConvergenceError: If there is none, see
                :func:`csp.conformers.gas_phase.optimised`.
        """
        found = self._recall("minimum", start, level, _computed_minimum)
        if "failure" in found:
            raise ConvergenceError(found["failure"])
        positions = np.array(found["positions_angstrom"])
        return GasPhaseMinimum(start.at(positions), float(found["energy_hartree"]))

    def potential(self, molecule: Molecule, level: Level) -> ElectrostaticPotential:
        """The electrostatic potential around a geometry."""
        found = self._recall("potential", molecule, level, _computed_potential)
        return ElectrostaticPotential(
            np.array(found["points_angstrom"]),
            np.array(found["values_kj_per_mol_per_e"]),
        )

    def multipoles(self, molecule: Molecule, level: MultipoleLevel) -> Multipoles:
        """The distributed multipoles of a geometry."""
        found = self._recall("multipoles", molecule, level, _computed_multipoles)
        return Multipoles(np.array(found["moments_e_angstrom_to_l"]), str(level))

    def has_minimum(self, start: Molecule, level: Level) -> bool:
        """Whether the minimum below ``start`` is known already."""
        return self._path("minimum", start, level).is_file()

    def has_potential(self, molecule: Molecule, level: Level) -> bool:
        """Whether the potential around a geometry is known already."""
        return self._path("potential", molecule, level).is_file()

    def has_multipoles(self, molecule: Molecule, level: MultipoleLevel) -> bool:
        """Whether the distributed multipoles of a geometry are known already."""
        return self._path("multipoles", molecule, level).is_file()

    def _recall(
        self,
        kind: str,
        molecule: Molecule,
        level: AnyLevel,
        compute: Callable[[Molecule, AnyLevel], dict[str, Any]],
    ) -> dict[str, Any]:
        path = self._path(kind, molecule, level)
        if not path.is_file():
            write_atomically(path, json.dumps(compute(molecule, level)))
        recalled: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return recalled

    def _path(
        self, kind: str, molecule: Molecule, level: Level | MultipoleLevel
    ) -> Path:
        parts = [
            VERSION,
            kind,
            inchi_key(molecule),
            str(molecule.charge),
            json.dumps(molecule.atomic_numbers.tolist()),
            json.dumps((molecule.positions.round(4) + 0.0).tolist()),
            str(level),
            pyscf.__version__,
        ]
        if isinstance(level, MultipoleLevel):
            parts.append(occpy.__version__)
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
        return self.folder / f"{kind}-{digest}.json"


def _computed_minimum(start: Molecule, level: Level) -> dict[str, Any]:
    try:
        found = optimised(start, level)
    except ConvergenceError as error:
        return {"failure": str(error)}
    return {
        "positions_angstrom": found.molecule.positions.tolist(),
        "energy_hartree": found.energy_hartree,
    }


def _computed_potential(molecule: Molecule, level: Level) -> dict[str, Any]:
    found = electrostatic_potential(molecule, level)
    return {
        "points_angstrom": found.points.tolist(),
        "values_kj_per_mol_per_e": found.values.tolist(),
    }


def _computed_multipoles(molecule: Molecule, level: MultipoleLevel) -> dict[str, Any]:
    found = distributed_multipoles(molecule, level)
    return {"moments_e_angstrom_to_l": found.moments.tolist()}
