"""A cluster laid on the molecules of another crystal: who stands for whom.

Indices are a for molecules of the cluster, b for molecules of the other crystal, m and
n for atoms of a molecule.
"""

import math
from typing import NamedTuple

import numpy as np

from csp.comparison.kernels.fitting import Array, Flags, Integers, fit
from csp.compiled import compiled

_ROUNDING = 1e-9
"""Å."""


class Pair(NamedTuple):
    """A cluster around one molecule, and the shell of another in which it is sought.

    Attributes:
        cluster: Coordinates (a, m, 3), Å, the central molecule first, its centroid at
            the origin.
        centroids: Of the molecules (a, 3), Å.
        kinds: Kind of each molecule of the cluster.
        sizes: Atoms of each molecule of the cluster; what follows is padding.
        shell: Coordinates (b, m, 3) of the other crystal, likewise.
        shell_centroids: Of its molecules (b, 3), Å.
        shell_kinds: Kind of each of its molecules, numbered as in the cluster.
        permutations: Rows (p, m): ways to map a molecule's atoms on the other's.
        first_permutation: Where the rows of each kind begin, and their end.
        n_core: Molecules of the cluster that must count; the others are equally near.
        n_molecules: Molecules that count in all.
        distance_tolerance: Largest relative difference of a distance.
        smallest_cosine: Of the angle between directions.
    """

    cluster: Array
    centroids: Array
    kinds: Integers
    sizes: Integers
    shell: Array
    shell_centroids: Array
    shell_kinds: Integers
    permutations: Integers
    first_permutation: Integers
    n_core: int
    n_molecules: int
    distance_tolerance: float
    smallest_cosine: float


class Frame(NamedTuple):
    """An overlay ``x' = R x + t`` from the cluster to the shell.

    Attributes:
        rotation: R.
        translation: t, Å.
        hand: 1 proper, −1 improper.
        central: Row of the permutations that maps the central molecule.
    """

    rotation: Array
    translation: Array
    hand: float
    central: int


class Partners(NamedTuple):
    """Which molecule of the shell stands for each of the cluster.

    Attributes:
        moved: The cluster's atoms (a, m, 3) in the shell's frame, Å.
        mapped: The atoms (a, m, 3) that stand for them, Å.
        distances: Between centroids (a,), Å; infinite without a partner.
    """

    moved: Array
    mapped: Array
    distances: Array


class Frames(NamedTuple):
    """Many overlays, one a row; see :class:`Frame`."""

    rotations: Array
    translations: Array
    hands: Array
    centrals: Integers


@compiled()
def room_for(n: int) -> Frames:
    """Overlays yet to be filled in."""
    return Frames(
        np.empty((n, 3, 3)), np.empty((n, 3)), np.empty(n), np.empty(n, dtype=np.int64)
    )


@compiled()
def frame_of(frames: Frames, k: int) -> Frame:
    """One of many overlays, sharing its memory."""
    return Frame(
        frames.rotations[k],
        frames.translations[k],
        frames.hands[k],
        frames.centrals[k],
    )


@compiled()
def copied(frames: Frames, rows: Integers) -> Frames:
    """Some of many overlays, with memory of their own."""
    found = room_for(len(rows))
    for row, k in enumerate(rows):
        for i in range(3):
            found.translations[row, i] = frames.translations[k, i]
            for j in range(3):
                found.rotations[row, i, j] = frames.rotations[k, i, j]
        found.hands[row] = frames.hands[k]
        found.centrals[row] = frames.centrals[k]
    return found


@compiled()
def moved_point(frame: Frame, point: Array, i: int) -> float:
    """Component i of a point carried by a frame."""
    r = frame.rotation
    turned: float = r[i, 0] * point[0] + r[i, 1] * point[1] + r[i, 2] * point[2]
    return turned + float(frame.translation[i])


@compiled()
def nearest(pair: Pair, frame: Frame, a: int) -> tuple[int, float]:
    """The molecule of the same kind whose centroid is nearest to that of a."""
    x = moved_point(frame, pair.centroids[a], 0)
    y = moved_point(frame, pair.centroids[a], 1)
    z = moved_point(frame, pair.centroids[a], 2)
    best, least = -1, np.inf
    for b in range(len(pair.shell)):
        if pair.shell_kinds[b] == pair.kinds[a]:
            dx = x - pair.shell_centroids[b, 0]
            dy = y - pair.shell_centroids[b, 1]
            dz = z - pair.shell_centroids[b, 2]
            square = dx * dx + dy * dy + dz * dz
            if square < least:
                best, least = b, square
    return best, math.sqrt(least)


@compiled()
def spread(pair: Pair, frame: Frame, far: float) -> float:
    """Sum of the distances to the nearest molecules, each counted up to ``far``, Å."""
    total = 0.0
    for a in range(len(pair.cluster)):
        total += min(nearest(pair, frame, a)[1], far)
    return total


@compiled()
def partners_of(pair: Pair, frame: Frame) -> Partners:
    """The nearest molecule of the same kind, each taken once, its atoms mapped best."""
    n_cluster, n_atoms = pair.cluster.shape[:2]
    moved = np.zeros((n_cluster, n_atoms, 3))
    mapped = np.zeros((n_cluster, n_atoms, 3))
    distances = np.empty(n_cluster)
    partner = np.empty(n_cluster, dtype=np.int64)
    for a in range(n_cluster):
        partner[a], distances[a] = nearest(pair, frame, a)
        if a == 0:
            partner[a] = 0
        for m in range(pair.sizes[a]):
            for i in range(3):
                moved[a, m, i] = moved_point(frame, pair.cluster[a, m], i)
        if partner[a] >= 0:
            row = frame.central
            if a > 0:
                row = _best_permutation(pair, a, partner[a], moved)
            for m in range(pair.sizes[a]):
                for i in range(3):
                    mapped[a, m, i] = pair.shell[
                        partner[a], pair.permutations[row, m], i
                    ]
    return Partners(moved, mapped, _once(partner, distances))


@compiled()
def _once(partner: Integers, distances: Array) -> Array:
    """The distances, infinite where another molecule has a better claim to a partner.

    The central one's is the best.
    """
    kept = np.empty(len(partner))
    for a in range(len(partner)):
        kept[a] = distances[a]
        for other in range(len(partner)):
            if a == 0 or partner[other] != partner[a] or other == a:
                continue
            if (
                other == 0
                or distances[other] < distances[a]
                or (distances[other] == distances[a] and other < a)
            ):
                kept[a] = np.inf
    return kept


@compiled()
def _best_permutation(pair: Pair, a: int, b: int, moved: Array) -> int:
    """The mapping with the smallest Σ|x' − y|², so with the largest Σ x'·y."""
    kind = pair.kinds[a]
    first: int = pair.first_permutation[kind]
    best, most = first, -np.inf
    for row in range(first, pair.first_permutation[kind + 1]):
        total = 0.0
        for m in range(pair.sizes[a]):
            atom = pair.permutations[row, m]
            for i in range(3):
                total += moved[a, m, i] * pair.shell[b, atom, i]
        if total > most:
            best, most = row, total
    return best


@compiled()
def matches_of(pair: Pair, frame: Frame, partners: Partners) -> Flags:
    """Which molecules lie as far from the centre and in the same directions."""
    matches = np.empty(len(pair.cluster), dtype=np.bool_)
    for a in range(len(pair.cluster)):
        matches[a] = (
            np.isfinite(partners.distances[a])
            and _distances_agree(pair, partners, a)
            and (a == 0 or _directions_agree(pair, frame, partners, a))
        )
    return matches


@compiled()
def _distances_agree(pair: Pair, partners: Partners, a: int) -> bool:
    """Whether each atom is as far from each of the central molecule."""
    for m in range(pair.sizes[a]):
        for n in range(pair.sizes[0]):
            here, there = 0.0, 0.0
            for i in range(3):
                here += (pair.cluster[a, m, i] - pair.cluster[0, n, i]) ** 2
                there += (partners.mapped[a, m, i] - partners.mapped[0, n, i]) ** 2
            length = math.sqrt(here)
            difference = abs(math.sqrt(there) - length)
            if difference > pair.distance_tolerance * length + _ROUNDING:
                return False
    return True


@compiled()
def _directions_agree(pair: Pair, frame: Frame, partners: Partners, a: int) -> bool:
    """Whether each atom is seen from the central centroid in the same direction."""
    for m in range(pair.sizes[a]):
        product, here, there = 0.0, 0.0, 0.0
        for i in range(3):
            x = partners.moved[a, m, i] - frame.translation[i]
            y = partners.mapped[a, m, i]
            product += x * y
            here += x * x
            there += y * y
        if product < pair.smallest_cosine * math.sqrt(here * there):
            return False
    return True


@compiled()
def refit(pair: Pair, frame: Frame, partners: Partners, used: Flags) -> None:
    """Fit the frame to the molecules ``used``, the central one always; in place."""
    n = 0
    for a in range(len(pair.cluster)):
        if a == 0 or used[a]:
            n += pair.sizes[a]
    points, targets = np.empty((n, 3)), np.empty((n, 3))
    k = 0
    for a in range(len(pair.cluster)):
        if a == 0 or used[a]:
            for m in range(pair.sizes[a]):
                for i in range(3):
                    points[k, i] = pair.cluster[a, m, i]
                    targets[k, i] = partners.mapped[a, m, i]
                k += 1
    fit(points, targets, frame.hand, frame.rotation, frame.translation)


@compiled()
def deviation(pair: Pair, frame: Frame, partners: Partners, a: int) -> float:
    """Sum of squared distances of the atoms of a molecule from their partners, Å²."""
    total = 0.0
    for m in range(pair.sizes[a]):
        for i in range(3):
            x = moved_point(frame, pair.cluster[a, m], i)
            total += (x - partners.mapped[a, m, i]) ** 2
    return total
