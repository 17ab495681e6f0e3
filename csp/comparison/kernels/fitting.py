"""The best overlay of one point set on another, of given hand; small helpers."""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from csp.compiled import compiled

Array: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

_MOST_SWEEPS = 30
_SMALL = 1e-15
"""Off-diagonal elements below this part of the matrix are zero."""


@compiled()
def smallest(values: Array, most: int) -> Integers:
    """Where the smallest values are, ascending, the first among equals first."""
    n = min(most, len(values))
    where = np.empty(n, dtype=np.int64)
    n_found = 0
    for k in range(len(values)):
        place = n_found
        while place > 0 and values[where[place - 1]] > values[k]:
            place -= 1
        if place < n:
            n_found = min(n_found + 1, n)
            for later in range(n_found - 1, place, -1):
                where[later] = where[later - 1]
            where[place] = k
    return where


@compiled()
def distance(first: Array, second: Array) -> float:
    """Between two points, Å."""
    x, y, z = first[0] - second[0], first[1] - second[1], first[2] - second[2]
    return math.sqrt(x * x + y * y + z * z)


@compiled()
def top_eigenvector(matrix: Array) -> tuple[float, float, float, float]:
    """Eigenvector of the largest eigenvalue of a symmetric 4 × 4 matrix, by Jacobi.

    The matrix is overwritten.
    """
    vectors = np.zeros((4, 4))
    size = 0.0
    for i in range(4):
        vectors[i, i] = 1.0
        for j in range(4):
            size += abs(matrix[i, j])
    for _ in range(_MOST_SWEEPS):
        rest = 0.0
        for i in range(3):
            for j in range(i + 1, 4):
                rest += abs(matrix[i, j])
        if rest <= _SMALL * size:
            break
        for i in range(3):
            for j in range(i + 1, 4):
                if matrix[i, j] == 0.0:
                    continue
                theta = 0.5 * (matrix[j, j] - matrix[i, i]) / matrix[i, j]
                sign = 1.0 if theta >= 0.0 else -1.0
                t = sign / (abs(theta) + math.sqrt(theta * theta + 1.0))
                c = 1.0 / math.sqrt(t * t + 1.0)
                s = t * c
                for k in range(4):
                    a, b = matrix[k, i], matrix[k, j]
                    matrix[k, i], matrix[k, j] = c * a - s * b, s * a + c * b
                for k in range(4):
                    a, b = matrix[i, k], matrix[j, k]
                    matrix[i, k], matrix[j, k] = c * a - s * b, s * a + c * b
                for k in range(4):
                    a, b = vectors[k, i], vectors[k, j]
                    vectors[k, i], vectors[k, j] = c * a - s * b, s * a + c * b
    best = 0
    for i in range(1, 4):
        if matrix[i, i] > matrix[best, best]:
            best = i
    return vectors[0, best], vectors[1, best], vectors[2, best], vectors[3, best]


@compiled()
def best_rotation(products: Array, hand: float, rotation: Array) -> None:
    """The rotation R of given hand that makes Σ q·(R p) largest, into ``rotation``.

    The improper one is the inversion times the best proper one of the inverted points.

    Args:
        products: Σ p_i q_j of points p and targets q from their centroids.
        hand: 1 for proper, −1 for improper.
        rotation: Overwritten.

    References:
        Horn, J. Opt. Soc. Am. A 4, 629 (1987).
    """
    s = products
    matrix = np.empty((4, 4))
    matrix[0, 0] = s[0, 0] + s[1, 1] + s[2, 2]
    matrix[1, 1] = s[0, 0] - s[1, 1] - s[2, 2]
    matrix[2, 2] = s[1, 1] - s[0, 0] - s[2, 2]
    matrix[3, 3] = s[2, 2] - s[0, 0] - s[1, 1]
    matrix[0, 1] = matrix[1, 0] = s[1, 2] - s[2, 1]
    matrix[0, 2] = matrix[2, 0] = s[2, 0] - s[0, 2]
    matrix[0, 3] = matrix[3, 0] = s[0, 1] - s[1, 0]
    matrix[1, 2] = matrix[2, 1] = s[0, 1] + s[1, 0]
    matrix[1, 3] = matrix[3, 1] = s[2, 0] + s[0, 2]
    matrix[2, 3] = matrix[3, 2] = s[1, 2] + s[2, 1]
    for i in range(4):
        for j in range(4):
            matrix[i, j] *= hand
    w, x, y, z = top_eigenvector(matrix)
    rotation[0, 0] = hand * (1.0 - 2.0 * (y * y + z * z))
    rotation[0, 1] = hand * 2.0 * (x * y - w * z)
    rotation[0, 2] = hand * 2.0 * (x * z + w * y)
    rotation[1, 0] = hand * 2.0 * (x * y + w * z)
    rotation[1, 1] = hand * (1.0 - 2.0 * (x * x + z * z))
    rotation[1, 2] = hand * 2.0 * (y * z - w * x)
    rotation[2, 0] = hand * 2.0 * (x * z - w * y)
    rotation[2, 1] = hand * 2.0 * (y * z + w * x)
    rotation[2, 2] = hand * (1.0 - 2.0 * (x * x + y * y))


@compiled()
def fit(
    points: Array, targets: Array, hand: float, rotation: Array, translation: Array
) -> None:
    """Least-squares overlay ``target ≈ R p + t`` of given hand, row on row.

    Args:
        points: (n, 3), Å.
        targets: (n, 3), Å.
        hand: 1 for proper, −1 for improper.
        rotation: R, overwritten.
        translation: t, overwritten.
    """
    n = len(points)
    centre, target_centre = np.zeros(3), np.zeros(3)
    for k in range(n):
        for i in range(3):
            centre[i] += points[k, i]
            target_centre[i] += targets[k, i]
    products = np.zeros((3, 3))
    for i in range(3):
        centre[i] /= n
        target_centre[i] /= n
    for k in range(n):
        for i in range(3):
            p = points[k, i] - centre[i]
            for j in range(3):
                products[i, j] += p * (targets[k, j] - target_centre[j])
    best_rotation(products, hand, rotation)
    for i in range(3):
        translation[i] = target_centre[i]
        for j in range(3):
            translation[i] -= rotation[i, j] * centre[j]
