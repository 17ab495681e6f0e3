"""The input of CP2K for one self-consistent field."""

from collections.abc import Sequence
from dataclasses import dataclass

from ase.data import chemical_symbols

from csp.arrays import AtomicNumbers, Cell, Positions, Vector
from csp.reference.levels import Cp2kLevel

Mesh = tuple[int, int, int]

MIXING = (0.4, 0.2, 0.05)
"""How much of the new density is mixed in, by attempt."""
MOST_ITERATIONS = (60, 150, 300)
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
            _scf(level, attempt, uses_kpoints=_has_kpoints(system)),
            _poisson(system),
            Section("XC", [Section("XC_FUNCTIONAL", [], level.functional.upper())]),
            *_kpoints(system),
        ],
    )


def _has_kpoints(system: Cp2kSystem) -> bool:
    return system.mesh is not None and system.mesh != (1, 1, 1)


def _scf(level: Cp2kLevel, attempt: int, *, uses_kpoints: bool) -> Section:
    """Diagonalisation; where that failed, at Γ, a minimisation that goes only down."""
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
    """Points half a step from Γ where they are even in number; k and −k are one."""
    if system.mesh is None or not _has_kpoints(system):
        return []
    points = " ".join(str(n) for n in system.mesh)
    return [
        Section(
            "KPOINTS",
            [f"SCHEME MONKHORST-PACK {points}", "SYMMETRY OFF", "FULL_GRID OFF"],
        )
    ]


def _subsys(level: Cp2kLevel, system: Cp2kSystem) -> Section:
    vectors = [
        f"{name} {_row(row)}" for name, row in zip("ABC", system.cell, strict=True)
    ]
    periodic = "NONE" if system.mesh is None else "XYZ"
    atoms = [
        f"{symbol} {_row(row)}"
        for symbol, row in zip(system.symbols, system.positions, strict=True)
    ]
    kinds = [
        Section(
            "KIND", [f"BASIS_SET {level.basis}", f"POTENTIAL {level.potential}"], symbol
        )
        for symbol in sorted(set(system.symbols))
    ]
    return Section(
        "SUBSYS",
        [
            Section("CELL", [*vectors, f"PERIODIC {periodic}"]),
            Section("COORD", atoms),
            *kinds,
        ],
    )


def _row(vector: Vector) -> str:
    return " ".join(f"{value:.12f}" for value in vector)
