"""Orientations of a molecule from which the overlay of its surroundings starts."""

import numpy as np

from csp.arrays import Indices
from csp.comparison.frames import (
    ClusterPair,
    Frames,
    centroid_distances,
    centroids_of,
    fit_many,
    shell_centroids,
)
from csp.comparison.shells import is_linear

MOST_STARTS = 12
"""Orientations of the central molecule from which the overlay is refined."""
FAR = 3.0
"""A molecule further than this from its partner does not steer the overlay, Å."""
OFF_AXIS = 1.0
"""Distance from a linear molecule's axis at which a neighbour orients it, Å."""


def starts(pair: ClusterPair, distance_tolerance: float) -> Frames | None:
    """Overlays of the central molecules, by each mapping and hand; the best few."""
    size = int(pair.exists[0].sum())
    centre, other = pair.cluster[0, :size], pair.shell[0]
    mappings = pair.permutations[int(pair.kinds[0])]
    distances = pair_distances(centre)
    mapped = other[mappings[:, :size]]
    difference = np.abs(pair_distances(mapped) - distances)
    fits = (difference <= distance_tolerance * distances + 1e-9).all(axis=(1, 2))
    if not fits.any():
        return None
    points, targets = centre[None], mapped[fits]
    central = mappings[fits]
    if is_linear(centre):
        points, targets, rows = _with_neighbour(pair, targets, distance_tolerance)
        central = central[rows]
    hands = np.repeat([1.0, -1.0], len(targets))
    targets = np.concatenate([targets, targets])
    points = np.broadcast_to(points, targets.shape)
    rotations, translations = fit_many(
        points, targets, np.ones(targets.shape[:2]), hands
    )
    frames = Frames(rotations, translations, hands, np.concatenate([central, central]))
    score = np.minimum(centroid_distances(pair, frames).min(axis=2), FAR).sum(axis=1)
    return frames.chosen(np.argsort(score, kind="stable")[:MOST_STARTS])


def _with_neighbour(
    pair: ClusterPair, targets: np.ndarray, distance_tolerance: float
) -> tuple[np.ndarray, np.ndarray, Indices]:
    """Points of a linear central molecule and a neighbour, for each possible partner.

    Returns:
        Points (1, m + 1, 3), targets (k, m + 1, 3) and the row of each in ``targets``;
        without the neighbour if it has no possible partner.
    """
    size = int(pair.exists[0].sum())
    centre = pair.cluster[0, :size]
    axis = np.linalg.svd(centre - centre.mean(axis=0))[2][0]
    centroids = centroids_of(pair.cluster, pair.exists)
    off_axis = np.linalg.norm(np.cross(centroids, axis), axis=1)
    neighbour = int(np.argmax(off_axis > OFF_AXIS))
    length = np.linalg.norm(centroids[neighbour])
    others = shell_centroids(pair)
    difference = np.abs(np.linalg.norm(others, axis=1) - length)
    possible = (difference <= distance_tolerance * length) & (
        pair.shell_kinds == pair.kinds[neighbour]
    )
    ends = others[possible]
    if len(ends) == 0:
        return centre[None], targets, np.arange(len(targets))
    points = np.concatenate([centre, centroids[neighbour][None]])[None]
    rows = np.repeat(np.arange(len(targets)), len(ends))
    extended = np.concatenate(
        [targets[rows], np.tile(ends, (len(targets), 1))[:, None, :]], axis=1
    )
    return points, extended, rows


def pair_distances(points: np.ndarray) -> np.ndarray:
    """Distances (..., m, n) between the points (..., m, 3), Å."""
    difference = points[..., :, None, :] - points[..., None, :, :]
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", difference, difference)))
