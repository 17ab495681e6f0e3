"""Small linear algebra, and where the molecules of a cell are."""

import numpy as np
from numba import njit

from csp.potentials.kernels.tables import Array, Gradient, Images, Placed, Sites


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def product(m: Array, n: Array) -> Array:
    """Product of two 3×3 matrices."""
    out = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            for k in range(3):
                out[i, j] += m[i, k] * n[k, j]
    return out


@njit(cache=True, nogil=True, inline="always")
def transform(m: Array, v: Array, out: Array) -> None:
    """``out = m v``."""
    for i in range(3):
        out[i] = m[i, 0] * v[0] + m[i, 1] * v[1] + m[i, 2] * v[2]


@njit(cache=True, nogil=True)
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
    image_centres = np.empty((n_images, 3))
    for m in range(n_images):
        b = images.body[m]
        turn = product(images.cartesian[m], rotations[b])
        for i in range(start[m + 1] - start[m]):
            transform(turn, sites.offsets[sites.start[b] + i], offsets[start[m] + i])
        transform(images.rotation[m], centres[b], image_centres[m])
        for k in range(3):
            image_centres[m, k] += images.translation[m, k]
    return Placed(cell, inverse, volume, image_centres, offsets, start)


@njit(cache=True, nogil=True)
def collect(slopes: Array, offsets: Array, gradient: Gradient, body: int) -> None:
    """Add derivatives at the sites of one body to those of its centre and rotation."""
    for i in range(slopes.shape[0]):
        for k in range(3):
            gradient.centre[body, k] += slopes[i, k]
            k1, k2 = (k + 1) % 3, (k + 2) % 3
            gradient.rotation[body, k] += (
                offsets[i, k1] * slopes[i, k2] - offsets[i, k2] * slopes[i, k1]
            )
