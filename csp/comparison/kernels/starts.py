"""Orientations of the central molecule from which an overlay starts.

Where the central molecule is linear or a single atom, its neighbours orient it: points
off its axis (one) or off its place (two) are overlaid with it.
"""

import math

import numpy as np
from numba import njit

from csp.comparison.kernels.fitting import Array, Integers, fit
from csp.comparison.kernels.pairs import Frame, Pair

_ROUNDING = 1e-9
OFF_AXIS = 1.0
"""Distance from a linear molecule's axis at which a neighbour orients it, Å."""


@njit(cache=True, nogil=True, error_model="numpy")
def starts(pair: Pair, n_open: int) -> list[Frame]:
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
    points[:size] = pair.cluster[0, :size]
    for k in range(n_extra):
        points[size + k] = pair.centroids[extra[k]]
    found = [Frame(np.empty((3, 3)), np.empty(3), 1.0, 0) for _ in range(0)]
    kind = pair.kinds[0]
    for row in range(pair.first_permutation[kind], pair.first_permutation[kind + 1]):
        if not _is_alike(pair, row):
            continue
        for m in range(size):
            targets[m] = pair.shell[0, pair.permutations[row, m]]
        for end in range(max(1, len(ends))):
            for k in range(n_extra):
                targets[size + k] = pair.shell_centroids[ends[end, k]]
            for hand in (1.0, -1.0):
                frame = Frame(np.empty((3, 3)), np.empty(3), hand, row)
                fit(points, targets, hand, frame.rotation, frame.translation)
                found.append(frame)
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _is_alike(pair: Pair, row: int) -> bool:
    """Whether the central molecules have one shape under a mapping."""
    for m in range(pair.sizes[0]):
        for n in range(m):
            here = _distance(pair.cluster[0, m], pair.cluster[0, n])
            there = _distance(
                pair.shell[0, pair.permutations[row, m]],
                pair.shell[0, pair.permutations[row, n]],
            )
            if abs(there - here) > pair.distance_tolerance * here + _ROUNDING:
                return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _distance(first: Array, second: Array) -> float:
    x, y, z = first[0] - second[0], first[1] - second[1], first[2] - second[2]
    return math.sqrt(x * x + y * y + z * z)


@njit(cache=True, nogil=True, error_model="numpy")
def _orienting_neighbours(pair: Pair, n_open: int) -> Integers:
    """The nearest molecules of the cluster that fix the orientation; maybe too few."""
    chosen = np.empty(n_open, dtype=np.int64)
    if n_open == 0:
        return chosen
    axis = np.zeros(3)
    n_chosen = 0
    if n_open == 1:
        longest = 0.0
        for m in range(1, pair.sizes[0]):
            along = pair.cluster[0, m] - pair.cluster[0, 0]
            length = np.linalg.norm(along)
            if length > longest:
                longest, axis = length, along / length
    for a in range(1, len(pair.cluster)):
        if n_chosen == n_open:
            break
        off = pair.centroids[a] - (pair.centroids[a] @ axis) * axis
        if np.linalg.norm(off) > OFF_AXIS:
            chosen[n_chosen] = a
            n_chosen += 1
            axis = pair.centroids[a] / np.linalg.norm(pair.centroids[a])
    return chosen[:n_chosen]


@njit(cache=True, nogil=True, error_model="numpy")
def _possible_ends(pair: Pair, extra: Integers) -> Integers:
    """Molecules (k, extra) of the shell that may stand for the orienting neighbours."""
    n = len(pair.shell)
    found = np.empty((n * n, len(extra)), dtype=np.int64)
    count = 0
    if len(extra) == 1:
        for b in range(1, n):
            if _may_be(pair, extra[0], b):
                found[count, 0] = b
                count += 1
    if len(extra) == 2:
        apart = _distance(pair.centroids[extra[0]], pair.centroids[extra[1]])
        for b in range(1, n):
            if not _may_be(pair, extra[0], b):
                continue
            for c in range(1, n):
                there = _distance(pair.shell_centroids[b], pair.shell_centroids[c])
                if (
                    c != b
                    and _may_be(pair, extra[1], c)
                    and abs(there - apart) <= pair.distance_tolerance * apart
                ):
                    found[count, 0] = b
                    found[count, 1] = c
                    count += 1
    return found[:count]


@njit(cache=True, nogil=True, error_model="numpy")
def _may_be(pair: Pair, a: int, b: int) -> bool:
    """Whether a molecule is of the same kind and as far from the centre."""
    here = np.linalg.norm(pair.centroids[a])
    there = np.linalg.norm(pair.shell_centroids[b])
    return bool(
        pair.kinds[a] == pair.shell_kinds[b]
        and abs(there - here) <= pair.distance_tolerance * here
    )
