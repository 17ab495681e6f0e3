"""Saddle points are left downhill, with the symmetry that the way down has."""

from dataclasses import replace

import numpy as np

from csp.potentials.rigid_crystal import (
    RigidCrystal,
    Tables,
    expanded,
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
    end: Minimisation, tables: Tables, settings: RelaxationSettings
) -> tuple[Minimisation, Stability]:
    """A minimum that is one in every direction.

    A saddle point is left downhill, with the symmetry that this move has, and minimised
    again. What is still a saddle point after that has been done a few times gets this
    status.

    Returns:
        Where it ended (the input, if that is a true minimum) and the curvatures there.
    """
    found = stability(end.crystal, tables)
    for _ in range(_MOST_DESCENTS):
        if found.is_minimum or end.status is not Status.CONVERGED:
            return end, found
        start, tables = lowered(end.crystal, tables, found.downhill)
        end = minimised(start, tables, settings, tables)
        found = stability(end.crystal, tables)
    if not found.is_minimum:
        end = replace(end, status=Status.SADDLE)
    return end, found


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
    sources = [carried(whole, operations, k) for k in range(len(operations.rotations))]
    images = [
        turned_move(move, source, operations.cartesian[k])
        for k, source in enumerate(sources)
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
    subgroup = operations.chosen(kept)
    start = rigid_crystal(
        [whole.bodies[i] for i in chosen],
        moved.cell,
        moved.centres[chosen],
        moved.rotations[chosen],
        (subgroup.rotations, subgroup.translations),
    )
    owners = crystal.images.body[chosen]
    return start, tables.of_copies(start.bodies, owners)
