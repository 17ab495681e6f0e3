"""Moves of all molecules of a cell, and what symmetry operations make of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import Indices, Matrix, Scalars, Vector, Vectors
from csp.geometry import rotation_from_vector, volume
from csp.potentials.rigid_crystal import RigidCrystal

_SMALLEST_RADIUS = 0.5
"""Å; what a radian of a small body is worth at least."""


@dataclass(frozen=True, eq=False, slots=True)
class Displacement:
    """A move of all molecules of a cell.

    Attributes:
        shifts: Of the centres at the strained cell, Å.
        turns: Rotation vectors, rad.
        strain: Symmetric.
    """

    shifts: Vectors
    turns: Vectors
    strain: Matrix

    def applied(self, crystal: RigidCrystal, factor: float) -> RigidCrystal:
        """The crystal moved by a multiple of this."""
        cell = crystal.cell @ (np.eye(3) + factor * self.strain)
        centres = crystal.centres + factor * self.shifts @ np.linalg.inv(cell)
        rotations = [
            rotation_from_vector(factor * turn) @ rotation
            for turn, rotation in zip(self.turns, crystal.rotations, strict=True)
        ]
        return crystal.at(cell, centres, np.array(rotations))


def radii_of(crystal: RigidCrystal) -> Scalars:
    """What a radian of each body is worth, Å."""
    gyration = [np.sqrt(np.mean(np.sum(b.sites**2, axis=1))) for b in crystal.bodies]
    return np.maximum(gyration, _SMALLEST_RADIUS)


def carried(whole: RigidCrystal, rotation: Matrix, translation: Vector) -> Indices:
    """For each molecule the one that an operation takes to its place."""
    centres = whole.centres @ rotation.T + translation
    away = whole.centres[:, None] - centres[None]
    distance = np.linalg.norm((away - np.round(away)) @ whole.cell, axis=2)
    return np.asarray(np.argmin(distance, axis=1))


def turned_move(move: Displacement, source: np.ndarray, matrix: Matrix) -> Displacement:
    """What an operation makes of a move; ``source[m]`` is taken to the place of m."""
    axial = np.linalg.det(matrix) * matrix
    return Displacement(
        move.shifts[source] @ matrix.T,
        move.turns[source] @ axial.T,
        matrix @ move.strain @ matrix.T,
    )


def distance_between(
    one: Displacement, other: Displacement, crystal: RigidCrystal
) -> float:
    """How far two moves of unit length are apart, Å."""
    size = np.cbrt(volume(crystal.cell))
    radii = radii_of(crystal)[:, None]
    return float(
        np.sqrt(
            np.sum((one.shifts - other.shifts) ** 2)
            + np.sum((radii * (one.turns - other.turns)) ** 2)
            + np.sum((size * (one.strain - other.strain)) ** 2)
        )
    )


def overlap_of(one: Displacement, other: Displacement, crystal: RigidCrystal) -> float:
    """Scalar product of two moves, Å²."""
    size = np.cbrt(volume(crystal.cell))
    radii = radii_of(crystal)[:, None]
    return float(
        np.sum(one.shifts * other.shifts)
        + np.sum(radii**2 * one.turns * other.turns)
        + np.sum(size**2 * one.strain * other.strain)
    )


def combined(moves: Sequence[Displacement], factors: Scalars) -> Displacement:
    """The sum of moves, each times its factor."""
    return Displacement(
        np.tensordot(factors, [move.shifts for move in moves], axes=1),
        np.tensordot(factors, [move.turns for move in moves], axes=1),
        np.tensordot(factors, [move.strain for move in moves], axes=1),
    )
