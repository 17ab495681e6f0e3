"""Repulsion that depends on the directions of two sites' axes.

The pair's exponential is ``A e^{−B (r − ρ)}`` with ``ρ = Σ d cos θ + q P₂(cos θ)`` over
both sites. The isotropic part is summed with all others; here is what is left of it,
``A e^{−Br} (e^{Bρ} − 1)``, for the few pairs that have it. Inside the pair's wall the
exponential goes on as its tangent, so that energy and force are continuous.

References:
    Stone, The Theory of Intermolecular Forces (2013), ch. 12; Day & Price, J. Am. Chem.
    Soc. 125, 16434 (2003).
"""

import math

import numpy as np

from csp.compiled import compiled
from csp.potentials.kernels.functions import spline, switch
from csp.potentials.kernels.neighbours import REPULSION, distribute
from csp.potentials.kernels.placing import separations
from csp.potentials.kernels.tables import (
    Array,
    Cutoffs,
    Gradient,
    Images,
    Pairs,
    Placed,
    Slopes,
    Tables,
)


@compiled()
def add_anisotropic(
    body: int,
    first_partner: int,
    crystal: Placed,
    images: Images,
    tables: Tables,
    gradient: Gradient,
    terms: Array,
) -> None:
    """Add the anisotropic pairs of one body of the asymmetric unit and its neighbours.

    Args:
        body: Whose neighbours.
        first_partner: Neighbours that are copies of earlier bodies are left out.
        crystal: Where the images are.
        images: The symmetry images.
        tables: Sites, pairs, cutoffs.
        gradient: Added to.
        terms: Added to.
    """
    sites, _, cutoffs = tables
    n_sites = sites.start[body + 1] - sites.start[body]
    for m in range(images.body.shape[0]):
        partner = images.body[m]
        if partner < first_partner:
            continue
        limit = cutoffs.cutoff + sites.radius[body] + sites.radius[partner]
        chosen = separations(images.first[body], m, limit, crystal)
        one = (images.first[body], sites.start[body])
        other = (m, sites.start[partner])
        slopes = Slopes(
            np.zeros((n_sites, 3)),
            np.zeros(3),
            np.zeros(3),
            np.zeros((3, 3)),
            np.zeros(terms.shape[0]),
        )
        is_paired = partner != body
        energy = _add_molecules((one, other), chosen, crystal, tables, slopes)
        weight = (1.0 if is_paired else 0.5) * images.copies[body]
        terms[REPULSION] += weight * energy
        distribute(body, m, is_paired, crystal, images, slopes, gradient)


@compiled()
def _add_molecules(
    molecules: tuple[tuple[int, int], tuple[int, int]],
    neighbours: Array,
    crystal: Placed,
    tables: Tables,
    slopes: Slopes,
) -> float:
    """Add the anisotropic pairs of two molecules at every separation.

    Args:
        molecules: Image and first site in the tables, of both.
        neighbours: Separations, from the first to the second, Å.
        crystal: Where the images are.
        tables: Sites, pairs, cutoffs.
        slopes: Derivatives are added to.

    Returns:
        The energy, kJ/mol.
    """
    _, pairs, cutoffs = tables
    one, other = molecules
    start_a, start_b = crystal.start[one[0]], crystal.start[other[0]]
    n_b = crystal.start[other[0] + 1] - start_b
    total = 0.0
    away, slope = np.empty(3), np.empty(3)
    for i in range(crystal.start[one[0] + 1] - start_a):
        for j in range(n_b):
            if not _is_anisotropic(pairs, one[1] + i, other[1] + j):
                continue
            axes = crystal.axes[start_a + i], crystal.axes[start_b + j]
            for k in range(neighbours.shape[0]):
                for c in range(3):
                    away[c] = crystal.offsets[start_a + i, c]
                    away[c] -= crystal.offsets[start_b + j, c] + neighbours[k, c]
                pair = (one[1] + i, other[1] + j)
                total += _pair(away, axes, pair, pairs, cutoffs, (slope, slopes.twist))
                for c in range(3):
                    slopes.sites[i, c] += slope[c]
                    for a in range(3):
                        slopes.virial[a, c] -= neighbours[k, a] * slope[c]
    return total


@compiled(inline="always")
def _is_anisotropic(pairs: Pairs, a: int, b: int) -> bool:
    return bool(
        pairs.dipolar[a, b] != 0.0
        or pairs.dipolar[b, a] != 0.0
        or pairs.quadrupolar[a, b] != 0.0
        or pairs.quadrupolar[b, a] != 0.0
    )


@compiled()
def _pair(
    away: Array,
    axes: tuple[Array, Array],
    pair: tuple[int, int],
    pairs: Pairs,
    cutoffs: Cutoffs,
    out: tuple[Array, Array],
) -> float:
    """Energy of one pair of sites.

    Args:
        away: From B to A, Å.
        axes: Of A and B.
        pair: Their indices in the tables.
        pairs: Parameters.
        cutoffs: Where repulsion ends.
        out: dE/dx of A, overwritten, and dE/dω of A, added to.
    """
    slope, twist = out
    slope[:] = 0.0
    r = math.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2)
    if r >= cutoffs.cutoff or r == 0.0:
        return 0.0
    a, b = pair
    one, other = axes
    unit = away / r
    cos_a = -(one[0] * unit[0] + one[1] * unit[1] + one[2] * unit[2])
    cos_b = other[0] * unit[0] + other[1] * unit[1] + other[2] * unit[2]
    shift_a, slope_a = _shift(pairs.dipolar[a, b], pairs.quadrupolar[a, b], cos_a)
    shift_b, slope_b = _shift(pairs.dipolar[b, a], pairs.quadrupolar[b, a], cos_b)
    exponent = pairs.exponent[a, b]
    factor = math.exp(exponent * (shift_a + shift_b))
    inside = max(pairs.wall[a, b] - r, 0.0)
    repel = pairs.repulsion[a, b] * math.exp(-exponent * (r + inside))
    steep = -exponent * repel
    repel *= 1.0 + exponent * inside
    w, dw = switch(r, cutoffs.switch_on, cutoffs.cutoff)
    if cutoffs.spline > 0.0:
        w, dw = spline(r, cutoffs.switch_on, cutoffs.cutoff)
    radial = (dw * repel + w * steep) * (factor - 1.0)
    turning = w * repel * factor * exponent
    for k in range(3):
        k1, k2 = (k + 1) % 3, (k + 2) % 3
        slope[k] = radial * unit[k] + turning / r * (
            slope_b * (other[k] - cos_b * unit[k])
            - slope_a * (one[k] + cos_a * unit[k])
        )
        twist[k] -= turning * slope_a * (one[k1] * unit[k2] - one[k2] * unit[k1])
    return float(w * repel * (factor - 1.0))


@compiled(inline="always")
def _shift(dipolar: float, quadrupolar: float, cosine: float) -> tuple[float, float]:
    """``d c + q P₂(c)`` and its derivative by c, Å."""
    value = dipolar * cosine + 0.5 * quadrupolar * (3.0 * cosine * cosine - 1.0)
    return value, dipolar + 3.0 * quadrupolar * cosine
