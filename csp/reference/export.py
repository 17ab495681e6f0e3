"""Inputs for a cluster: one folder a structure, for several programs."""

import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import ase.io

from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.cluster_inputs import (
    Files,
    System,
    aims_files,
    atoms_of,
    cp2k_files,
    espresso_files,
    espresso_recipes,
    nothing_common,
    nothing_files,
    vasp_files,
)
from csp.reference.levels import Level

Program = Literal["quantum-espresso", "cp2k", "vasp", "fhi-aims", "extxyz"]

STRUCTURES_FILE = "structures.extxyz"


@dataclass(frozen=True, slots=True)
class _Writer:
    """How the inputs of a program are made.

    Attributes:
        files: Content of the files of one structure, by name.
        command: What a job runs in the folder of a structure.
        needs: What is to be added by hand, for the README.
        common: Content of the files that all structures need, by path.
    """

    files: Callable[[Level, System], Files]
    command: str
    needs: str
    common: Callable[[Level, Iterable[System]], Files] = nothing_common


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
    files = {STRUCTURES_FILE: extxyz(systems), **writer.common(level, systems.values())}
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
        atoms = atoms_of(system)
        atoms.info["id"] = identity
        if isinstance(system, Molecule):
            atoms.info["charge"] = system.charge
        ase.io.write(stream, atoms, format="extxyz")
    return stream.getvalue()


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
dispersion correction), and read it with

    csp reference import DIR FILE --level {level.name} --add-dispersion

which adds the level's own dispersion and counterpoise correction. The `id=` of each
structure must stay; the order of its atoms, their wrapping and multiples of the cell
do not matter; another geometry is refused.
"""


_WRITERS: Mapping[Program, _Writer] = {
    "quantum-espresso": _Writer(
        espresso_files,
        "pw.x -in pw.in > pw.out",
        "Put the pseudopotentials that the inputs name into the folder `pseudo`; if "
        "there is a `pseudo/make.sh`, it makes those that csp has recipes for: `sh "
        "pseudo/make.sh`, with Quantum ESPRESSO's ld1.x. The energy is in the line "
        "`!    total energy`, in rydberg.",
        espresso_recipes,
    ),
    "cp2k": _Writer(
        cp2k_files,
        "cp2k -i csp.inp > csp.out",
        "CP2K's own data folder has bases and potentials; the energy is in the line "
        "`ENERGY| Total FORCE_EVAL`, in hartree.",
    ),
    "vasp": _Writer(
        vasp_files,
        "vasp_std > vasp.out",
        "Add to each folder a POTCAR of hard PBE potentials in the order of its "
        "POSCAR; the energy is `energy(sigma->0)` at the end of OUTCAR, in eV.",
    ),
    "fhi-aims": _Writer(
        aims_files,
        "aims.x > aims.out",
        "Append the species defaults (tight) of each element to every control.in; the "
        "energy is in the line `| Total energy of the DFT / Hartree-Fock s.c.f. "
        "calculation`, in eV.",
    ),
    "extxyz": _Writer(nothing_files, "", "Nothing else is needed."),
}
