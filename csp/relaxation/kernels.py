"""The minimiser, compiled whole: BFGS over cell, centres and orientations.

A step is a vector of lengths (Å): strains times the cell's size, displacements of the
centres, rotations times the molecule's radius of gyration. It is applied to the
current cell and orientations, so there is no singular parametrisation; gradients at
successive points are compared in their own frames.

References:
    BFGS with backtracking: Nocedal & Wright, Numerical Optimization (2006), ch. 3, 6.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from csp.potentials.kernels import Gradient, energy_and_gradient, inverse3

CONVERGED, STEP_LIMIT, FELL_APART, STALLED = 0, 1, 2, 3

_ARMIJO = 1e-4
_SHORTEST_STEP = 1e-7
_SMALLEST_SPACING = 1.2
_FIRST_STEP = 0.05


class Freedom(NamedTuple):
    """The directions in which a crystal may move within its space group.

    strains: lower-triangular basis strains; size: Å a unit strain is worth;
    translations, rotations: row ``k`` is a Cartesian direction that body ``owner[k]``
    may be moved along or turned about; radius: Å a radian is worth, of each body.
    """

    strains: np.ndarray
    size: float
    translations: np.ndarray
    translation_owner: np.ndarray
    rotations: np.ndarray
    rotation_owner: np.ndarray
    radius: np.ndarray


class Limits(NamedTuple):
    """When to stop: largest gradient (kJ/mol/Å per molecule), evaluations, Å a step."""

    gradient: float
    evaluations: int
    step: float
    volume: float


@njit(cache=True, nogil=True)
def _project(gradient, freedom, images, n_molecules, out):
    """Gradient along the degrees of freedom, per molecule, kJ/mol/Å."""
    n_strain = freedom.strains.shape[0]
    n_translation = freedom.translations.shape[0]
    for k in range(n_strain):
        total = 0.0
        for i in range(3):
            for j in range(3):
                total += freedom.strains[k, i, j] * gradient.strain[i, j]
        out[k] = total / freedom.size / n_molecules
    for k in range(n_translation):
        b = freedom.translation_owner[k]
        total = 0.0
        for i in range(3):
            total += freedom.translations[k, i] * gradient.centre[b, i]
        out[n_strain + k] = total * images.count[b] / n_molecules
    for k in range(freedom.rotations.shape[0]):
        b = freedom.rotation_owner[k]
        total = 0.0
        for i in range(3):
            total += freedom.rotations[k, i] * gradient.rotation[b, i]
        out[n_strain + n_translation + k] = (
            total * images.count[b] / n_molecules / freedom.radius[b]
        )


@njit(cache=True, nogil=True)
def _turn(vector, rotation):
    """``exp([vector]) @ rotation``, orthonormal to rounding (unit quaternion)."""
    angle = math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
    if angle == 0.0:
        return rotation.copy()
    w, s = math.cos(0.5 * angle), math.sin(0.5 * angle) / angle
    x, y, z = s * vector[0], s * vector[1], s * vector[2]
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    out = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            for k in range(3):
                out[i, j] += turn[i, k] * rotation[k, j]
    return out


@njit(cache=True, nogil=True)
def _move(step, cell, centres, rotations, freedom):
    """The crystal after a step; the input is left alone."""
    n_strain = freedom.strains.shape[0]
    n_translation = freedom.translations.shape[0]
    strain = np.eye(3)
    for k in range(n_strain):
        for i in range(3):
            for j in range(3):
                strain[i, j] += step[k] / freedom.size * freedom.strains[k, i, j]
    new_cell = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            for k in range(3):
                new_cell[i, j] += cell[i, k] * strain[k, j]
    inverse, _ = inverse3(cell)
    new_centres = centres.copy()
    for k in range(n_translation):
        b = freedom.translation_owner[k]
        for i in range(3):
            for j in range(3):
                new_centres[b, j] += (
                    step[n_strain + k] * freedom.translations[k, i] * inverse[i, j]
                )
    new_rotations = rotations.copy()
    for b in range(centres.shape[0]):
        vector = np.zeros(3)
        for k in range(freedom.rotations.shape[0]):
            if freedom.rotation_owner[k] == b:
                amount = step[n_strain + n_translation + k] / freedom.radius[b]
                for i in range(3):
                    vector[i] += amount * freedom.rotations[k, i]
        new_rotations[b] = _turn(vector, rotations[b])
    return new_cell, new_centres, new_rotations


@njit(cache=True, nogil=True)
def _has_sound_cell(cell, largest_volume):
    """Whether the cell is neither blown up nor folded flat."""
    inverse, volume = inverse3(cell)
    if not (0.0 < volume < largest_volume):
        return False
    for k in range(3):
        length = math.sqrt(
            inverse[0, k] ** 2 + inverse[1, k] ** 2 + inverse[2, k] ** 2
        )
        if length * _SMALLEST_SPACING > 1.0:
            return False
    return True


@njit(cache=True, nogil=True)
def _update_inverse_hessian(h, step, change):
    """BFGS update; left out where the curvature along the step is not positive."""
    n = step.shape[0]
    curvature = 0.0
    norm = 0.0
    for i in range(n):
        curvature += step[i] * change[i]
        norm += change[i] * change[i]
    if curvature <= 1e-12 * norm:
        return
    hy = np.zeros(n)
    for i in range(n):
        for j in range(n):
            hy[i] += h[i, j] * change[j]
    yhy = 0.0
    for i in range(n):
        yhy += change[i] * hy[i]
    scale = (1.0 + yhy / curvature) / curvature
    for i in range(n):
        for j in range(n):
            h[i, j] += (
                scale * step[i] * step[j]
                - (hy[i] * step[j] + step[i] * hy[j]) / curvature
            )


@njit(cache=True, nogil=True)
def _reset(h, scale):
    h[:] = 0.0
    for i in range(h.shape[0]):
        h[i, i] = scale


@njit(cache=True, nogil=True)
def _largest(vector):
    out = 0.0
    for value in vector:
        out = max(out, abs(value))
    return out


@njit(cache=True, nogil=True)
def _direction(h, g, longest):
    """``−H g``, shortened to the longest step; and its slope."""
    n = g.shape[0]
    step = np.zeros(n)
    for i in range(n):
        for j in range(n):
            step[i] -= h[i, j] * g[j]
    top = _largest(step)
    if top > longest:
        for i in range(n):
            step[i] *= longest / top
    slope = 0.0
    for i in range(n):
        slope += step[i] * g[i]
    return step, slope


@njit(cache=True, nogil=True)
def minimise(cell, centres, rotations, images, tables, freedom, limits):
    """Relax one crystal; everything happens here, without the GIL.

    Returns:
        Cell, centres, rotations, energy per cell, its terms, largest gradient component
        per molecule, evaluations spent, and the status.
    """
    n_bodies = centres.shape[0]
    n = (
        freedom.strains.shape[0]
        + freedom.translations.shape[0]
        + freedom.rotations.shape[0]
    )
    n_molecules = images.body.shape[0]
    gradient = Gradient(
        np.zeros((3, 3)), np.zeros((n_bodies, 3)), np.zeros((n_bodies, 3))
    )
    terms = np.zeros(6)
    g, new_g = np.zeros(n), np.zeros(n)
    energy = energy_and_gradient(
        cell, centres, rotations, images, tables, gradient, terms
    )
    _project(gradient, freedom, images, n_molecules, g)
    evaluations = 1
    h = np.zeros((n, n))
    fresh = True
    status = STEP_LIMIT
    _reset(h, _FIRST_STEP / max(_largest(g), 1e-12))
    while evaluations < limits.evaluations:
        if _largest(g) < limits.gradient:
            status = CONVERGED
            break
        step, slope = _direction(h, g, limits.step)
        if slope >= 0.0:
            _reset(h, _FIRST_STEP / _largest(g))
            fresh = True
            step, slope = _direction(h, g, limits.step)
        factor = 1.0
        accepted = False
        while not accepted and factor * _largest(step) > _SHORTEST_STEP:
            if evaluations >= limits.evaluations:
                break
            trial = _move(factor * step, cell, centres, rotations, freedom)
            if not _has_sound_cell(trial[0], limits.volume):
                factor *= 0.3
                if factor < 1e-3:
                    return (
                        cell, centres, rotations, energy, terms, _largest(g),
                        evaluations, FELL_APART,
                    )
                continue
            new_energy = energy_and_gradient(
                trial[0], trial[1], trial[2], images, tables, gradient, terms
            )
            evaluations += 1
            change = (new_energy - energy) / n_molecules
            noise = 1e-12 * abs(energy) / n_molecules
            if change <= _ARMIJO * factor * slope + noise:
                accepted = True
            else:
                # minimum of the parabola through both energies and the slope
                best = -0.5 * factor * slope / (change / factor - slope)
                factor = min(max(best, 0.1 * factor), 0.5 * factor)
        if not accepted:
            if fresh:
                status = STALLED
                break
            _reset(h, _FIRST_STEP / _largest(g))
            fresh = True
            continue
        _project(gradient, freedom, images, n_molecules, new_g)
        for i in range(n):
            step[i] *= factor
        difference = new_g - g
        if fresh:
            sy, yy = 0.0, 0.0
            for i in range(n):
                sy += step[i] * difference[i]
                yy += difference[i] * difference[i]
            if sy > 0.0:
                _reset(h, sy / yy)
                fresh = False
        _update_inverse_hessian(h, step, difference)
        cell, centres, rotations = trial
        energy = new_energy
        g[:] = new_g
    energy = energy_and_gradient(
        cell, centres, rotations, images, tables, gradient, terms
    )
    return cell, centres, rotations, energy, terms, _largest(g), evaluations, status
