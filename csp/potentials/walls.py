"""A repulsive continuation of the pair energy at short range.

``A e^{−Br} − C r⁻⁶ + q q'/r`` is unbounded below where r⁻⁶ or two opposite charges win.
Inside the *wall*, the distance at which the pair's repulsive force has its inner
maximum, exp-6 goes on as ``U_w + F_w x + κ x³`` with ``x = r_w − r`` and multipoles
interact at a distance that stays above 4/5 of r_w, so that exp-6 and charges together
rise to a finite value at r = 0; energy and force are continuous at the wall.
"""

from typing import NamedTuple

import numpy as np

from csp.arrays import Scalars
from csp.potentials.exp6 import Exp6
from csp.units import COULOMB_CONSTANT

_DISTANCES = np.linspace(0.1, 2.5, 2401)
"""Å; where the inner maximum of the force is looked for."""
_WEAKEST_FORCE = 500.0
"""kJ/mol/Å; a force maximum below this is no barrier."""
_CUBIC = 2000.0
"""kJ/mol/Å³."""
_FALLBACK = 1.2
"""Å; the wall of a pair that has no barrier of its own."""


class Wall(NamedTuple):
    """Where exp-6 is continued; its energy, force and cubic coefficient there."""

    distance: float
    energy: float
    force: float
    cubic: float


def pair_energy(exp6: Exp6, charge_product: float, r: Scalars) -> Scalars:
    """Energy of two sites in vacuum, kJ/mol, without a wall."""
    return np.asarray(
        exp6.repulsion * np.exp(-exp6.exponent * r)
        - exp6.dispersion / r**6
        + COULOMB_CONSTANT * charge_product / r
    )


def pair_force(exp6: Exp6, charge_product: float, r: Scalars) -> Scalars:
    """``−dU/dr`` of :func:`pair_energy`, kJ/mol/Å."""
    return np.asarray(
        exp6.exponent * exp6.repulsion * np.exp(-exp6.exponent * r)
        - 6.0 * exp6.dispersion / r**7
        + COULOMB_CONSTANT * charge_product / r**2
    )


def wall_of(exp6: Exp6, charge_product: float) -> Wall:
    """The wall of one pair of sites.

    A pair that repels ever more down to 0.1 Å has its wall there. A pair without a
    barrier worth the name (opposite charges, hardly any repulsion) gets one at 1.2 Å,
    where the force jumps; one that hardly repels, but at all distances, has none.
    Inside, exp-6 repels by 500 kJ/mol/Å more than opposite charges attract.
    """
    force = pair_force(exp6, charge_product, _DISTANCES)
    rising = np.diff(force, prepend=-np.inf) > 0.0
    # outermost distance at which the force stops growing inwards
    peaks = np.flatnonzero(~rising[1:] & rising[:-1])
    strong = peaks[force[peaks] > _WEAKEST_FORCE]
    distance = float(_DISTANCES[strong[-1]]) if len(strong) else _FALLBACK
    if not len(strong) and charge_product >= 0.0 and exp6.dispersion == 0.0:
        return Wall(0.0, 0.0, 0.0, 0.0)
    at = np.array([distance])
    attraction = max(-COULOMB_CONSTANT * charge_product / distance**2, 0.0)
    return Wall(
        distance,
        float(pair_energy(exp6, 0.0, at)[0]),
        max(float(pair_force(exp6, 0.0, at)[0]), _WEAKEST_FORCE + attraction),
        _CUBIC,
    )
