"""The direct sums over the neighbours of one body, block by block of site pairs."""

import math

import numpy as np

from csp.compiled import compiled
from csp.potentials.kernels.direct import add_charges, add_dipoles, add_exp6
from csp.potentials.kernels.functions import switch
from csp.potentials.kernels.higher import add_higher, end_higher, start_higher
from csp.potentials.kernels.placing import inverse3, product, separations
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
from csp.potentials.kernels.splined import add_splined_exp6, add_splined_higher
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
_SAME_PLACE = 1e-8
"""Å²; separations closer than this are one."""
_GENERIC = (0.5379, 0.3541, 0.7654)
"""A direction that no symmetry element has: it tells the halves of a pair apart."""


@compiled()
def add_neighbours(
    body: int,
    first_partner: int,
    crystal: Placed,
    images: Images,
    tables: Tables,
    gradient: Gradient,
    terms: Array,
) -> None:
    """Add the direct sums over the neighbours of one body of the asymmetric unit.

    Neighbours come in pairs that symmetry makes equal: what an operation g does to body
    A, g⁻¹ does to its partner. One of each pair is summed, with its reaction.

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
    slopes = Slopes(
        np.zeros((n_sites, 3)),
        np.zeros(3),
        np.zeros(3),
        np.zeros((3, 3)),
        np.zeros(terms.shape[0]),
    )
    rows = np.empty(SIZE)
    for m in range(images.body.shape[0]):
        partner = images.body[m]
        if partner < first_partner:
            continue
        limit = _reach(cutoffs) + sites.radius[body] + sites.radius[partner]
        if sites.rank >= _HIGHER_RANK:
            limit = max(limit, cutoffs.higher)
        neighbours = separations(images.first[body], m, limit, crystal)
        paired, single = neighbours, neighbours[:0]
        if partner == body:
            paired, single = _split(neighbours, m, images)
        for is_paired in (True, False):
            chosen = paired if is_paired else single
            if chosen.shape[0] > 0:
                _add_image(rows, body, m, chosen, crystal, images, tables, slopes)
                weight = (1.0 if is_paired else 0.5) * images.copies[body]
                for t in range(terms.shape[0]):
                    terms[t] += weight * slopes.terms[t]
                distribute(body, m, is_paired, crystal, images, slopes, gradient)


@compiled()
def _split(neighbours: Array, m: int, images: Images) -> tuple[Array, Array]:
    """Neighbours that stand for two, and those that stand for themselves.

    The copies of a body by an operation of order two (modulo translations) come in
    pairs: that at separation d with that at ``−Rᵀd``.
    """
    n = neighbours.shape[0]
    turn = images.cartesian[m]
    paired, single = np.empty((n, 3)), np.empty((n, 3))
    if not images.is_general[images.body[m]] or not _is_involution(turn):
        return paired[:0], neighbours
    n_paired, n_single = 0, 0
    for k in range(n):
        order, distance = 0.0, 0.0
        for i in range(3):
            change = neighbours[k, i]
            for j in range(3):
                change += turn[j, i] * neighbours[k, j]
            distance += change * change
            order += _GENERIC[i] * change
        if distance < _SAME_PLACE:
            single[n_single] = neighbours[k]
            n_single += 1
        elif order > 0.0:
            paired[n_paired] = neighbours[k]
            n_paired += 1
    return paired[:n_paired], single[:n_single]


@compiled()
def _is_involution(turn: Array) -> bool:
    """Whether a matrix is its own inverse."""
    square = product(turn, turn)
    for i in range(3):
        square[i, i] -= 1.0
    return bool(np.abs(square).max() < _SAME_PLACE)


@compiled()
def _add_image(
    rows: Array,
    body: int,
    m: int,
    neighbours: Array,
    crystal: Placed,
    images: Images,
    tables: Tables,
    slopes: Slopes,
) -> None:
    """Sum a body's interaction with copies of one image; ``slopes`` is overwritten."""
    sites = tables[0]
    slopes.sites[:] = 0.0
    slopes.centre[:] = 0.0
    slopes.twist[:] = 0.0
    slopes.virial[:] = 0.0
    slopes.terms[:] = 0.0
    one = (images.first[body], sites.start[body])
    other = (m, sites.start[images.body[m]])
    n_pairs = slopes.sites.shape[0] * (crystal.start[m + 1] - crystal.start[m])
    for start in range(0, n_pairs, WIDTH):
        block = (start, min(start + WIDTH, n_pairs))
        _add_block(rows, block, neighbours, (one, other), crystal, tables, slopes)


@compiled()
def distribute(
    body: int,
    m: int,
    is_paired: bool,  # noqa: FBT001
    crystal: Placed,
    images: Images,
    slopes: Slopes,
    gradient: Gradient,
) -> None:
    """Add the derivatives of a body's interaction with an image.

    Where a neighbour stands for two, its partner gets the reaction: the force is the
    opposite, and the torques and the separation's add up to nothing.
    """
    start = crystal.start[images.first[body]]
    force, torque, reaction = np.zeros(3), np.zeros(3), np.zeros(3)
    for i in range(slopes.sites.shape[0]):
        for k in range(3):
            k1, k2 = (k + 1) % 3, (k + 2) % 3
            force[k] += slopes.sites[i, k]
            torque[k] += crystal.offsets[start + i, k1] * slopes.sites[i, k2]
            torque[k] -= crystal.offsets[start + i, k2] * slopes.sites[i, k1]
    weight = (1.0 if is_paired else 0.5) * images.copies[body]
    for k in range(3):
        k1, k2 = (k + 1) % 3, (k + 2) % 3
        force[k] += slopes.centre[k]
        torque[k] += slopes.twist[k]
        reaction[k] = slopes.virial[k2, k1] - slopes.virial[k1, k2] - torque[k]
        gradient.centre[body, k] += force[k]
        gradient.rotation[body, k] += torque[k]
        for a in range(3):
            gradient.strain[a, k] += weight * slopes.virial[a, k]
    if not is_paired:
        return
    partner, turn = images.body[m], images.cartesian[m]
    scale = images.copies[body] / images.copies[partner]
    hand = inverse3(turn)[1]
    for k in range(3):
        for j in range(3):
            gradient.centre[partner, k] -= scale * turn[j, k] * force[j]
            gradient.rotation[partner, k] += scale * hand * turn[j, k] * reaction[j]


@compiled()
def _reach(cutoffs: Cutoffs) -> float:
    """How far two sites may be apart and still interact by site, Å."""
    return max(cutoffs.ewald, cutoffs.contact, cutoffs.cutoff)


@compiled()
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
    is_splined = cutoffs.spline > 0.0
    force = np.empty(3)
    for k in range(neighbours.shape[0]):
        x, y, z = neighbours[k, 0], neighbours[k, 1], neighbours[k, 2]
        distance = math.sqrt(x * x + y * y + z * z)
        force[:] = 0.0
        inside = place(rows, n, x, y, z)
        if distance < reach:
            _add_direct(rows, n, sites.rank, cutoffs, slopes, force)
        if inside > 0.0:
            _add_overlaps(
                rows, block, (x, y, z), molecules, crystal, tables, (slopes, force)
            )
        if has_higher and distance < cutoffs.higher and not is_splined:
            w, dw = switch(distance, cutoffs.higher_on, cutoffs.higher)
            fx, fy, fz, energy = add_higher(rows, n, w, inside > 0.0, dw != 0.0)
            force[0] += fx
            force[1] += fy
            force[2] += fz
            if dw != 0.0:
                _push((x, y, z), dw * energy / distance, slopes)
        elif has_higher and is_splined and distance < reach:
            add_splined_higher(rows, n, cutoffs, force)
        for c in range(3):  # dE/dR_AB = −dE/dx_A
            slopes.virial[0, c] -= x * force[c]
            slopes.virial[1, c] -= y * force[c]
            slopes.virial[2, c] -= z * force[c]
    if has_higher:
        slopes.terms[HIGHER] += end_higher(rows, n, slopes.twist)
    _gather(rows, block, crystal.start[other[0] + 1] - crystal.start[other[0]], slopes)


@compiled()
def _radius(rows: Array, n: int) -> float:
    """The largest offset between two sites of a block."""
    most = 0.0
    for p in range(n):
        square = 0.0
        for k in range(3):
            square += rows[OFFSET_X + k * WIDTH + p] ** 2
        most = max(most, square)
    return math.sqrt(most)


@compiled()
def _add_direct(
    rows: Array, n: int, rank: int, cutoffs: Cutoffs, slopes: Slopes, force: Array
) -> None:
    """Add exp-6 and the real-space Ewald sum of a block at one separation."""
    if cutoffs.spline > 0.0:
        repulsion, dispersion = add_splined_exp6(rows, n, cutoffs, force)
        slopes.terms[REPULSION] += repulsion
        slopes.terms[DISPERSION] += dispersion
    elif cutoffs.cutoff > 0.0:
        repulsion, dispersion, (fx, fy, fz) = add_exp6(rows, n, cutoffs)
        slopes.terms[REPULSION] += repulsion
        slopes.terms[DISPERSION] += dispersion
        force[0] += fx
        force[1] += fy
        force[2] += fz
    if cutoffs.alpha == 0.0:
        return
    if rank > 0:
        charges, mixed, dipoles, (fx, fy, fz) = add_dipoles(rows, n, cutoffs)
        slopes.terms[CHARGE_DIPOLE] += mixed
        slopes.terms[DIPOLE_DIPOLE] += dipoles
    else:
        charges, (fx, fy, fz) = add_charges(rows, n, cutoffs)
    slopes.terms[CHARGE_CHARGE] += charges
    force[0] += fx
    force[1] += fy
    force[2] += fz


@compiled()
def _push(separation: tuple[float, float, float], slope: float, slopes: Slopes) -> None:
    """Add ``slope R``, dE/dR of two centres of mass, which a molecular switch gives."""
    for k in range(3):
        along = slope * separation[k]
        slopes.centre[k] -= along
        for a in range(3):
            slopes.virial[a, k] += separation[a] * along


@compiled()
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


@compiled()
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
