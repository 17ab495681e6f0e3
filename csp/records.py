"""What is stored and passed between the stages."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from csp.arrays import Cell, RotationMatrices, Vectors, read_only

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done and how much there is."""


class Status(StrEnum):
    """How the relaxation of a packing ended."""

    CONVERGED = "converged"
    STEP_LIMIT = "step limit"
    FELL_APART = "fell apart"
    OVERLAP = "overlap"
    SADDLE = "saddle point"


@dataclass(frozen=True, order=True, slots=True)
class CrystalKey:
    """Enough, with the run's settings, to make a packing again.

    Attributes:
        space_group: International number in which the packing was drawn.
        sites: Wyckoff letters on which the molecules sit, those of different kinds
            apart, like ``a.ee``.
        draw: Index of the quasi-random point.
        way: Which of the ways down from its saddle point, from 1; 0 for the steepest,
            and where there is none.
    """

    space_group: int
    sites: str
    draw: int
    way: int = 0

    def __str__(self) -> str:
        """A name that sorts and may be part of a file name, like sg014-e-000123."""
        drawn = f"sg{self.space_group:03d}-{self.sites}-{self.draw:06d}"
        return f"{drawn}-{self.way}" if self.way else drawn

    @property
    def of_draw(self) -> "CrystalKey":
        """That of the packing as it was drawn."""
        return replace(self, way=0)


@dataclass(frozen=True, eq=False, slots=True)
class Packing:
    """A crystal of rigid molecules: its asymmetric unit, cell and space group.

    Attributes:
        key: Which draw it came from.
        space_group: International number of the symmetry that it has now: that of the
            draw, or 1 when it was left and all molecules of the cell are written out.
        sites: Wyckoff letter of each molecule in that group.
        conformers: Label of each molecule's conformer.
        cell: Lattice vectors as rows, Å; in the standard orientation, unless the space
            group is 1.
        centres: Centre of mass of each molecule, fractional.
        rotations: From each conformer's frame to the crystal's, ``x = R d``; improper
            for molecules that are mirror images of the conformer.
    """

    key: CrystalKey
    space_group: int
    sites: str
    conformers: tuple[str, ...]
    cell: Cell
    centres: Vectors
    rotations: RotationMatrices

    def __post_init__(self) -> None:
        for name in ("cell", "centres", "rotations"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def has_left_symmetry(self) -> bool:
        """Whether it no longer has the symmetry that it was drawn with."""
        return self.sites != self.key.sites.replace(".", "") or (
            self.space_group != self.key.space_group
        )


@dataclass(frozen=True, eq=False, slots=True)
class Relaxation:
    """The end of a relaxation; a bad end is a result with a status.

    Attributes:
        packing: Where it ended.
        status: How it ended.
        lattice_energy: kJ/mol per formula unit, the conformers' relative energies
            included.
        largest_gradient: Largest component of the gradient at the end, kJ/mol/Å per
            molecule.
        n_evaluations: Energy and gradient evaluations spent.
        draws: Names of all draws that ended here, sorted.
        lowest_curvature: Smallest eigenvalue of the Hessian, kJ/mol/Å² per molecule;
            None where it was not computed.
    """

    packing: Packing
    status: Status
    lattice_energy: float
    largest_gradient: float
    n_evaluations: int
    draws: tuple[str, ...]
    lowest_curvature: float | None = None

    @property
    def name(self) -> str:
        """That of the draw it started from."""
        return str(self.packing.key)

    def to_row(self) -> dict[str, Any]:
        """As JSON values; floats keep every bit."""
        packing, key = self.packing, self.packing.key
        return {
            "draw": [
                key.space_group,
                key.sites,
                key.draw,
                *([key.way] if key.way else []),
            ],
            "space_group": packing.space_group,
            "sites": packing.sites,
            "conformers": list(packing.conformers),
            "cell": packing.cell.tolist(),
            "centres": packing.centres.tolist(),
            "rotations": packing.rotations.tolist(),
            "status": self.status.value,
            "lattice_energy_kj_per_mol": self.lattice_energy,
            "largest_gradient_kj_per_mol_per_angstrom": self.largest_gradient,
            "n_evaluations": self.n_evaluations,
            "draws": list(self.draws),
            "lowest_curvature_kj_per_mol_per_angstrom2": self.lowest_curvature,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Relaxation":
        """What :meth:`to_row` wrote."""
        packing = Packing(
            CrystalKey(*row["draw"]),
            row["space_group"],
            row["sites"],
            tuple(row["conformers"]),
            np.array(row["cell"]),
            np.array(row["centres"]),
            np.array(row["rotations"]),
        )
        return cls(
            packing=packing,
            status=Status(row["status"]),
            lattice_energy=row["lattice_energy_kj_per_mol"],
            largest_gradient=row["largest_gradient_kj_per_mol_per_angstrom"],
            n_evaluations=row["n_evaluations"],
            draws=tuple(row["draws"]),
            lowest_curvature=row["lowest_curvature_kj_per_mol_per_angstrom2"],
        )
