"""The energy of a cell and its gradient, all terms together."""

from numba import njit

from csp.potentials.kernels.direct import add_direct
from csp.potentials.kernels.placing import placed
from csp.potentials.kernels.reciprocal import add_reciprocal
from csp.potentials.kernels.tables import Array, Gradient, Images, Tables

TERMS = ("repulsion", "dispersion", "charges", "wall", "tail", "work")
"""Parts of the energy; work is pressure times volume."""


@njit(cache=True, nogil=True)
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
        gradient: Overwritten.
        terms: Overwritten with the parts of the energy, in the order of ``TERMS``.
    """
    cell, centres, rotations = state
    cutoffs = tables[2]
    gradient.strain[:] = 0.0
    gradient.centre[:] = 0.0
    gradient.rotation[:] = 0.0
    terms[:] = 0.0
    crystal = placed(cell, centres, rotations, images, tables[0])
    add_direct(crystal, images, tables, gradient, terms)
    if cutoffs.alpha > 0.0:
        add_reciprocal(crystal, images, tables, gradient, terms)
    terms[4] = -cutoffs.tail / crystal.volume
    terms[5] = cutoffs.pressure * crystal.volume
    for k in range(3):
        gradient.strain[k, k] += terms[5] - terms[4]
    return float(terms.sum())
