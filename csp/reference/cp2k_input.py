"""The input of CP2K for one self-consistent field."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from csp.arrays import AtomicNumbers, Cell, Positions, Vector
from csp.errors import InputError
from csp.reference.levels import Cp2kLevel

Mesh = tuple[int, int, int]

MIXING = (0.4, 0.2, 0.05)
"""How much of the new density is mixed in, by attempt."""
MOST_ITERATIONS = (60, 150, 300)
VALENCE_ELECTRONS = {
    "H": 1,
    "B": 3,
    "C": 4,
    "N": 5,
    "O": 6,
    "F": 7,
    "Si": 4,
    "P": 5,
    "S": 6,
    "Cl": 7,
    "Br": 7,
    "I": 7,
}
"""Of the potentials of Goedecker, Teter and Hutter that the bases were made for."""
BASIS_FILES = ("BASIS_MOLOPT", "BASIS_MOLOPT_UZH")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of an input: ``&NAME PARAMETER``, its lines and sections, ``&END``."""

    name: str
    content: Sequence["str | Section"]
    parameter: str = ""

    def lines(self, depth: int = 0) -> list[str]:
        """The section as text, indented."""
        indent = "  " * depth
        head = f"&{self.name} {self.parameter}".rstrip()
        inner = [
            line
            for item in self.content
            for line in (
                [f"{indent}  {item}"]
                if isinstance(item, str)
                else item.lines(depth + 1)
            )
        ]
        return [indent + head, *inner, f"{indent}&END {self.name}"]


@dataclass(frozen=True, eq=False, slots=True)
class Cp2kSystem:
    """What the input describes.

    Attributes:
        cell: Lattice vectors as rows, or the box of a molecule, Å.
        atomic_numbers: Of each atom.
        positions: Å.
        mesh: Of k-points; None for an isolated molecule.
        charge: Of a molecule, e.
    """

    cell: Cell
    atomic_numbers: AtomicNumbers
    positions: Positions
    mesh: Mesh | None
    charge: int = 0

    @property
    def symbols(self) -> list[str]:
        """Chemical symbol of each atom."""
        return [chemical_symbols[z] for z in self.atomic_numbers]


def cp2k_input(level: Cp2kLevel, system: Cp2kSystem, attempt: int) -> str:
    """The input file: one energy, no dispersion, nothing written but the output."""
    sections = [
        Section("GLOBAL", ["PROJECT csp", "RUN_TYPE ENERGY", "PRINT_LEVEL LOW"]),
        Section(
            "FORCE_EVAL",
            ["METHOD QUICKSTEP", _dft(level, system, attempt), _subsys(level, system)],
        ),
    ]
    lines = [line for section in sections for line in section.lines()]
    return "\n".join(lines) + "\n"


def _dft(level: Cp2kLevel, system: Cp2kSystem, attempt: int) -> Section:
    return Section(
        "DFT",
        [
            *(f"BASIS_SET_FILE_NAME {name}" for name in BASIS_FILES),
            "POTENTIAL_FILE_NAME GTH_POTENTIALS",
            f"CHARGE {system.charge}",
            Section("QS", [f"EPS_DEFAULT {level.screening:.1e}"]),
            Section(
                "MGRID",
                [
                    f"CUTOFF [Ry] {level.cutoff_rydberg}",
                    f"REL_CUTOFF [Ry] {level.relative_cutoff_rydberg}",
                    f"NGRIDS {level.n_grids}",
                ],
            ),
            _scf(level, attempt, uses_kpoints=system.mesh is not None),
            _poisson(system),
            Section("XC", [Section("XC_FUNCTIONAL", [], level.functional.upper())]),
            *_kpoints(system),
        ],
    )


def _scf(level: Cp2kLevel, attempt: int, *, uses_kpoints: bool) -> Section:
    """Diagonalisation; where that failed, a minimisation, if there are no k-points."""
    step = min(attempt, len(MIXING) - 1)
    solver: list[str | Section]
    if step == 0 or uses_kpoints:
        solver = [
            Section("DIAGONALIZATION", ["ALGORITHM STANDARD"]),
            Section(
                "MIXING",
                ["METHOD BROYDEN_MIXING", f"ALPHA {MIXING[step]}", "NBROYDEN 8"],
            ),
        ]
    else:
        solver = [
            Section("OT", ["MINIMIZER CG", "PRECONDITIONER FULL_SINGLE_INVERSE"]),
            Section("OUTER_SCF", [f"EPS_SCF {level.scf_tolerance:.1e}", "MAX_SCF 5"]),
        ]
    return Section(
        "SCF",
        [
            f"EPS_SCF {level.scf_tolerance:.1e}",
            f"MAX_SCF {MOST_ITERATIONS[step]}",
            "SCF_GUESS ATOMIC",
            *solver,
            Section("PRINT", [Section("RESTART", [], "OFF")]),
        ],
    )


def _poisson(system: Cp2kSystem) -> Section:
    if system.mesh is None:
        return Section("POISSON", ["PERIODIC NONE", "POISSON_SOLVER WAVELET"])
    return Section("POISSON", ["PERIODIC XYZ", "POISSON_SOLVER PERIODIC"])


def _kpoints(system: Cp2kSystem) -> list[Section]:
    if system.mesh is None:
        return []
    lines = [f"KPOINT {_row(np.array(k))} {w}" for k, w in points_of(system.mesh)]
    return [
        Section("KPOINTS", ["SCHEME GENERAL", "UNITS B_VECTOR", "SYMMETRY OFF", *lines])
    ]


def points_of(mesh: Mesh) -> list[tuple[tuple[float, ...], int]]:
    """Points half a step from Γ, of k and −k one, and how many of the mesh each is.

    They are the same points for a cell and for its multiples, which CP2K's own
    Monkhorst–Pack meshes are not: those of one point hold Γ, those of two do not.

    >>> points_of((2, 1, 1))
    [((0.25, 0.5, 0.5), 2)]
    """
    axes = [[(2 * i + 1) / (2 * n) for i in range(n)] for n in mesh]
    weights: Counter[tuple[float, ...]] = Counter()
    for k in itertools.product(*axes):
        opposite = tuple(round(1.0 - x, 12) for x in k)
        weights[min(tuple(round(x, 12) for x in k), opposite)] += 1
    return sorted(weights.items())


def _subsys(level: Cp2kLevel, system: Cp2kSystem) -> Section:
    vectors = [
        f"{name} {_row(row)}" for name, row in zip("ABC", system.cell, strict=True)
    ]
    periodic = "NONE" if system.mesh is None else "XYZ"
    atoms = [
        f"{symbol} {_row(row)}"
        for symbol, row in zip(system.symbols, system.positions, strict=True)
    ]
    kinds = [_kind(level, symbol) for symbol in sorted(set(system.symbols))]
    return Section(
        "SUBSYS",
        [
            Section("CELL", [*vectors, f"PERIODIC {periodic}"]),
            Section("COORD", atoms),
            *kinds,
        ],
    )


def _kind(level: Cp2kLevel, symbol: str) -> Section:
    """Basis and potential under their full names: not all of them have short ones.

    Raises:
        InputError: If it is not known how many electrons the potential leaves.
    """
    if symbol not in VALENCE_ELECTRONS:
        raise InputError(
            f"levels of CP2K know no potential for {symbol}, only for "
            f"{', '.join(VALENCE_ELECTRONS)}: choose a level of another engine"
        )
    electrons = f"q{VALENCE_ELECTRONS[symbol]}"
    content = [
        f"BASIS_SET {level.basis}-{electrons}",
        f"POTENTIAL {level.potential}-{electrons}",
    ]
    return Section("KIND", content, symbol)


def _row(vector: Vector) -> str:
    return " ".join(f"{value:.12f}" for value in vector)
