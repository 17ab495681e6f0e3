"""Symmetry operations as text, and lattices that their list leaves unsaid."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from ase.spacegroup.spacegroup import parse_sitesym

from csp.arrays import Matrix
from csp.errors import InputError
from csp.spacegroups import Operations

_SAME = 1e-3
"""Fractional; translations closer than this are one."""


class Centring(NamedTuple):
    """A centred lattice: its letter and a primitive basis, rows in old axes."""

    letter: str
    basis: Matrix


_HALF, _THIRD = 0.5, 1.0 / 3.0
CENTRINGS = (
    Centring("P", np.eye(3)),
    Centring("A", np.array([[1, 0, 0], [0, _HALF, -_HALF], [0, _HALF, _HALF]])),
    Centring("B", np.array([[_HALF, 0, _HALF], [0, 1, 0], [-_HALF, 0, _HALF]])),
    Centring("C", np.array([[_HALF, -_HALF, 0], [_HALF, _HALF, 0], [0, 0, 1]])),
    Centring(
        "I",
        np.array(
            [[-_HALF, _HALF, _HALF], [_HALF, -_HALF, _HALF], [_HALF, _HALF, -_HALF]]
        ),
    ),
    Centring(
        "R",
        np.array(
            [
                [2 * _THIRD, _THIRD, _THIRD],
                [-_THIRD, _THIRD, _THIRD],
                [-_THIRD, -2 * _THIRD, _THIRD],
            ]
        ),
    ),
    Centring(
        "R (reverse)",
        np.array(
            [
                [_THIRD, 2 * _THIRD, _THIRD],
                [-2 * _THIRD, -_THIRD, _THIRD],
                [_THIRD, -_THIRD, _THIRD],
            ]
        ),
    ),
    Centring("F", np.array([[0, _HALF, _HALF], [_HALF, 0, _HALF], [_HALF, _HALF, 0]])),
)
"""All centred lattices of International Tables A."""


def operations_from_text(texts: Sequence[str]) -> Operations:
    """Operations like ``-x+1/2,y,-z``; the identity may be missing.

    Raises:
        InputError: If one of them is no symmetry operation.
    """
    rotations, translations = [np.eye(3)], [np.zeros(3)]
    for text in texts:
        try:
            turns, shifts = parse_sitesym([text])
        except (ValueError, ZeroDivisionError, IndexError) as error:
            raise _nonsense(text) from error
        turn, shift = turns[0].astype(float), shifts[0].astype(float)
        if text.count(",") != 2 or abs(np.linalg.det(turn)) != 1.0:  # noqa: PLR2004
            raise _nonsense(text)
        if not np.array_equal(turn, np.eye(3)) or np.any(shift % 1.0):
            rotations.append(turn)
            translations.append(shift)
    return Operations(np.array(rotations), np.array(translations))


def _nonsense(text: str) -> InputError:
    return InputError(
        f"{text!r} is no symmetry operation: write it like '-x+1/2,y,-z' with a "
        "determinant of 1 or −1"
    )


def centrings_of(n_points: int, operations: Operations) -> list[Centring]:
    """Lattices with so many points a cell with which the operations form a group."""
    return [
        centring
        for centring in CENTRINGS
        if round(1.0 / np.linalg.det(centring.basis)) == n_points
        and is_group(in_basis(operations, centring.basis))
    ]


def in_basis(operations: Operations, basis: Matrix) -> Operations:
    """The same operations in new axes, given as rows in the old ones."""
    old_from_new = basis.T
    new_from_old = np.linalg.inv(old_from_new)
    return Operations(
        new_from_old @ operations.rotations @ old_from_new,
        operations.translations @ new_from_old.T,
    )


def is_group(operations: Operations) -> bool:
    """Whether products of operations are operations, up to lattice translations."""
    rotations, translations = operations
    if np.abs(rotations - np.rint(rotations)).max() > _SAME:
        return False
    for i, j in product(range(len(rotations)), repeat=2):
        turn = rotations[i] @ rotations[j]
        shift = rotations[i] @ translations[j] + translations[i]
        away = translations - shift
        away -= np.rint(away)
        same = np.abs(rotations - turn).max(axis=(1, 2)) < _SAME
        if not np.any(same & (np.abs(away).max(axis=1) < _SAME)):
            return False
    return True
