"""What is stored and passed between the stages."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from csp.arrays import (
    Cell,
    RotationMatrices,
    RotationMatrix,
    Vector,
    Vectors,
    read_only,
)

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
class FreePacking:
    """A crystal of one kind of rigid molecule whose molecules all move freely.

    Attributes:
        key: Which draw it came from.
        conformer: Label of the conformer.
        cell: Lattice vectors as rows, Å.
        centres: Centre of mass of each molecule of the cell, fractional.
        rotations: From the conformer's frame to the crystal's; improper for molecules
            that are mirror images of the conformer.
    """

    key: CrystalKey
    conformer: str
    cell: Cell
    centres: Vectors
    rotations: RotationMatrices

    def __post_init__(self) -> None:
        for name in ("cell", "centres", "rotations"):
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
        draws: Names of all draws that ended here, sorted.
        lowest_curvature: Smallest eigenvalue of the Hessian, kJ/mol/Å² per molecule;
            None where it was not computed.
    """

    packing: RigidPacking | FreePacking
    status: Status
    lattice_energy: float
    largest_gradient: float
    n_evaluations: int
    draws: tuple[str, ...]
    lowest_curvature: float | None = None

    def to_row(self) -> dict[str, Any]:
        """As JSON values; floats keep every bit."""
        packing = self.packing
        if isinstance(packing, RigidPacking):
            place = {
                "centre": packing.centre.tolist(),
                "rotation": packing.rotation.tolist(),
            }
        else:
            place = {
                "centres": packing.centres.tolist(),
                "rotations": packing.rotations.tolist(),
            }
        return {
            "space_group": packing.key.space_group,
            "site": packing.key.site,
            "draw": packing.key.draw,
            "conformer": packing.conformer,
            "cell": packing.cell.tolist(),
            **place,
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
        key = CrystalKey(row["space_group"], row["site"], row["draw"])
        cell = np.array(row["cell"])
        packing: RigidPacking | FreePacking
        if "centre" in row:
            centre, rotation = np.array(row["centre"]), np.array(row["rotation"])
            packing = RigidPacking(key, row["conformer"], cell, centre, rotation)
        else:
            centres, rotations = np.array(row["centres"]), np.array(row["rotations"])
            packing = FreePacking(key, row["conformer"], cell, centres, rotations)
        return cls(
            packing=packing,
            status=Status(row["status"]),
            lattice_energy=row["lattice_energy_kj_per_mol"],
            largest_gradient=row["largest_gradient_kj_per_mol_per_angstrom"],
            n_evaluations=row["n_evaluations"],
            draws=tuple(row["draws"]),
            lowest_curvature=row["lowest_curvature_kj_per_mol_per_angstrom2"],
        )
