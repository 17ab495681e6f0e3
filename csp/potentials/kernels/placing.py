"""Small linear algebra, and where the molecules of a cell are."""

import math

import numpy as np

from csp.compiled import compiled
from csp.potentials.kernels.harmonics import rotated_operators
from csp.potentials.kernels.tables import (
    Array,
    Gradient,
    Images,
    Integers,
    Placed,
    Sites,
)


@compiled()
def inverse3(m: Array) -> tuple[Array, float]:
    """Inverse and determinant of a 3×3 matrix."""
    out = np.empty((3, 3))
    for i in range(3):
        i1, i2 = (i + 1) % 3, (i + 2) % 3
        for j in range(3):
            j1, j2 = (j + 1) % 3, (j + 2) % 3
            out[j, i] = m[i1, j1] * m[i2, j2] - m[i1, j2] * m[i2, j1]
    determinant = m[0, 0] * out[0, 0] + m[0, 1] * out[1, 0] + m[0, 2] * out[2, 0]
    return out / determinant, determinant


@compiled()
def product(m: Array, n: Array) -> Array:
    """Product of two 3×3 matrices."""
    out = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            for k in range(3):
                out[i, j] += m[i, k] * n[k, j]
    return out


@compiled(inline="always")
def transform(m: Array, v: Array, out: Array) -> None:
    """``out = m v``."""
    for i in range(3):
        out[i] = m[i, 0] * v[0] + m[i, 1] * v[1] + m[i, 2] * v[2]


@compiled()
def placed(
    cell: Array, centres: Array, rotations: Array, images: Images, sites: Sites
) -> Placed:
    """Put every image of every body into the cell."""
    inverse, volume = inverse3(cell)
    n_images = images.body.shape[0]
    start = np.zeros(n_images + 1, np.int64)
    for m in range(n_images):
        b = images.body[m]
        start[m + 1] = start[m] + sites.start[b + 1] - sites.start[b]
    offsets = np.empty((start[n_images], 3))
    operators = np.zeros((start[n_images], sites.operators.shape[1]))
    has_axes = sites.axes.shape[0] > 0
    axes = np.empty((start[n_images] if has_axes else 0, 3))
    image_centres = np.empty((n_images, 3))
    for m in range(n_images):
        b = images.body[m]
        turn = product(images.cartesian[m], rotations[b])
        own = slice(sites.start[b], sites.start[b + 1])
        if sites.rank > 0:
            rotated_operators(
                turn, sites.operators[own], operators[start[m] : start[m + 1]]
            )
        else:
            operators[start[m] : start[m + 1], 0] = sites.operators[own, 0]
        for i in range(start[m + 1] - start[m]):
            transform(turn, sites.offsets[sites.start[b] + i], offsets[start[m] + i])
            if has_axes:
                transform(turn, sites.axes[sites.start[b] + i], axes[start[m] + i])
        transform(images.rotation[m], centres[b], image_centres[m])
        for k in range(3):
            image_centres[m, k] += images.translation[m, k]
    return Placed(cell, inverse, volume, image_centres, offsets, operators, start, axes)


@compiled()
def collect(slopes: Array, offsets: Array, gradient: Gradient, body: int) -> None:
    """Add derivatives at the sites of one body to those of its centre and rotation."""
    for i in range(slopes.shape[0]):
        for k in range(3):
            gradient.centre[body, k] += slopes[i, k]
            k1, k2 = (k + 1) % 3, (k + 2) % 3
            gradient.rotation[body, k] += (
                offsets[i, k1] * slopes[i, k2] - offsets[i, k2] * slopes[i, k1]
            )


@compiled()
def _bounds(delta: Array, limit: float, inverse: Array) -> tuple[Integers, Integers]:
    """Lattice translations that may bring an image within ``limit``, each axis."""
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for k in range(3):
        reach = limit * math.sqrt(
            inverse[0, k] ** 2 + inverse[1, k] ** 2 + inverse[2, k] ** 2
        )
        low[k] = math.ceil(-reach - delta[k])
        high[k] = math.floor(reach - delta[k])
    return low, high


@compiled()
def separations(first: int, other: int, limit: float, crystal: Placed) -> Array:
    """Vectors from the centre of one image to all copies of another within ``limit``.

    Returns:
        Shape (n, 3), Å; an image is not its own neighbour.
    """
    delta = crystal.centres[other] - crystal.centres[first]
    low, high = _bounds(delta, limit, crystal.inverse)
    most = max(0, high[0] - low[0] + 1)
    most *= max(0, high[1] - low[1] + 1) * max(0, high[2] - low[2] + 1)
    out = np.empty((most, 3))
    found = 0
    for n0 in range(low[0], high[0] + 1):
        for n1 in range(low[1], high[1] + 1):
            for n2 in range(low[2], high[2] + 1):
                if other == first and n0 == 0 and n1 == 0 and n2 == 0:
                    continue
                d2 = 0.0
                for k in range(3):
                    out[found, k] = (
                        (delta[0] + n0) * crystal.cell[0, k]
                        + (delta[1] + n1) * crystal.cell[1, k]
                        + (delta[2] + n2) * crystal.cell[2, k]
                    )
                    d2 += out[found, k] * out[found, k]
                if d2 < limit * limit:
                    found += 1
    return out[:found]
