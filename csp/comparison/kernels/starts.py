"""Orientations of the central molecule from which an overlay starts.

Where the central molecule is linear or a single atom, its neighbours orient it: points
off its axis (one) or off its place (two) are overlaid with it.
"""

import math

import numpy as np

from csp.comparison.kernels.fitting import Array, Integers, distance, fit
from csp.comparison.kernels.pairs import Frames, Pair, room_for
from csp.compiled import compiled

_ROUNDING = 1e-9
OFF_AXIS = 1.0
"""Distance from a linear molecule's axis at which a neighbour orients it, Å."""


@compiled()
def starts(pair: Pair, n_open: int) -> Frames:
    """Overlays of the central molecules by each mapping, orientation and hand.

    Args:
        pair: What is overlaid on what.
        n_open: 0 for a central molecule that orients itself, 1 for a linear one, 2 for
            a single atom.
    """
    size = pair.sizes[0]
    extra = _orienting_neighbours(pair, n_open)
    ends = _possible_ends(pair, extra)
    n_extra = len(extra) if len(ends) else 0
    points, targets = np.empty((size + n_extra, 3)), np.empty((size + n_extra, 3))
    for i in range(3):
        for m in range(size):
            points[m, i] = pair.cluster[0, m, i]
        for k in range(n_extra):
            points[size + k, i] = pair.centroids[extra[k], i]
    first = pair.first_permutation[pair.kinds[0]]
    last = pair.first_permutation[pair.kinds[0] + 1]
    rows = np.empty(last - first, dtype=np.int64)
    n_rows = 0
    for row in range(first, last):
        if _is_alike(pair, row):
            rows[n_rows] = row
            n_rows += 1
    n_ends = max(1, len(ends))
    frames = room_for(2 * n_rows * n_ends)
    for k in range(2 * n_rows * n_ends):
        row, end = rows[k // (2 * n_ends)], k // 2 % n_ends
        for i in range(3):
            for m in range(size):
                targets[m, i] = pair.shell[0, pair.permutations[row, m], i]
            for e in range(n_extra):
                targets[size + e, i] = pair.shell_centroids[ends[end, e], i]
        frames.hands[k] = 1.0 - 2.0 * (k % 2)
        frames.centrals[k] = row
        fit(
            points,
            targets,
            frames.hands[k],
            frames.rotations[k],
            frames.translations[k],
        )
    return frames


@compiled()
def _is_alike(pair: Pair, row: int) -> bool:
    """Whether the central molecules have one shape under a mapping."""
    for m in range(pair.sizes[0]):
        for n in range(m):
            here = distance(pair.cluster[0, m], pair.cluster[0, n])
            there = distance(
                pair.shell[0, pair.permutations[row, m]],
                pair.shell[0, pair.permutations[row, n]],
            )
            if abs(there - here) > pair.distance_tolerance * here + _ROUNDING:
                return False
    return True


@compiled()
def _orienting_neighbours(pair: Pair, n_open: int) -> Integers:
    """The nearest molecules of the cluster that fix the orientation; maybe too few."""
    origin, axis = np.zeros(3), np.zeros(3)
    if n_open == 1:
        longest = 0.0
        for m in range(1, pair.sizes[0]):
            if distance(pair.cluster[0, m], pair.cluster[0, 0]) > longest:
                longest = distance(pair.cluster[0, m], pair.cluster[0, 0])
                for i in range(3):
                    axis[i] = pair.cluster[0, m, i] - pair.cluster[0, 0, i]
    chosen = np.empty(n_open, dtype=np.int64)
    n_chosen = 0
    for a in range(1, len(pair.cluster)):
        if n_chosen == n_open:
            break
        if _off_axis(pair.centroids[a], axis, origin) > OFF_AXIS:
            chosen[n_chosen] = a
            n_chosen += 1
            axis = pair.centroids[a]
    return chosen[:n_chosen]


@compiled()
def _off_axis(point: Array, axis: Array, origin: Array) -> float:
    """Distance of a point from a line through the origin, or from it, Å."""
    square = distance(axis, origin) ** 2
    if square == 0.0:
        return distance(point, origin)
    share = (point[0] * axis[0] + point[1] * axis[1] + point[2] * axis[2]) / square
    x, y, z = (
        point[0] - share * axis[0],
        point[1] - share * axis[1],
        point[2] - share * axis[2],
    )
    return math.sqrt(x * x + y * y + z * z)


@compiled()
def _possible_ends(pair: Pair, extra: Integers) -> Integers:
    """Molecules (k, extra) of the shell that may stand for the orienting neighbours."""
    n = len(pair.shell)
    found = np.empty((n * n, len(extra)), dtype=np.int64)
    count = 0
    if len(extra) == 0:
        return found[:0]
    for b in range(1, n):
        if not _may_be(pair, extra[0], b):
            continue
        if len(extra) == 1:
            found[count, 0] = b
            count += 1
            continue
        apart = distance(pair.centroids[extra[0]], pair.centroids[extra[1]])
        for c in range(1, n):
            there = distance(pair.shell_centroids[b], pair.shell_centroids[c])
            if (
                c != b
                and _may_be(pair, extra[1], c)
                and abs(there - apart) <= pair.distance_tolerance * apart
            ):
                found[count, 0] = b
                found[count, 1] = c
                count += 1
    return found[:count]


@compiled()
def _may_be(pair: Pair, a: int, b: int) -> bool:
    """Whether a molecule is of the same kind and as far from the centre."""
    here = distance(pair.centroids[a], pair.centroids[0])
    there = distance(pair.shell_centroids[b], pair.shell_centroids[0])
    is_near = abs(there - here) <= pair.distance_tolerance * here
    return bool(is_near and pair.kinds[a] == pair.shell_kinds[b])
