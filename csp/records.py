"""What is stored and passed between the stages."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from csp.arrays import Cell, RotationMatrix, Vector, read_only

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done and how much there is."""


class Status(StrEnum):
    """How the relaxation of a packing ended."""

    CONVERGED = "converged"
    STEP_LIMIT = "step limit"
    FELL_APART = "fell apart"
    OVERLAP = "overlap"


@dataclass(frozen=True, order=True, slots=True)
class CrystalKey:
    """Enough, with the run's settings, to make a packing again.

    Attributes:
        space_group: International number in which the packing was drawn.
        site: Wyckoff letter on which the molecule sits.
        draw: Index of the quasi-random point.
    """

    space_group: int
    site: str
    draw: int

    def __str__(self) -> str:
        """A name that sorts and may be part of a file name, like sg014-e-000123."""
        return f"sg{self.space_group:03d}-{self.site}-{self.draw:06d}"


@dataclass(frozen=True, eq=False, slots=True)
class RigidPacking:
    """A crystal of one rigid molecule on one site of a space group.

    Attributes:
        key: Which draw it came from.
        conformer: Label of the conformer.
        cell: Lattice vectors as rows in the standard orientation, Å.
        centre: Centre of mass of the molecule, fractional.
        rotation: From the conformer's frame to the crystal's, ``x = R d``.
    """

    key: CrystalKey
    conformer: str
    cell: Cell
    centre: Vector
    rotation: RotationMatrix

    def __post_init__(self) -> None:
        for name in ("cell", "centre", "rotation"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


@dataclass(frozen=True, eq=False, slots=True)
class Relaxation:
    """The end of a relaxation; a bad end is a result with a status.

    Attributes:
        packing: Where it ended.
        status: How it ended.
        lattice_energy: kJ/mol per formula unit, the conformer's relative energy
            included.
        largest_gradient: Largest component of the gradient at the end, kJ/mol/Å per
            molecule.
        n_evaluations: Energy and gradient evaluations spent.
    """

    packing: RigidPacking
    status: Status
    lattice_energy: float
    largest_gradient: float
    n_evaluations: int

    def to_row(self) -> dict[str, Any]:
        """As JSON values; floats keep every bit."""
        packing = self.packing
        return {
            "space_group": packing.key.space_group,
            "site": packing.key.site,
            "draw": packing.key.draw,
            "conformer": packing.conformer,
            "cell": packing.cell.tolist(),
            "centre": packing.centre.tolist(),
            "rotation": packing.rotation.tolist(),
            "status": self.status.value,
            "lattice_energy_kj_per_mol": self.lattice_energy,
            "largest_gradient_kj_per_mol_per_angstrom": self.largest_gradient,
            "n_evaluations": self.n_evaluations,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Relaxation":
        """What :meth:`to_row` wrote."""
        return cls(
            packing=RigidPacking(
                key=CrystalKey(row["space_group"], row["site"], row["draw"]),
                conformer=row["conformer"],
                cell=np.array(row["cell"]),
                centre=np.array(row["centre"]),
                rotation=np.array(row["rotation"]),
            ),
            status=Status(row["status"]),
            lattice_energy=row["lattice_energy_kj_per_mol"],
            largest_gradient=row["largest_gradient_kj_per_mol_per_angstrom"],
            n_evaluations=row["n_evaluations"],
        )
