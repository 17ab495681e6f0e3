"""Soft spheres under pressure: overlaps are pushed apart and gaps closed.

Each pair of sites repels as ``κ (σ − r)³`` below the contact distance σ, the distance
at which the force field's own exp-6 rises to 10 kJ/mol; the cell is under a pressure.
The sums and the minimiser are those of the force field with other tables.
"""

import numpy as np

from csp.potentials.kernels.tables import Cutoffs, Pairs
from csp.units import KJ_PER_MOL_PER_GPA_ANGSTROM3

_CONTACT_ENERGY = 10.0
_STIFFNESS = 200.0
"""kJ/mol/Å³."""
_PRESSURE_GPA = 0.2
_DISTANCES = np.linspace(0.5, 4.0, 701)


def contact_table(pairs: Pairs) -> Pairs:
    """Pair parameters of soft spheres that touch where exp-6 starts to repel."""
    r = _DISTANCES[:, None, None]
    energy = pairs.repulsion * np.exp(-pairs.exponent * r) - pairs.dispersion / r**6
    repels = energy > _CONTACT_ENERGY
    last = len(_DISTANCES) - 1 - np.argmax(repels[::-1], axis=0)
    contact = np.where(repels.any(axis=0), _DISTANCES[last], _DISTANCES[0])
    none = np.zeros_like(contact)
    return Pairs(
        none, none, none, contact, none, none, np.full_like(contact, _STIFFNESS)
    )


def press_cutoffs(contacts: Pairs) -> Cutoffs:
    """Sums that end at the largest contact distance, without charges."""
    return Cutoffs(
        switch_on=0.0,
        cutoff=0.0,
        contact=float(contacts.wall.max()),
        higher_on=0.0,
        higher=0.0,
        spline=0.0,
        alpha=0.0,
        ewald=0.0,
        reciprocal=0.0,
        tail=0.0,
        pressure=_PRESSURE_GPA * KJ_PER_MOL_PER_GPA_ANGSTROM3,
        constant=np.zeros(3),
    )
