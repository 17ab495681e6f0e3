"""Second derivatives of the energy by differences of gradients, compiled."""

import numpy as np

from csp.compiled import compiled
from csp.potentials.kernels.energy import energy_and_gradient, gradient_of_body
from csp.potentials.kernels.tables import Array, Integers
from csp.relaxation.kernels import Problem, State, moved_by, project, room_for

_DIFFERENCE = 1e-3
"""Å; step of the differences that give a first Hessian."""
_SOFTEST = 0.01
"""Of the stiffest direction; a first guess takes none for softer."""


@compiled()
def inverse_hessian(state: State, problem: Problem) -> Array:
    """Inverse of the Hessian along the degrees of freedom, made positive definite.

    From forward differences of the gradient; eigenvalues are taken positive and no
    smaller than a hundredth of the largest.
    """
    images, tables, freedom = problem
    n, gradient, terms = room_for(state, freedom)
    here, there, step = np.zeros(n), np.zeros(n), np.zeros(n)
    hessian = np.zeros((n, n))
    energy_and_gradient(state, images, tables, gradient, terms)
    project(gradient, problem, here)
    for k in range(n):
        step[:] = 0.0
        step[k] = _DIFFERENCE
        moved = moved_by(step, state, freedom)
        energy_and_gradient(moved, images, tables, gradient, terms)
        project(gradient, problem, there)
        for j in range(n):
            hessian[k, j] += 0.5 * (there[j] - here[j]) / _DIFFERENCE
            hessian[j, k] += 0.5 * (there[j] - here[j]) / _DIFFERENCE
    values, vectors = np.linalg.eigh(hessian)
    least = _SOFTEST * np.abs(values).max()
    out = np.zeros((n, n))
    for m in range(n):
        stiffness = max(abs(values[m]), least)
        for i in range(n):
            for j in range(n):
                out[i, j] += vectors[i, m] * vectors[j, m] / stiffness
    return out


@compiled()
def hessian_rows(
    chosen: Integers, state: State, problem: Problem, step: float
) -> Array:
    """Rows of the Hessian of a crystal without symmetry, kJ/mol/Å² per molecule.

    Central differences of gradients; for a move of one body only that part of the
    energy is summed in which it has a share.

    Args:
        chosen: Degrees of freedom that are moved: strains, translations, rotations.
        state: Where.
        problem: A crystal all of whose molecules are bodies.
        step: Of the differences, Å.
    """
    images, tables, freedom = problem
    n, gradient, terms = room_for(state, freedom)
    n_strain = freedom.strains.shape[0]
    n_translation = freedom.translations.shape[0]
    rows = np.zeros((chosen.shape[0], n))
    move, slopes = np.zeros(n), np.zeros(n)
    for row in range(chosen.shape[0]):
        k = chosen[row]
        for sign in (1.0, -1.0):
            move[:] = 0.0
            move[k] = sign * step
            moved = moved_by(move, state, freedom)
            if k < n_strain:
                energy_and_gradient(moved, images, tables, gradient, terms)
            elif k < n_strain + n_translation:
                body = freedom.translation_owner[k - n_strain]
                gradient_of_body(moved, body, images, tables, gradient)
            else:
                body = freedom.rotation_owner[k - n_strain - n_translation]
                gradient_of_body(moved, body, images, tables, gradient)
            project(gradient, problem, slopes)
            rows[row] += 0.5 * sign / step * slopes
    return rows
