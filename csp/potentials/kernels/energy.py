"""The energy of a cell and its gradient, all terms together."""

import numpy as np

from csp.compiled import compiled
from csp.potentials.kernels.anisotropic import add_anisotropic
from csp.potentials.kernels.neighbours import add_neighbours
from csp.potentials.kernels.placing import placed
from csp.potentials.kernels.reciprocal import add_reciprocal
from csp.potentials.kernels.tables import Array, Gradient, Images, Tables

TERMS = (
    "repulsion",
    "dispersion",
    "charge_charge",
    "charge_dipole",
    "dipole_dipole",
    "higher_multipole",
    "wall",
    "tail",
    "work",
)
"""Parts of the energy; work is pressure times volume."""

_TAIL, _WORK = 7, 8


@compiled()
def _has_axes(tables: Tables) -> bool:
    """Whether some repulsion depends on directions."""
    return bool(tables[0].axes.shape[0] > 0 and tables[1].dipolar.shape[0] > 0)


@compiled()
def energy_and_gradient(
    state: tuple[Array, Array, Array],
    images: Images,
    tables: Tables,
    gradient: Gradient,
    terms: Array,
) -> float:
    """Cell energy (enthalpy, if there is a pressure), kJ/mol, and its gradient.

    Args:
        state: Cell, fractional centres and orientations of the bodies.
        images: The symmetry images.
        tables: Sites, pairs, cutoffs.
        gradient: Overwritten. The strain is right along strains that keep the symmetry.
        terms: Overwritten with the parts of the energy, in the order of ``TERMS``.
    """
    cell, centres, rotations = state
    sites, _, cutoffs = tables
    gradient.strain[:] = 0.0
    gradient.centre[:] = 0.0
    gradient.rotation[:] = 0.0
    terms[:] = 0.0
    crystal = placed(cell, centres, rotations, images, sites)
    for body in range(sites.start.shape[0] - 1):
        add_neighbours(body, body, crystal, images, tables, gradient, terms)
        if _has_axes(tables):
            add_anisotropic(body, body, crystal, images, tables, gradient, terms)
    if cutoffs.alpha > 0.0:
        add_reciprocal(crystal, images, tables, gradient, terms)
    terms[_TAIL] = -cutoffs.tail / crystal.volume
    terms[_WORK] = cutoffs.pressure * crystal.volume
    for k in range(3):
        gradient.strain[k, k] += terms[_WORK] - terms[_TAIL]
    return float(terms.sum())


@compiled()
def gradient_of_body(
    state: tuple[Array, Array, Array],
    body: int,
    images: Images,
    tables: Tables,
    gradient: Gradient,
) -> None:
    """Gradient of the part of the energy that a body's position has a share in.

    In a crystal without symmetry, differences of it under moves of this body are those
    of the whole gradient.

    Args:
        state: Cell, fractional centres and orientations of all molecules.
        body: The one that moves.
        images: Of a crystal without symmetry.
        tables: Sites, pairs, cutoffs.
        gradient: Overwritten.
    """
    gradient.strain[:] = 0.0
    gradient.centre[:] = 0.0
    gradient.rotation[:] = 0.0
    terms = np.zeros(len(TERMS))
    crystal = placed(state[0], state[1], state[2], images, tables[0])
    add_neighbours(body, 0, crystal, images, tables, gradient, terms)
    if _has_axes(tables):
        add_anisotropic(body, 0, crystal, images, tables, gradient, terms)
    if tables[2].alpha > 0.0:
        add_reciprocal(crystal, images, tables, gradient, terms)
