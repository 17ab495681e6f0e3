"""The minimiser, compiled whole: BFGS over cell, centres and orientations.

A step is a vector of lengths (Å): strains times the cell's size, displacements of the
centres, rotations times the molecule's radius of gyration. It is applied to the
current cell and orientations, so there is no singular parametrisation; gradients at
successive points are compared in their own frames.

References:
    BFGS with backtracking: Nocedal & Wright, Numerical Optimization (2006), ch. 3, 6.
"""

import math
from typing import NamedTuple, TypeAlias

import numpy as np

from csp.compiled import compiled
from csp.potentials.kernels.energy import TERMS, energy_and_gradient
from csp.potentials.kernels.placing import inverse3, product
from csp.potentials.kernels.tables import Array, Gradient, Images, Integers, Tables

CONVERGED, STEP_LIMIT, FELL_APART, STALLED = 0, 1, 2, 3
"""How a minimisation ends."""

_ARMIJO = 1e-4
_SHORTEST_STEP = 1e-7
_FIRST_STEP = 0.05
"""Å."""
_SMALLEST_SPACING = 1.2
"""Å; lattice planes closer than this are a folded cell."""
_LEAST_CURVATURE = 1e-12
_NOISE = 1e-5
"""kJ/mol per molecule; the lattice sums' ends may move the energy by less."""
_CURVATURE = 0.9
"""Where energies are no guide, a step must lessen the slope to this part of itself."""


class Freedom(NamedTuple):
    """The directions in which a crystal may move within its space group.

    Attributes:
        strains: Lower-triangular basis strains.
        size: Å that a unit strain is worth.
        translations: Row ``k`` is a Cartesian direction along which a body may move.
        translation_owner: Which body.
        rotations: Row ``k`` is an axis about which a body may turn.
        rotation_owner: Which body.
        radius: Å that a radian is worth, of each body.
    """

    strains: Array
    size: float
    translations: Array
    translation_owner: Integers
    rotations: Array
    rotation_owner: Integers
    radius: Array


class Limits(NamedTuple):
    """When to stop.

    Attributes:
        gradient: Largest component at a minimum, kJ/mol/Å per molecule.
        evaluations: Energies computed before giving up.
        step: Largest move of one degree of freedom, Å.
        volume: Cell volume beyond which a crystal has fallen apart, Å³.
    """

    gradient: float
    evaluations: int
    step: float
    volume: float


State: TypeAlias = tuple[Array, Array, Array]
"""Cell, fractional centres and orientations of the bodies."""

Problem: TypeAlias = tuple[Images, Tables, Freedom]


@compiled()
def project(gradient: Gradient, problem: Problem, out: Array) -> None:
    """Gradient along the degrees of freedom, per molecule, kJ/mol/Å."""
    images, _, freedom = problem
    n_molecules = images.body.shape[0]
    at = 0
    for strain in freedom.strains:
        out[at] = (strain * gradient.strain).sum() / freedom.size / n_molecules
        at += 1
    for k in range(freedom.translations.shape[0]):
        b = freedom.translation_owner[k]
        slope = (freedom.translations[k] * gradient.centre[b]).sum()
        out[at] = slope * images.copies[b] / n_molecules
        at += 1
    for k in range(freedom.rotations.shape[0]):
        b = freedom.rotation_owner[k]
        slope = (freedom.rotations[k] * gradient.rotation[b]).sum()
        out[at] = slope * images.copies[b] / n_molecules / freedom.radius[b]
        at += 1


@compiled()
def _turned(vector: Array, rotation: Array) -> Array:
    """``exp([vector]) @ rotation``, orthonormal to rounding (unit quaternion)."""
    angle = math.sqrt((vector * vector).sum())
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
    return product(turn, rotation)


@compiled()
def moved_by(step: Array, state: State, freedom: Freedom) -> State:
    """The crystal after a step; the input is left alone."""
    cell, centres, rotations = state
    n_strain = freedom.strains.shape[0]
    n_translation = freedom.translations.shape[0]
    strain = np.eye(3)
    for k in range(n_strain):
        strain += step[k] / freedom.size * freedom.strains[k]
    inverse, _ = inverse3(cell)
    new_centres = centres.copy()
    for k in range(n_translation):
        b = freedom.translation_owner[k]
        for i in range(3):
            shift = step[n_strain + k] * freedom.translations[k, i]
            new_centres[b] += shift * inverse[i]
    vectors = np.zeros((centres.shape[0], 3))
    for k in range(freedom.rotations.shape[0]):
        b = freedom.rotation_owner[k]
        angle = step[n_strain + n_translation + k] / freedom.radius[b]
        vectors[b] += angle * freedom.rotations[k]
    new_rotations = rotations.copy()
    for b in range(centres.shape[0]):
        new_rotations[b] = _turned(vectors[b], rotations[b])
    return product(cell, strain), new_centres, new_rotations


@compiled()
def _has_sound_cell(cell: Array, largest_volume: float) -> bool:
    """Whether the cell is neither blown up nor folded flat."""
    inverse, volume = inverse3(cell)
    if not 0.0 < volume < largest_volume:
        return False
    for k in range(3):
        density = (inverse[:, k] * inverse[:, k]).sum()
        if density * _SMALLEST_SPACING**2 > 1.0:
            return False
    return True


@compiled()
def _update_inverse_hessian(h: Array, step: Array, change: Array) -> None:
    """BFGS update; left out where the curvature along the step is not positive."""
    n = step.shape[0]
    curvature = (step * change).sum()
    if curvature <= _LEAST_CURVATURE * (change * change).sum():
        return
    hy = np.zeros(n)
    for i in range(n):
        hy[i] = (h[i] * change).sum()
    scale = (1.0 + (change * hy).sum() / curvature) / curvature
    for i in range(n):
        for j in range(n):
            h[i, j] += (
                scale * step[i] * step[j]
                - (hy[i] * step[j] + step[i] * hy[j]) / curvature
            )


@compiled()
def _reset(h: Array, scale: float) -> None:
    h[:] = 0.0
    for i in range(h.shape[0]):
        h[i, i] = scale


@compiled()
def _largest(vector: Array) -> float:
    out = 0.0
    for value in vector:
        out = max(out, abs(value))
    return out


@compiled()
def _direction(h: Array, g: Array, longest: float) -> Array:
    """``−H g``, shortened to the longest step."""
    step = np.empty(g.shape[0])
    for i in range(g.shape[0]):
        step[i] = -(h[i] * g).sum()
    top = _largest(step)
    if top > longest:
        step *= longest / top
    return step


@compiled()
def _line_search(
    start: tuple[State, float, Array, Array],
    problem: Problem,
    limits: Limits,
    evaluations: int,
    out: tuple[Gradient, Array],
) -> tuple[int, float, State, float, int]:
    """Shorten a step until the energy falls enough (Armijo's condition).

    Where the change of energy drowns in the noise of the sums, the slope decides.

    Args:
        start: State, its energy and gradient, and the step.
        problem: Images, tables, freedom.
        limits: When to stop.
        evaluations: Spent so far.
        out: Gradient and terms of the last point tried.

    Returns:
        How it ended, the fraction of the step taken, the state there, its energy, and
        the evaluations spent so far.
    """
    state, energy, g, step = start
    images, tables, freedom = problem
    n_molecules = images.body.shape[0]
    slope = (g * step).sum()
    length = _largest(step)
    new_g = np.empty(g.shape[0])
    factor = 1.0
    is_sound = True
    while factor * length > _SHORTEST_STEP and evaluations < limits.evaluations:
        trial = moved_by(factor * step, state, freedom)
        is_sound = _has_sound_cell(trial[0], limits.volume)
        if not is_sound:
            factor *= 0.3
            continue
        new_energy = energy_and_gradient(trial, images, tables, out[0], out[1])
        evaluations += 1
        change = (new_energy - energy) / n_molecules
        is_lower = change <= _ARMIJO * factor * slope
        if not is_lower and change < _NOISE:
            project(out[0], problem, new_g)
            is_lower = abs((new_g * step).sum()) <= -_CURVATURE * slope
        if is_lower:
            return CONVERGED, factor, trial, new_energy, evaluations
        # minimum of the parabola through both energies and the slope
        best = -0.5 * factor * slope / (change / factor - slope)
        factor = min(max(best, 0.1 * factor), 0.5 * factor)
    return (STALLED if is_sound else FELL_APART), 0.0, state, energy, evaluations


@compiled()
def room_for(state: State, freedom: Freedom) -> tuple[int, Gradient, Array]:
    """Number of degrees of freedom, and where a gradient and energy terms go."""
    n = freedom.strains.shape[0]
    n += freedom.translations.shape[0] + freedom.rotations.shape[0]
    n_bodies = state[1].shape[0]
    gradient = Gradient(
        np.zeros((3, 3)), np.zeros((n_bodies, 3)), np.zeros((n_bodies, 3))
    )
    return n, gradient, np.zeros(len(TERMS))


@compiled()
def minimise(
    state: State, problem: Problem, limits: Limits, guess: Array
) -> tuple[State, float, Array, float, int, int]:
    """Relax one crystal; everything happens here, without the GIL.

    Args:
        state: Cell, centres and orientations to start from.
        problem: Images, tables and freedom.
        limits: When to stop.
        guess: Inverse Hessian to start from; an empty one if nothing is known.

    Returns:
        State at the end, energy per cell, its terms, largest gradient component per
        molecule, evaluations spent, and how it ended.
    """
    images, tables, freedom = problem
    n, gradient, terms = room_for(state, freedom)
    g, new_g = np.zeros(n), np.zeros(n)
    h = np.zeros((n, n))
    energy = energy_and_gradient(state, images, tables, gradient, terms)
    project(gradient, problem, g)
    evaluations, code = 1, STEP_LIMIT
    is_fresh = guess.shape[0] == 0
    if is_fresh:
        _reset(h, _FIRST_STEP / max(_largest(g), limits.gradient))
    else:
        h[:] = guess
    while evaluations < limits.evaluations:
        if _largest(g) < limits.gradient:
            code = CONVERGED
            break
        step = _direction(h, g, limits.step)
        if (step * g).sum() >= 0.0:
            _reset(h, _FIRST_STEP / _largest(g))
            is_fresh = True
            step = _direction(h, g, limits.step)
        end, factor, new_state, new_energy, evaluations = _line_search(
            (state, energy, g, step), problem, limits, evaluations, (gradient, terms)
        )
        if end != CONVERGED:
            if is_fresh or end == FELL_APART:
                code = end
                break
            _reset(h, _FIRST_STEP / _largest(g))
            is_fresh = True
            continue
        project(gradient, problem, new_g)
        step *= factor
        change = new_g - g
        curvature = (step * change).sum()
        if is_fresh and curvature > 0.0:
            _reset(h, curvature / (change * change).sum())
            is_fresh = False
        _update_inverse_hessian(h, step, change)
        state, energy = new_state, new_energy
        g[:] = new_g
    energy = energy_and_gradient(state, images, tables, gradient, terms)
    return state, energy, terms, _largest(g), evaluations, code
