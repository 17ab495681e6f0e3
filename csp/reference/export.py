"""Inputs for a cluster: one folder a structure, for several programs."""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ase.io
import numpy as np
from ase import Atoms

from csp.crystal import Crystal
from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.cp2k import boxed
from csp.reference.cp2k_input import Cp2kSystem, cp2k_input
from csp.reference.engine import Resources
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import Cp2kLevel, EspressoLevel, Level
from csp.reference.quantum_espresso import box_around, pw_input

System = Crystal | Molecule
Program = Literal["quantum-espresso", "cp2k", "vasp", "fhi-aims", "extxyz"]

STRUCTURES_FILE = "structures.extxyz"
VACUUM = 12.0
"""Of an isolated molecule in a periodic box, Å."""
K_SPACING = 0.5
"""Of levels that have none, Å⁻¹ with the factor 2π."""
VASP_CUTOFF_EV = 1000
"""For the hard pseudopotentials of first-row elements (C_h, N_h, O_h, H_h)."""
_FUNCTIONALS = {
    "vasp": {
        "pbe": ["GGA = PE"],
        "pbe0": ["GGA = PE", "LHFCALC = .TRUE.", "AEXX = 0.25", "ALGO = All"],
    },
    "fhi-aims": {"pbe": ["xc pbe"], "pbe0": ["xc pbe0"]},
}
_SINGLE = Resources(1, 1.0, Path())


@dataclass(frozen=True, slots=True)
class _Writer:
    """How the inputs of a program are made.

    Attributes:
        files: Content of the files of one structure, by name.
        command: What a job runs in the folder of a structure.
        needs: What is to be added by hand, for the README.
    """

    files: Callable[[Level, System], Mapping[str, str]]
    command: str
    needs: str


def exported(
    systems: Mapping[str, System], level: Level, program: Program
) -> Mapping[str, str]:
    """Files that compute the electronic energies of a level on another machine.

    None of the inputs asks for dispersion: it is added when the energies come back, by
    the same model for every program.

    Args:
        systems: Crystals and molecules, by id.
        level: What is to be computed; for Quantum ESPRESSO and CP2K one of theirs.
        program: Which inputs are wanted.

    Returns:
        Contents of the files by path: a folder a structure, ``structures.extxyz`` with
        all of them under their ids, ``jobs.txt`` with one command line each, and a
        README.

    Raises:
        InputError: If the level is none of the program, or there is nothing to export.
    """
    if not systems:
        raise InputError("there is no structure to export: choose at least one")
    writer = _WRITERS[program]
    folders = folder_names(systems)
    files = {STRUCTURES_FILE: extxyz(systems)}
    for identity, system in systems.items():
        for name, content in writer.files(level, system).items():
            files[f"{folders[identity]}/{name}"] = content
    if writer.command:
        lines = [f"cd {folder} && {writer.command}" for folder in folders.values()]
        files["jobs.txt"] = "\n".join(lines) + "\n"
    return files | {"README.md": _readme(level, program, writer, len(systems))}


def folder_names(systems: Mapping[str, System]) -> Mapping[str, str]:
    """A folder for each id, without characters that a shell would interpret.

    Raises:
        InputError: If two ids make one name.
    """
    names = {identity: re.sub(r"[^\w.+-]", "_", identity) for identity in systems}
    if len(set(names.values())) < len(names):
        raise InputError(
            "two structures would share a folder: give them ids that differ in "
            "letters, digits, '.', '+' or '-'"
        )
    return names


def extxyz(systems: Mapping[str, System]) -> str:
    """All structures as extended XYZ, each under ``id=``."""
    stream = io.StringIO()
    for identity, system in systems.items():
        atoms = _atoms(system)
        atoms.info["id"] = identity
        if isinstance(system, Molecule):
            atoms.info["charge"] = system.charge
        ase.io.write(stream, atoms, format="extxyz")
    return stream.getvalue()


def _atoms(system: System) -> Atoms:
    if isinstance(system, Crystal):
        return Atoms(
            system.atomic_numbers,
            positions=system.positions,
            cell=system.cell,
            pbc=True,
        )
    return Atoms(system.atomic_numbers, positions=system.positions)


def _espresso(level: Level, system: System) -> Mapping[str, str]:
    if not isinstance(level, EspressoLevel):
        raise _wrong(level, "quantum-espresso")
    if isinstance(system, Crystal):
        cell, mesh = system.cell, kpoint_mesh(system.cell, level.k_spacing)
        fractional = system.positions @ np.linalg.inv(cell)
    else:
        _check_neutral(system, "quantum-espresso")
        cell, mesh = box_around(system.positions, level.vacuum_angstrom), None
        centred = system.positions - system.positions.mean(axis=0)
        fractional = centred @ np.linalg.inv(cell) + 0.5
    atoms = (system.atomic_numbers, fractional)
    text = pw_input(level, cell, atoms, mesh, _SINGLE, Path("../pseudo"))
    return {"pw.in": text}


def _cp2k(level: Level, system: System) -> Mapping[str, str]:
    if not isinstance(level, Cp2kLevel):
        raise _wrong(level, "cp2k")
    if isinstance(system, Crystal):
        mesh = kpoint_mesh(system.cell, level.k_spacing)
        described = Cp2kSystem(
            system.cell, system.atomic_numbers, system.positions, mesh
        )
    else:
        described = boxed(system, level.vacuum_angstrom)
    return {"csp.inp": cp2k_input(level, described, attempt=0)}


def _vasp(level: Level, system: System) -> Mapping[str, str]:
    atoms, mesh = _atoms(system), (1, 1, 1)
    if isinstance(system, Crystal):
        mesh = kpoint_mesh(system.cell, getattr(level, "k_spacing", K_SPACING))
    else:
        _check_neutral(system, "vasp")
        atoms.set_cell(box_around(system.positions, VACUUM))
        atoms.set_pbc((True, True, True))
        atoms.center()
    stream = io.StringIO()
    ase.io.write(stream, atoms, format="vasp", direct=True, sort=True)
    incar = [
        "SYSTEM = csp",
        "PREC = Accurate",
        f"ENCUT = {VASP_CUTOFF_EV}",
        "EDIFF = 1E-7",
        "ISMEAR = 0",
        "SIGMA = 0.01",
        "LREAL = .FALSE.",
        "LASPH = .TRUE.",
        "NSW = 0",
        "LWAVE = .FALSE.",
        "LCHARG = .FALSE.",
        *_functional(level, "vasp"),
    ]
    points = " ".join(str(n) for n in mesh)
    return {
        "POSCAR": stream.getvalue(),
        "INCAR": "\n".join(incar) + "\n",
        "KPOINTS": f"k-points by density\n0\nGamma\n{points}\n0 0 0\n",
    }


def _aims(level: Level, system: System) -> Mapping[str, str]:
    atoms = _atoms(system)
    lines = [
        *_functional(level, "fhi-aims"),
        "relativistic atomic_zora scalar",
        "spin none",
        "sc_accuracy_rho 1e-6",
        "sc_accuracy_etot 1e-7",
        "sc_iter_limit 200",
    ]
    if isinstance(system, Crystal):
        mesh = kpoint_mesh(system.cell, getattr(level, "k_spacing", K_SPACING))
        lines.append("k_grid " + " ".join(str(n) for n in mesh))
    else:
        lines.append(f"charge {system.charge}")
    stream = io.StringIO()
    ase.io.write(stream, atoms, format="aims")
    return {
        "geometry.in": stream.getvalue(),
        "control.in": "\n".join(lines) + "\n",
    }


def _nothing(level: Level, system: System) -> Mapping[str, str]:
    del level, system
    return {}


def _functional(level: Level, program: str) -> list[str]:
    known = _FUNCTIONALS[program]
    if level.functional not in known:
        raise InputError(
            f"inputs for {program} are written for {' and '.join(known)}, not for "
            f"{level.functional!r} of the level {level.name}: choose another level or "
            "export extxyz"
        )
    return known[level.functional]


def _check_neutral(molecule: Molecule, program: str) -> None:
    if molecule.charge != 0:
        raise InputError(
            f"{molecule.name or 'a molecule'} has the charge {molecule.charge:+d}, and "
            f"inputs for {program} are written for neutral molecules: export it for "
            "cp2k or fhi-aims"
        )


def _wrong(level: Level, program: str) -> InputError:
    return InputError(
        f"the level {level.name} is one of the engine {level.engine}: choose a level "
        f"of {program}, or export its functional for vasp or fhi-aims"
    )


def _readme(level: Level, program: Program, writer: _Writer, count: int) -> str:
    settings = ", ".join(
        f"{key} {value}"
        for key, value in level.model_dump(mode="json").items()
        if key not in {"name", "engine", "pseudopotentials"} and value is not None
    )
    jobs = (
        f"`jobs.txt` has one command line for each, like `{writer.command}`."
        if writer.command
        else "All structures are in one file; compute them as you like."
    )
    return f"""# {count} structures for {program}

Level {level.name}: {settings}.

{writer.needs} {jobs}

The energies come back in one extended XYZ file: take `{STRUCTURES_FILE}`, add to each
comment line `energy=` with the total energy of the cell in eV (electronic, without any
dispersion correction: csp adds its own), and read it with `csp reference import`. The
`id=` of each structure must stay; the order of its atoms, their wrapping and multiples
of the cell do not matter; another geometry is refused.
"""


_WRITERS: Mapping[Program, _Writer] = {
    "quantum-espresso": _Writer(
        _espresso,
        "pw.x -in pw.in > pw.out",
        "Put the pseudopotentials that the inputs name into the folder `pseudo`; the "
        "energy is in the line `!    total energy`, in rydberg.",
    ),
    "cp2k": _Writer(
        _cp2k,
        "cp2k -i csp.inp > csp.out",
        "CP2K's own data folder has bases and potentials; the energy is in the line "
        "`ENERGY| Total FORCE_EVAL`, in hartree.",
    ),
    "vasp": _Writer(
        _vasp,
        "vasp_std > vasp.out",
        "Add to each folder a POTCAR of hard PBE potentials in the order of its "
        "POSCAR; the energy is `energy(sigma->0)` at the end of OUTCAR, in eV.",
    ),
    "fhi-aims": _Writer(
        _aims,
        "aims.x > aims.out",
        "Append the species defaults (tight) of each element to every control.in; the "
        "energy is in the line `| Total energy of the DFT / Hartree-Fock s.c.f. "
        "calculation`, in eV.",
    ),
    "extxyz": _Writer(_nothing, "", "Nothing else is needed."),
}
