"""Where a molecule's own frame lies in a crystal."""

from typing import NamedTuple

import numpy as np

from csp.arrays import AtomicNumbers, Mask, Matrix, Positions, Vector
from csp.errors import InputError
from csp.geometry import overlay

_HYDROGEN = 1
_WORST_FIT = 0.1
"""Å, root mean square; sites further from their atoms are not theirs."""
_SAME_FIT = 0.01
"""Å; a proper rotation this good is preferred to a mirror image."""
_SAME_SCALE = 0.2
"""Relative; positions that differ by more are in another unit."""
_FLAT = 0.1
"""Å; extent below which points lie in a line."""


class Frame(NamedTuple):
    """``x = Q (s p) + t``: the place in the crystal of a point p of the frame.

    Attributes:
        orthogonal: Q, perhaps improper.
        translation: t, Å.
        scale: s; 1 unless the frame has another unit.
    """

    orthogonal: Matrix
    translation: Vector
    scale: float


def frame_of(
    sites: Positions, atoms: Positions, numbers: AtomicNumbers, name: str
) -> Frame:
    """The frame of sites that belong, row by row, to atoms of a crystal.

    Hydrogen sites may be nearer to or further from their neighbour than the crystal's
    atoms, so that the other atoms decide where there are enough of them.

    Args:
        sites: In the molecule's frame, Å.
        atoms: In the crystal, Å.
        numbers: Atomic number of each.
        name: What to call the molecule in the message.

    Raises:
        InputError: If no rigid motion brings the sites to the atoms.
    """
    if len(sites) == 1:
        return Frame(np.eye(3), atoms[0] - sites[0], 1.0)
    use = _deciding(atoms, numbers)
    scale = _extent(atoms[use]) / _extent(sites[use])
    if abs(scale - 1.0) < _SAME_SCALE:
        scale = 1.0
    points = scale * sites[use]
    best = overlay(points, atoms[use], improper=False)
    if best.rmsd > _SAME_FIT:
        mirrored = overlay(points, atoms[use], improper=True)
        best = min(best, mirrored, key=lambda fit: fit.rmsd)
    if best.rmsd > _WORST_FIT:
        raise InputError(
            f"the sites of {name} do not fit its atoms in the crystal (they miss them "
            f"by {best.rmsd:.2f} Å, at most {_WORST_FIT} Å): list the sites molecule "
            "by molecule in the order of the crystal's atoms"
        )
    return Frame(best.rotation, best.translation, scale)


def _deciding(atoms: Positions, numbers: AtomicNumbers) -> Mask:
    heavy = np.asarray(numbers != _HYDROGEN)
    if heavy.sum() >= 3 and not _is_line(atoms[heavy]):  # noqa: PLR2004
        return heavy
    return np.ones(len(numbers), dtype=bool)


def _is_line(points: Positions) -> bool:
    centred = points - points.mean(axis=0)
    return bool(np.linalg.svd(centred, compute_uv=False)[1] < _FLAT)


def _extent(points: Positions) -> float:
    """Root of the summed squared distances from the mean, Å."""
    extent = float(np.linalg.norm(points - points.mean(axis=0)))
    return max(extent, np.finfo(float).tiny)
