"""Rigid bodies by themselves: the force field without periodic images."""

from collections.abc import Sequence

import numpy as np

from csp.arrays import Vectors
from csp.potentials.bodies import Body
from csp.potentials.exp6 import ParameterSet
from csp.potentials.force_field import cell_energy
from csp.potentials.rigid_crystal import rigid_crystal, tables_of
from csp.potentials.settings import PotentialSettings
from csp.spacegroups import Operations

_ALPHA = 1e-12
"""1/Å; an Ewald parameter so small that its real space is Coulomb's law."""
P1 = Operations(np.eye(3)[None], np.zeros((1, 3)))


def isolated_energy(
    bodies: Sequence[Body],
    centres: Vectors,
    parameters: ParameterSet,
    settings: PotentialSettings,
) -> float:
    """Energy of some bodies in empty space, kJ/mol.

    The same sums as in a crystal, with the same switches: a cell that is larger than
    their reach, no reciprocal sum, no tail.

    Args:
        bodies: In the orientation that they have.
        centres: Of each, Å.
        parameters: Exp-6.
        settings: How far the sums go.
    """
    tables = tables_of(bodies, parameters, settings)
    span = np.linalg.norm(centres[:, None] - centres[None], axis=2).max()
    reach = float(span + 2.0 * tables.sites.radius.max()) + 1.0
    longest = max(reach, settings.cutoff, settings.multipole_cutoff)
    cell = 3.0 * (longest + reach) * np.eye(3)
    turns = np.tile(np.eye(3), (len(bodies), 1, 1))
    crystal = rigid_crystal(bodies, cell, centres @ np.linalg.inv(cell), turns, P1)
    sites, pairs, cutoffs = tables.with_reach(crystal.images)
    alone = cutoffs._replace(
        alpha=_ALPHA if cutoffs.alpha > 0.0 else 0.0,
        ewald=reach,
        reciprocal=0.0,
        tail=0.0,
        pressure=0.0,
        constant=np.zeros(3),
    )
    return cell_energy(
        cell, crystal.centres, turns, crystal.images, (sites, pairs, alone)
    ).energy
