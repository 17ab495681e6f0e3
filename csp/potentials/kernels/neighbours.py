"""The direct sums over the neighbours of one body, block by block of site pairs."""

import math

import numpy as np
from numba import njit

from csp.potentials.kernels.direct import add_charges, add_dipoles, add_exp6
from csp.potentials.kernels.functions import switch
from csp.potentials.kernels.higher import add_higher, end_higher, start_higher
from csp.potentials.kernels.placing import collect, separations
from csp.potentials.kernels.rows import (
    FIELD_X,
    OFFSET_X,
    OUTSIDE,
    SIZE,
    SLOPE_X,
    WIDTH,
    A,
    fill,
    place,
)
from csp.potentials.kernels.tables import (
    Array,
    Cutoffs,
    Gradient,
    Images,
    Placed,
    Slopes,
    Tables,
)
from csp.potentials.kernels.walls import add_inside_wall

REPULSION, DISPERSION, CHARGE_CHARGE, CHARGE_DIPOLE, DIPOLE_DIPOLE, HIGHER, WALL = (
    range(7)
)
"""Terms that the direct sums fill."""

_HIGHER_RANK = 2


@njit(cache=True, nogil=True, error_model="numpy")
def add_neighbours(
    body: int,
    crystal: Placed,
    images: Images,
    tables: Tables,
    gradient: Gradient,
    terms: Array,
) -> None:
    """Add the direct sums over the neighbours of one body of the asymmetric unit."""
    sites, _, cutoffs = tables
    first = images.first[body]
    n_sites = sites.start[body + 1] - sites.start[body]
    slopes = Slopes(
        np.zeros((n_sites, 3)),
        np.zeros(3),
        np.zeros(3),
        np.zeros((3, 3)),
        np.zeros(terms.shape[0]),
    )
    one = (first, sites.start[body])
    rows = np.empty(SIZE)
    for m in range(images.body.shape[0]):
        other = (m, sites.start[images.body[m]])
        reach = sites.radius[body] + sites.radius[images.body[m]]
        limit = _reach(cutoffs) + reach
        if sites.rank >= _HIGHER_RANK:
            limit = max(limit, cutoffs.higher)
        neighbours = separations(first, m, limit, crystal)
        n_pairs = n_sites * (crystal.start[m + 1] - crystal.start[m])
        for start in range(0, n_pairs, WIDTH):
            block = (start, min(start + WIDTH, n_pairs))
            _add_block(rows, block, neighbours, (one, other), crystal, tables, slopes)
    start = crystal.start[first]
    collect(slopes.sites, crystal.offsets[start : start + n_sites], gradient, body)
    weight = 0.5 * images.copies[body]
    for k in range(3):
        gradient.centre[body, k] += slopes.centre[k]
        gradient.rotation[body, k] += slopes.twist[k]
        for a in range(3):
            gradient.strain[a, k] += weight * slopes.virial[a, k]
    for t in range(terms.shape[0]):
        terms[t] += weight * slopes.terms[t]


@njit(cache=True, nogil=True, error_model="numpy")
def _reach(cutoffs: Cutoffs) -> float:
    """How far two sites may be apart and still interact by site, Å."""
    return max(cutoffs.ewald, cutoffs.contact, cutoffs.cutoff)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_block(
    rows: Array,
    block: tuple[int, int],
    neighbours: Array,
    molecules: tuple[tuple[int, int], tuple[int, int]],
    crystal: Placed,
    tables: Tables,
    slopes: Slopes,
) -> None:
    """Add a block's pairs of sites for every separation of two molecules."""
    sites, pairs, cutoffs = tables
    one, other = molecules
    n = block[1] - block[0]
    fill(rows, block, one, other, crystal, pairs)
    has_higher = sites.rank >= _HIGHER_RANK
    if has_higher:
        start_higher(rows, n)
    reach = _reach(cutoffs) + _radius(rows, n)
    force = np.empty(3)
    for k in range(neighbours.shape[0]):
        x, y, z = neighbours[k, 0], neighbours[k, 1], neighbours[k, 2]
        distance = math.sqrt(x * x + y * y + z * z)
        force[:] = 0.0
        inside = place(rows, n, x, y, z)
        if distance < reach:
            _add_direct(rows, n, tables, slopes, force)
        if inside > 0.0:
            _add_overlaps(
                rows, block, (x, y, z), molecules, crystal, tables, (slopes, force)
            )
        if has_higher and distance < cutoffs.higher:
            w, dw = switch(distance, cutoffs.higher_on, cutoffs.higher)
            fx, fy, fz, energy = add_higher(rows, n, w, inside > 0.0, dw != 0.0)
            force[0] += fx
            force[1] += fy
            force[2] += fz
            if dw != 0.0:
                _push((x, y, z), dw * energy / distance, slopes)
        for c in range(3):  # dE/dR_AB = −dE/dx_A
            slopes.virial[0, c] -= x * force[c]
            slopes.virial[1, c] -= y * force[c]
            slopes.virial[2, c] -= z * force[c]
    if has_higher:
        slopes.terms[HIGHER] += end_higher(rows, n, slopes.twist)
    _gather(rows, block, crystal.start[other[0] + 1] - crystal.start[other[0]], slopes)


@njit(cache=True, nogil=True, error_model="numpy")
def _radius(rows: Array, n: int) -> float:
    """The largest offset between two sites of a block."""
    most = 0.0
    for p in range(n):
        square = 0.0
        for k in range(3):
            square += rows[OFFSET_X + k * WIDTH + p] ** 2
        most = max(most, square)
    return math.sqrt(most)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_direct(
    rows: Array, n: int, tables: Tables, slopes: Slopes, force: Array
) -> None:
    """Add exp-6 and the real-space Ewald sum of a block at one separation."""
    sites, _, cutoffs = tables
    if cutoffs.cutoff > 0.0:
        repulsion, dispersion, (fx, fy, fz) = add_exp6(rows, n, cutoffs)
        slopes.terms[REPULSION] += repulsion
        slopes.terms[DISPERSION] += dispersion
        force[0] += fx
        force[1] += fy
        force[2] += fz
    if cutoffs.alpha == 0.0:
        return
    if sites.rank > 0:
        charges, mixed, dipoles, (fx, fy, fz) = add_dipoles(rows, n, cutoffs)
        slopes.terms[CHARGE_DIPOLE] += mixed
        slopes.terms[DIPOLE_DIPOLE] += dipoles
    else:
        charges, (fx, fy, fz) = add_charges(rows, n, cutoffs)
    slopes.terms[CHARGE_CHARGE] += charges
    force[0] += fx
    force[1] += fy
    force[2] += fz


@njit(cache=True, nogil=True, error_model="numpy")
def _push(separation: tuple[float, float, float], slope: float, slopes: Slopes) -> None:
    """Add ``slope R``, dE/dR of two centres of mass, which a molecular switch gives."""
    for k in range(3):
        along = slope * separation[k]
        slopes.centre[k] -= along
        for a in range(3):
            slopes.virial[a, k] += separation[a] * along


@njit(cache=True, nogil=True, error_model="numpy")
def _add_overlaps(
    rows: Array,
    block: tuple[int, int],
    separation: tuple[float, float, float],
    molecules: tuple[tuple[int, int], tuple[int, int]],
    crystal: Placed,
    tables: Tables,
    out: tuple[Slopes, Array],
) -> None:
    """Add the pairs of a block that are inside their walls."""
    slopes, force = out
    one, other = molecules
    n_b = crystal.start[other[0] + 1] - crystal.start[other[0]]
    away, slope = np.empty(3), np.empty(3)
    for p in range(block[1] - block[0]):
        if rows[OUTSIDE + p] > 0.0:
            continue
        i, j = (block[0] + p) // n_b, (block[0] + p) % n_b
        for k in range(3):
            away[k] = rows[OFFSET_X + k * WIDTH + p] - separation[k]
        slope[:] = 0.0
        slopes.terms[WALL] += add_inside_wall(
            away,
            (one[1] + i, other[1] + j),
            (crystal.start[one[0]] + i, crystal.start[other[0]] + j),
            crystal,
            tables,
            (slope, slopes.twist),
        )
        for k in range(3):
            force[k] += slope[k]
            rows[SLOPE_X + k * WIDTH + p] += slope[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(rows: Array, block: tuple[int, int], n_b: int, slopes: Slopes) -> None:
    """Add the slopes and dipole torques of a block to its sites and molecule."""
    for p in range(block[1] - block[0]):
        i = (block[0] + p) // n_b
        mz, mx, my = (
            rows[A + WIDTH + p],
            rows[A + 2 * WIDTH + p],
            rows[A + 3 * WIDTH + p],
        )
        fx, fy, fz = (
            rows[FIELD_X + p],
            rows[FIELD_X + WIDTH + p],
            rows[FIELD_X + 2 * WIDTH + p],
        )
        slopes.twist[0] += my * fz - mz * fy
        slopes.twist[1] += mz * fx - mx * fz
        slopes.twist[2] += mx * fy - my * fx
        for k in range(3):
            slopes.sites[i, k] += rows[SLOPE_X + k * WIDTH + p]
