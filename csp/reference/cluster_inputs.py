"""Inputs of one structure for programs that run on another machine."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from csp.arrays import Vector
from csp.crystal import Crystal
from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.cp2k import boxed
from csp.reference.cp2k_input import Cp2kSystem, cp2k_input
from csp.reference.engine import Resources
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import Cp2kLevel, EspressoLevel, Level
from csp.reference.pseudopotentials import recipe, recipe_name
from csp.reference.quantum_espresso import (
    box_around,
    pseudopotential_files,
    pw_input,
)

System = Crystal | Molecule
Files = Mapping[str, str]
"""Contents by name."""

PSEUDOPOTENTIALS = "pseudo"
"""Folder beside those of the structures."""
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


def atoms_of(system: System) -> Atoms:
    """A crystal, or a molecule without a cell."""
    if isinstance(system, Crystal):
        return Atoms(
            system.atomic_numbers,
            positions=system.positions,
            cell=system.cell,
            pbc=True,
        )
    return Atoms(system.atomic_numbers, positions=system.positions)


def espresso_files(level: Level, system: System) -> Files:
    """Of Quantum ESPRESSO, for one of its levels."""
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
    text = pw_input(level, cell, atoms, mesh, _SINGLE, Path("..") / PSEUDOPOTENTIALS)
    return {"pw.in": text}


def espresso_recipes(level: Level, systems: Iterable[System]) -> Files:
    """Of pseudopotentials that are made and not installed, and how to make them."""
    if not isinstance(level, EspressoLevel):
        raise _wrong(level, "quantum-espresso")
    numbers = np.concatenate([system.atomic_numbers for system in systems])
    found = {name: recipe(name) for name in pseudopotential_files(level, numbers)}
    recipes = {name: text for name, text in found.items() if text is not None}
    if not recipes:
        return {}
    files = {f"{PSEUDOPOTENTIALS}/{recipe_name(n)}": t for n, t in recipes.items()}
    commands = [
        f"ld1.x -in {recipe_name(name)} && "
        # pw.x 6.7 does not read the long lines that ld1.x writes
        f"fold -s -w 200 {name} > {name}.folded && mv {name}.folded {name}"
        for name in recipes
    ]
    script = "\n".join(["#!/bin/sh", "set -e", 'cd "$(dirname "$0")"', *commands])
    return files | {f"{PSEUDOPOTENTIALS}/make.sh": script + "\n"}


def cp2k_files(level: Level, system: System) -> Files:
    """Of CP2K, for one of its levels."""
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


def vasp_files(level: Level, system: System) -> Files:
    """Of VASP but for its licensed potentials; molecules in a box."""
    atoms, mesh = atoms_of(system), (1, 1, 1)
    if isinstance(system, Crystal):
        mesh = kpoint_mesh(system.cell, _k_spacing(level))
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


def aims_files(level: Level, system: System) -> Files:
    """Of FHI-aims but for its species defaults."""
    atoms = atoms_of(system)
    lines = [
        *_functional(level, "fhi-aims"),
        "relativistic atomic_zora scalar",
        "spin none",
        "sc_accuracy_rho 1e-6",
        "sc_accuracy_etot 1e-7",
        "sc_iter_limit 200",
    ]
    if isinstance(system, Crystal):
        mesh = kpoint_mesh(system.cell, _k_spacing(level))
        lines.append("k_grid " + " ".join(str(n) for n in mesh))
    else:
        lines.append(f"charge {system.charge}")
    return {
        "geometry.in": "\n".join(_aims_geometry(atoms)) + "\n",
        "control.in": "\n".join(lines) + "\n",
    }


def _aims_geometry(atoms: Atoms) -> list[str]:
    vectors = atoms.cell if atoms.pbc.all() else []
    return [
        *(f"lattice_vector {_row(vector)}" for vector in vectors),
        *(
            f"atom {_row(position)} {symbol}"
            for symbol, position in zip(atoms.symbols, atoms.positions, strict=True)
        ),
    ]


def _row(vector: Vector) -> str:
    return " ".join(f"{value:.10f}" for value in vector)


def nothing_common(level: Level, systems: Iterable[System]) -> Files:
    """None: every folder has what it needs."""
    del level, systems
    return {}


def nothing_files(level: Level, system: System) -> Files:
    """None: all structures are in one file."""
    del level, system
    return {}


def _k_spacing(level: Level) -> float:
    return float(getattr(level, "k_spacing", None) or K_SPACING)


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
