"""Reference energies by CP2K: Gaussian orbitals, densities in plane waves."""

import re
from dataclasses import dataclass, replace

import numpy as np

from csp.crystal import Crystal
from csp.molecule import Molecule
from csp.reference.counterpoise import counterpoised
from csp.reference.cp2k_input import Cp2kSystem, cp2k_input
from csp.reference.dispersion import dispersion_energy
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import Cp2kLevel
from csp.reference.program import (
    LOG_FILE,
    Finished,
    last_words,
    program_path,
    run_program,
)
from csp.units import KJ_PER_MOL_PER_HARTREE

PROGRAMS = ("cp2k.psmp", "cp2k.ssmp", "cp2k")
"""Those with threads; all of the machine's work is done by one process."""
REMEDY = (
    "install CP2K (Debian and Ubuntu: apt install cp2k), or choose a level that needs "
    "pip alone (csp reference levels)"
)
INPUT_FILE = "csp.inp"

_ENERGY = re.compile(r"^ ENERGY\| Total FORCE_EVAL .*?(-?\d+\.\d+)\s*$", re.MULTILINE)
_FIELD = re.compile(r"SCF run (?:converged in\s+(\d+) steps|NOT converged)")
_STEP = re.compile(r"^ +\d+ +(?:OT |Broy|NoMix|P_Mix|DIIS|Pulay)", re.MULTILINE)
_VERSION = re.compile(r"CP2K\| version string:\s+(.*\S)")
_REVISION = re.compile(r"CP2K\| source code revision number:\s+(\S+)")
_ABORT = re.compile(r"\[ABORT\][^\n]*\n(.*?)\n \*{20,}", re.DOTALL)
_ART_COLUMNS = 14
"""Of the picture to the left of what CP2K says when it stops."""


@dataclass(frozen=True, slots=True)
class Cp2k:
    """The engine of a :class:`Cp2kLevel`.

    References:
        Kühne et al., J. Chem. Phys. 152, 194103 (2020), for the program; VandeVondele,
        Hutter, J. Chem. Phys. 127, 114105 (2007), for the bases.
    """

    level: Cp2kLevel

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a crystal, kJ/mol of cells as given."""
        mesh = kpoint_mesh(crystal.cell, self.level.k_spacing)
        system = Cp2kSystem(
            crystal.cell, crystal.atomic_numbers, crystal.positions, mesh
        )
        dispersion = dispersion_energy(
            self.level.dispersion,
            self.level.functional,
            (crystal.atomic_numbers, crystal.positions),
            crystal.cell,
        )
        return counterpoised(
            lambda: self._computed(system, dispersion, resources),
            crystal,
            self.level,
            resources,
        )

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of a molecule in a box that its images do not act into."""
        dispersion = dispersion_energy(
            self.level.dispersion,
            self.level.functional,
            (molecule.atomic_numbers, molecule.positions),
            charge=molecule.charge,
        )
        system = boxed(molecule, self.level.vacuum_angstrom)
        return self._computed(system, dispersion, resources)

    def _computed(
        self, system: Cp2kSystem, dispersion: float, resources: Resources
    ) -> Outcome:
        program = program_path(PROGRAMS, REMEDY)
        text = cp2k_input(self.level, system, resources.attempt)
        (resources.scratch / INPUT_FILE).write_text(text, encoding="utf-8")
        ended = run_program([program, "-i", INPUT_FILE], resources)
        if isinstance(ended, Failure):
            log = resources.scratch / LOG_FILE
            return explained(ended, log.read_text(encoding="utf-8", errors="replace"))
        electronic = parsed(ended, system)
        if isinstance(electronic, Failure):
            return electronic
        return replace(
            electronic,
            energy=electronic.energy + dispersion,
            parts={**electronic.parts, "dispersion": dispersion},
        )


def boxed(molecule: Molecule, vacuum: float) -> Cp2kSystem:
    """A molecule in the middle of a cube, so wide that its density ends inside, Å.

    Its electrostatic potential is the isolated molecule's (interpolating scaling
    functions), which wants a cube.

    References:
        Genovese et al., J. Chem. Phys. 125, 074105 (2006).
    """
    low, high = molecule.positions.min(axis=0), molecule.positions.max(axis=0)
    width = float((high - low).max()) + vacuum
    centred = molecule.positions - 0.5 * (low + high) + 0.5 * width
    return Cp2kSystem(
        np.eye(3) * width, molecule.atomic_numbers, centred, None, molecule.charge
    )


def parsed(ended: Finished, system: Cp2kSystem) -> Energy | Failure:
    """The electronic energy that CP2K printed, if its density converged."""
    energies = _ENERGY.findall(ended.output)
    fields = list(_FIELD.finditer(ended.output))
    if not energies or not fields or fields[-1][1] is None:
        return Failure(
            Reason.NOT_CONVERGED,
            "CP2K did not converge the self-consistent field; its last words: "
            f"{last_words(ended.output)}",
        )
    electronic = float(energies[-1]) * KJ_PER_MOL_PER_HARTREE
    revision = _found(_REVISION, ended.output)
    return Energy(
        electronic,
        {"electronic": electronic},
        {
            "program": f"{_found(_VERSION, ended.output)} ({revision})",
            "k_mesh": list(system.mesh or (1, 1, 1)),
            "n_iterations": len(_STEP.findall(ended.output)),
            "box_angstrom": None
            if system.mesh is not None
            else round(float(system.cell[0, 0]), 3),
            "peak_memory_gb": round(ended.peak_memory, 3),
            "cpu_seconds": round(ended.cpu_seconds, 2),
        },
    )


def explained(failure: Failure, output: str) -> Failure:
    """A failure in CP2K's own words; final if its data files lack an element."""
    box = _ABORT.search(output)
    if box is None or failure.reason is not Reason.PROGRAM_FAILED:
        return failure
    lines = [line[_ART_COLUMNS:].rstrip(" *") for line in box[1].splitlines()]
    words = " ".join(" ".join(lines[:-1]).split())
    is_lacking = "requested" in words and "not found" in words
    return Failure(
        Reason.UNSUPPORTED if is_lacking else Reason.PROGRAM_FAILED,
        f"CP2K stopped: {words}",
        is_final=is_lacking,
    )


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else "unknown"
