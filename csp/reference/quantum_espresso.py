"""Reference energies by Quantum ESPRESSO's pw.x: plane waves, PAW."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, chemical_symbols

from csp.arrays import AtomicNumbers, Cell, FractionalPositions, Positions
from csp.crystal import Crystal
from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.dispersion import dispersion_energy
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import EspressoLevel
from csp.reference.program import Finished, last_words, program_path, run_program
from csp.reference.pseudopotentials import REMEDY, gathered
from csp.units import KJ_PER_MOL_PER_RYDBERG

MIXING = (0.7, 0.3, 0.1)
"""How much of the new density is mixed in, by attempt."""
DIAGONALISATIONS = (
    "diagonalization='david', diago_david_ndim=4, diago_full_acc=.true.",
    "diagonalization='cg'",
)
"""Of bands by attempt; a larger Davidson space saves iterations of the density."""
MOST_ITERATIONS = (60, 150, 300)
MOLECULE_MESH = (1, 1, 1)

_ENERGY = re.compile(r"^!\s+total energy\s+=\s+(\S+) Ry", re.MULTILINE)
_ITERATIONS = re.compile(r"convergence has been achieved in\s+(\d+) iterations")
_KPOINTS = re.compile(r"number of k points=\s*(\d+)")
_OPERATIONS = re.compile(r"(\d+) Sym\. Ops")
_VERSION = re.compile(r"Program PWSCF (v\.\S+)")


@dataclass(frozen=True, slots=True)
class QuantumEspresso:
    """The engine of an :class:`EspressoLevel`."""

    level: EspressoLevel

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a crystal, kJ/mol of cells as given."""
        mesh = kpoint_mesh(crystal.cell, self.level.k_spacing)
        fractional = crystal.positions @ np.linalg.inv(crystal.cell)
        atoms = (crystal.atomic_numbers, fractional)
        outcome = self._computed(crystal.cell, atoms, mesh, resources)
        dispersion = dispersion_energy(
            self.level.dispersion,
            self.level.functional,
            (crystal.atomic_numbers, crystal.positions),
            crystal.cell,
        )
        return _with_dispersion(outcome, dispersion)

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of a molecule in a box, its images' electrostatics taken away."""
        cell = box_around(molecule.positions, self.level.vacuum_angstrom)
        centred = molecule.positions - molecule.positions.mean(axis=0)
        fractional = centred @ np.linalg.inv(cell) + 0.5
        atoms = (molecule.atomic_numbers, fractional)
        outcome = self._computed(cell, atoms, None, resources)
        dispersion = dispersion_energy(
            self.level.dispersion,
            self.level.functional,
            (molecule.atomic_numbers, molecule.positions),
            charge=molecule.charge,
        )
        return _with_dispersion(outcome, dispersion)

    def _computed(
        self,
        cell: Cell,
        atoms: tuple[AtomicNumbers, FractionalPositions],
        mesh: tuple[int, int, int] | None,
        resources: Resources,
    ) -> Outcome:
        """The electronic energy alone; without a mesh the system is a molecule."""
        program = program_path(["pw.x"], REMEDY)
        folder = gathered(pseudopotential_files(self.level, atoms[0]), resources)
        if isinstance(folder, Failure):
            return folder
        text = pw_input(self.level, cell, atoms, mesh, resources, folder)
        (resources.scratch / "pw.in").write_text(text, encoding="utf-8")
        ended = run_program([program, "-in", "pw.in"], resources)
        return ended if isinstance(ended, Failure) else parsed(ended, mesh)


def pseudopotential_files(level: EspressoLevel, numbers: AtomicNumbers) -> list[str]:
    """Names of the pseudopotentials of these elements.

    Raises:
        InputError: If the level has none for one of them.
    """
    symbols = sorted({chemical_symbols[z] for z in numbers})
    known = level.pseudopotentials
    missing = [symbol for symbol in symbols if symbol not in known]
    if missing:
        raise InputError(
            f"the level {level.name} has no pseudopotential for "
            f"{', '.join(missing)}: name one in a file of levels (--levels) and "
            "set CSP_PSEUDO_DIR to its folder"
        )
    return [known[symbol] for symbol in symbols]


def box_around(positions: Positions, vacuum: float) -> Cell:
    """A cubic box that keeps a molecule this far from its images, Å.

    A cubic box at least twice as wide as the molecule's density is what Martyna and
    Tuckerman's correction asks for.
    """
    extent = float(np.ptp(positions, axis=0).max())
    return np.eye(3) * max(extent + vacuum, 2.0 * extent + 0.5 * vacuum)


def pw_input(
    level: EspressoLevel,
    cell: Cell,
    atoms: tuple[AtomicNumbers, FractionalPositions],
    mesh: tuple[int, int, int] | None,
    resources: Resources,
    folder: Path,
) -> str:
    """The input of pw.x for one self-consistent field."""
    numbers, fractional = atoms
    symbols = [chemical_symbols[z] for z in numbers]
    kinds = sorted(set(symbols))
    attempt = min(resources.attempt, len(MIXING) - 1)
    lines = [
        "&CONTROL",
        " calculation='scf', prefix='csp', outdir='.', disk_io='none',",
        f" pseudo_dir='{folder}'",
        "/",
        "&SYSTEM",
        f" ibrav=0, nat={len(numbers)}, ntyp={len(kinds)}, occupations='fixed',",
        f" ecutwfc={level.cutoff_rydberg}, ecutrho={level.density_cutoff_rydberg},",
        f" input_dft='{level.functional}',",
        *([" assume_isolated='martyna-tuckerman',"] if mesh is None else []),
        "/",
        "&ELECTRONS",
        f" conv_thr={level.energy_tolerance_rydberg:.1e},",
        f" mixing_beta={MIXING[attempt]}, electron_maxstep={MOST_ITERATIONS[attempt]},",
        f" {DIAGONALISATIONS[min(attempt, 1)]}",
        "/",
        "ATOMIC_SPECIES",
        *(_species(symbol, level.pseudopotentials[symbol]) for symbol in kinds),
        "CELL_PARAMETERS angstrom",
        *_rows(cell),
        "ATOMIC_POSITIONS crystal",
        *(
            f"{symbol} {row}"
            for symbol, row in zip(symbols, _rows(fractional), strict=True)
        ),
        *_kpoint_lines(mesh),
    ]
    return "\n".join(lines) + "\n"


def _species(symbol: str, file: str) -> str:
    mass = atomic_masses[chemical_symbols.index(symbol)]
    return f"{symbol} {mass:.4f} {file}"


def _rows(array: np.ndarray) -> Sequence[str]:
    return [" ".join(f"{value:.12f}" for value in row) for row in array]


def _kpoint_lines(mesh: tuple[int, int, int] | None) -> list[str]:
    """Points half a step from Γ: for the same density fewer after symmetry.

    They are the same points for a cell and for its multiples.
    """
    if mesh is None:
        return ["K_POINTS gamma"]
    return ["K_POINTS automatic", f"{mesh[0]} {mesh[1]} {mesh[2]} 1 1 1"]


def parsed(ended: Finished, mesh: tuple[int, int, int] | None) -> Outcome:
    """The electronic energy that pw.x printed, if its density converged."""
    energies = _ENERGY.findall(ended.output)
    iterations = _ITERATIONS.findall(ended.output)
    if not energies or not iterations:
        return Failure(
            Reason.NOT_CONVERGED,
            f"pw.x did not converge; its last words: {last_words(ended.output)}",
        )
    electronic = float(energies[-1]) * KJ_PER_MOL_PER_RYDBERG
    return Energy(
        electronic,
        {"electronic": electronic},
        {
            "program": f"Quantum ESPRESSO {_found(_VERSION, ended.output)}",
            "k_mesh": list(mesh or MOLECULE_MESH),
            "n_kpoints": int(_found(_KPOINTS, ended.output) or 1),
            "n_operations": int(_found(_OPERATIONS, ended.output) or 1),
            "n_iterations": int(iterations[-1]),
            "peak_memory_gb": round(ended.peak_memory, 3),
            "cpu_seconds": round(ended.cpu_seconds, 2),
        },
    )


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def _with_dispersion(outcome: Outcome, dispersion: float) -> Outcome:
    if isinstance(outcome, Failure):
        return outcome
    electronic = outcome.energy
    return Energy(
        electronic + dispersion,
        {"electronic": electronic, "dispersion": dispersion},
        outcome.provenance,
    )
