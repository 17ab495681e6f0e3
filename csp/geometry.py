"""Pure geometry: cells, rotations and the overlay of point sets."""

from typing import NamedTuple

import numpy as np

from csp.arrays import (
    Cell,
    CellParameters,
    Positions,
    Quaternion,
    RotationMatrix,
    Scalars,
    Vector,
    Vectors,
)


def cell_from_parameters(parameters: CellParameters) -> Cell:
    """Lattice vectors in the standard orientation, a along x and b in the xy plane.

    >>> cell_from_parameters(np.array([2.0, 3.0, 4.0, 90.0, 90.0, 90.0])).round(9)
    array([[2., 0., 0.],
           [0., 3., 0.],
           [0., 0., 4.]])
    """
    a, b, c = parameters[:3]
    cos_alpha, cos_beta, cos_gamma = cosines(parameters[3:])
    sin_gamma = np.sqrt(1.0 - cos_gamma**2)
    x = cos_beta
    y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    z = np.sqrt(max(0.0, 1.0 - x * x - y * y))
    return np.array(
        [
            [a, 0.0, 0.0],
            [b * cos_gamma, b * sin_gamma, 0.0],
            [c * x, c * y, c * z],
        ]
    )


def cosines(angles: Scalars) -> Scalars:
    """Cosines of angles in degrees, exactly zero for a right angle."""
    return np.where(angles == 90.0, 0.0, np.cos(np.radians(angles)))  # noqa: PLR2004


def parameters_from_cell(cell: Cell) -> CellParameters:
    """Lengths (Å) and angles (degrees) of a cell given by its rows."""
    lengths = np.linalg.norm(cell, axis=1)
    unit = cell / lengths[:, None]
    cos = np.array([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]])
    angles = np.degrees(np.arccos(np.clip(cos, -1.0, 1.0)))
    return np.concatenate([lengths, angles])


def volume(cell: Cell) -> float:
    """Volume of a cell, Å³."""
    return float(abs(np.linalg.det(cell)))


def rotation_from_quaternion(quaternion: Quaternion) -> RotationMatrix:
    """Rotation matrix of a unit quaternion (scalar first)."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_from_uniform(uniform: Vector) -> Quaternion:
    """Map the unit cube to SO(3) so that equal volumes get equal measure.

    q = (√(1−u₁) sin 2πu₂, √(1−u₁) cos 2πu₂, √u₁ sin 2πu₃, √u₁ cos 2πu₃).

    References:
        Shoemake, Graphics Gems III (1992), p. 124.
    """
    u, v, w = uniform
    v_rad, w_rad = 2 * np.pi * v, 2 * np.pi * w
    s, t = np.sqrt(1.0 - u), np.sqrt(u)
    return np.array(
        [s * np.sin(v_rad), s * np.cos(v_rad), t * np.sin(w_rad), t * np.cos(w_rad)]
    )


def rotation_from_vector(vector: Vector) -> RotationMatrix:
    """Rotation by ``|vector|`` radians about ``vector`` (Rodrigues' formula)."""
    angle_rad = float(np.linalg.norm(vector))
    half = 0.5 * angle_rad
    scale = 0.5 if angle_rad == 0.0 else np.sin(half) / angle_rad
    return rotation_from_quaternion(np.array([np.cos(half), *(scale * vector)]))


class Overlay(NamedTuple):
    """The best overlay of one point set on another: ``target ≈ points @ R.T + t``."""

    rotation: RotationMatrix
    translation: Vector
    rmsd: float


def overlay(points: Vectors, target: Vectors, *, improper: bool) -> Overlay:
    """Least-squares overlay of ``points`` on ``target``, row on row.

    Args:
        points: Points to move, Å.
        target: Points to meet, Å.
        improper: True for the best *improper* rotation (mirror images), False for the
            best proper one.

    References:
        Kabsch, Acta Cryst. A32, 922 (1976).
    """
    centre, target_centre = points.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((points - centre).T @ (target - target_centre))
    sign = np.sign(np.linalg.det(u @ vt)) * (-1.0 if improper else 1.0)
    rotation = (u @ np.diag([1.0, 1.0, sign]) @ vt).T
    translation = target_centre - rotation @ centre
    difference = points @ rotation.T + translation - target
    rmsd = float(np.sqrt(np.mean(np.sum(difference**2, axis=1))))
    return Overlay(rotation, translation, rmsd)


def centre_of(positions: Positions, weights: Scalars) -> Vector:
    """Weighted mean of positions."""
    return np.asarray(weights @ positions / weights.sum())
