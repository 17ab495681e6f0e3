"""Saddle points are left downhill, with the symmetry that the way down has."""

from dataclasses import replace

import numpy as np

from csp.potentials.rigid_crystal import (
    RigidCrystal,
    Tables,
    expanded,
    orthogonal_rotations,
    rigid_crystal,
)
from csp.records import Status
from csp.relaxation.minimisation import Minimisation, minimised
from csp.relaxation.moves import Displacement, carried, distance_between, turned_move
from csp.relaxation.settings import RelaxationSettings
from csp.relaxation.stability import Stability, stability

_DESCENT = 0.3
"""Å; how far a saddle point is left."""
_SAME_MOVE = 0.05
"""Å; moves of 1 Å that differ by less are the same."""
_MOST_DESCENTS = 3


def settled(
    crystal: RigidCrystal, tables: Tables, settings: RelaxationSettings
) -> tuple[Minimisation | None, Stability]:
    """The minimum in every direction that lies below a relaxed crystal.

    A saddle point is left downhill, with the symmetry that this move has, and minimised
    again. What is still a saddle point after that has been done a few times gets this
    status.

    Returns:
        Where it ended, None if the crystal is such a minimum itself; and the curvatures
        there. Its evaluations are those of all descents.
    """
    found = stability(crystal, tables)
    end, evaluations = None, 0
    for _ in range(_MOST_DESCENTS):
        if found.is_minimum:
            break
        start, tables = lowered(crystal, tables, found.downhill[0][0])
        end = minimised(start, tables, settings, tables)
        crystal, evaluations = end.crystal, evaluations + end.n_evaluations
        found = stability(crystal, tables)
        if end.status is not Status.CONVERGED:
            break
    if end is None:
        return None, found
    is_saddle = end.status is Status.CONVERGED and not found.is_minimum
    status = Status.SADDLE if is_saddle else end.status
    return replace(end, status=status, n_evaluations=evaluations), found


def lowered(
    crystal: RigidCrystal, tables: Tables, move: Displacement
) -> tuple[RigidCrystal, Tables]:
    """A crystal moved along a way that its symmetry does not allow.

    It keeps the operations that leave the move as it is (the isotropy subgroup); of
    each orbit of molecules under these, one becomes a body.

    Returns:
        The crystal and the tables of its bodies.
    """
    whole = expanded(crystal)
    operations = crystal.operations
    sources = [
        carried(whole, *operation) for operation in zip(*operations, strict=True)
    ]
    cartesian = orthogonal_rotations(operations, crystal.cell)
    images = [
        turned_move(move, source, matrix)
        for source, matrix in zip(sources, cartesian, strict=True)
    ]
    kept = np.array(
        [
            k
            for k, image in enumerate(images)
            if distance_between(image, move, whole) < _SAME_MOVE
        ]
    )
    mean = Displacement(
        np.mean([images[k].shifts for k in kept], axis=0),
        np.mean([images[k].turns for k in kept], axis=0),
        np.mean([images[k].strain for k in kept], axis=0),
    )
    moved = mean.applied(whole, _DESCENT)
    first = np.min([sources[k] for k in kept], axis=0)
    chosen = np.unique(first)
    start = rigid_crystal(
        [whole.bodies[i] for i in chosen],
        moved.cell,
        moved.centres[chosen],
        moved.rotations[chosen],
        operations.chosen(kept),
    )
    owners = crystal.images.body[chosen]
    return start, tables.of_copies(start.bodies, owners)
