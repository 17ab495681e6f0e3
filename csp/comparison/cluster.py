"""The search for a cluster of molecules in another crystal: many starts at once.

Arrays run over starts (k), molecules of the cluster (a), molecules of the other crystal
(b), atoms of a molecule (m, n) and directions (i, j), in this order.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from csp.arrays import Indices, Mask, Positions, RotationMatrix
from csp.comparison.shells import Shell, is_linear

MOST_STARTS = 12
"""Orientations of the central molecule from which the overlay is refined."""
MOST_FINALISTS = 3
"""Refined overlays that are examined molecule by molecule."""
FAR = 3.0
"""A molecule further than this from its partner does not steer the overlay, Å."""
N_NEAREST = 6
"""Molecules that steer the first refinement, the central one included."""
OFF_AXIS = 1.0
"""Distance from a linear molecule's axis at which a neighbour orients it, Å."""


class ClusterOverlay(NamedTuple):
    """The best overlay found."""

    n_matched: int
    rmsd: float
    rotation: RotationMatrix


@dataclass(frozen=True, eq=False, slots=True)
class ClusterPair:
    """A cluster around one molecule, and the shell of another in which it is sought.

    Attributes:
        cluster: Coordinates (a, m, 3), Å, the central molecule first, its centroid at
            the origin.
        kinds: Kind of each molecule of the cluster.
        exists: Which atoms (a, m) are there; the others pad the arrays.
        shell: Coordinates (b, m, 3) of the other crystal, likewise.
        shell_kinds: Kind of each of its molecules, numbered as in the cluster.
        permutations: For each kind, the ways (p, m) to map its atoms on the other's.
        n_core: Molecules of the cluster that must count; the others are equally near.
        n_molecules: Molecules that count in all.
    """

    cluster: np.ndarray
    kinds: Indices
    exists: np.ndarray
    shell: np.ndarray
    shell_kinds: np.ndarray
    permutations: tuple[np.ndarray, ...]
    n_core: int
    n_molecules: int


class _Frames(NamedTuple):
    """Overlays: ``x' = R x + t`` from the cluster to the shell."""

    rotations: np.ndarray  # (k, 3, 3)
    translations: np.ndarray  # (k, 3)
    hands: np.ndarray  # (k,): 1 proper, -1 improper
    central: np.ndarray  # (k, m): mapping of the central molecule's atoms

    def chosen(self, rows: np.ndarray) -> "_Frames":
        return _Frames(*(field[rows] for field in self))


class _Partners(NamedTuple):
    """Which molecule of the shell stands for each of the cluster."""

    moved: np.ndarray  # (k, a, m, 3): the cluster's atoms in the shell's frame
    mapped: np.ndarray  # (k, a, m, 3): the atoms that stand for them
    distances: np.ndarray  # (k, a): between centroids, Å; infinite without a partner


def pair_of_shells(
    first: Shell,
    second: Shell,
    kinds_of_second: Indices,
    permutations: tuple[np.ndarray, ...],
    n_molecules: int,
) -> ClusterPair:
    """The cluster of one shell and where it is sought.

    Args:
        first: Gives the cluster.
        second: Where it is sought.
        kinds_of_second: For each kind of the second, its number in the first.
        permutations: For each kind of the first, its mappings, padded.
        n_molecules: Size of the cluster.
    """
    cluster = first.coordinates[: first.n_reference]
    kinds = first.kinds[: first.n_reference]
    return ClusterPair(
        cluster,
        kinds,
        np.arange(cluster.shape[1]) < first.sizes[: first.n_reference, None],
        second.coordinates,
        kinds_of_second[second.kinds],
        permutations,
        first.n_core,
        n_molecules,
    )


def best_overlay(
    pair: ClusterPair, distance_tolerance: float, smallest_cosine: float
) -> ClusterOverlay | None:
    """The overlay with most matched molecules and, of these, the smallest RMSD.

    Args:
        pair: What is overlaid on what.
        distance_tolerance: Largest relative difference of a distance.
        smallest_cosine: Of the angle between directions.

    Returns:
        The overlay; nothing if not even the central molecules match.
    """
    if pair.kinds[0] != pair.shell_kinds[0]:
        return None
    frames = _starts(pair, distance_tolerance)
    if frames is None:
        return None
    for n_steering in (N_NEAREST, len(pair.cluster), len(pair.cluster)):
        partners = _partners(pair, frames)
        steers = partners.distances < FAR
        steers[:, n_steering:] = False
        frames = _refitted(pair, frames, partners, steers)
    partners = _partners(pair, frames)
    score = np.minimum(partners.distances, FAR).sum(axis=1)
    finalists = np.argsort(score, kind="stable")[:MOST_FINALISTS]
    return _judged(pair, frames.chosen(finalists), distance_tolerance, smallest_cosine)


def _judged(
    pair: ClusterPair,
    frames: _Frames,
    distance_tolerance: float,
    smallest_cosine: float,
) -> ClusterOverlay:
    """Keep what matches, refit to it, and take the best of the overlays."""
    partners = _partners(pair, frames)
    close = _distances_agree(pair, partners, distance_tolerance)
    for _ in range(2):
        matches = close & _directions_agree(pair, frames, partners, smallest_cosine)
        frames = _refitted(pair, frames, partners, matches)
        partners = partners._replace(moved=_moved(pair, frames))
    matches = close & _directions_agree(pair, frames, partners, smallest_cosine)
    matches = _without_spare(pair, partners, matches)
    frames = _refitted(pair, frames, partners, matches)
    deviations = _deviations(pair, partners._replace(moved=_moved(pair, frames)))
    n_atoms = (matches * pair.exists.sum(axis=1)).sum(axis=1)
    rmsd = np.sqrt((matches * deviations).sum(axis=1) / n_atoms)
    n_matched = matches.sum(axis=1)
    best = min(range(len(rmsd)), key=lambda k: (-n_matched[k], rmsd[k]))
    return ClusterOverlay(
        int(n_matched[best]), float(rmsd[best]), frames.rotations[best]
    )


def _starts(pair: ClusterPair, distance_tolerance: float) -> _Frames | None:
    """Overlays of the central molecules, by each mapping and hand; the best few."""
    size = int(pair.exists[0].sum())
    centre, other = pair.cluster[0, :size], pair.shell[0]
    mappings = pair.permutations[int(pair.kinds[0])]
    distances = _pair_distances(centre)
    mapped = other[mappings[:, :size]]
    difference = np.abs(_pair_distances(mapped) - distances)
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
    rotations, translations = _fit(points, targets, np.ones(targets.shape[:2]), hands)
    frames = _Frames(rotations, translations, hands, np.concatenate([central, central]))
    score = np.minimum(_centroid_distances(pair, frames).min(axis=2), FAR).sum(axis=1)
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
    centroids = _centroids(pair.cluster, pair.exists)
    off_axis = np.linalg.norm(np.cross(centroids, axis), axis=1)
    neighbour = int(np.argmax(off_axis > OFF_AXIS))
    length = np.linalg.norm(centroids[neighbour])
    others = _shell_centroids(pair)
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


def _fit(
    points: np.ndarray, targets: np.ndarray, weights: np.ndarray, hands: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares overlays of given hand: rotations (k, 3, 3), translations (k, 3).

    References:
        Kabsch, Acta Cryst. A32, 922 (1976).
    """
    share = (weights / weights.sum(axis=1, keepdims=True))[:, None, :]
    centre, target_centre = share @ points, share @ targets
    products = ((points - centre) * share.swapaxes(1, 2)).swapaxes(1, 2)
    u, _, vt = np.linalg.svd(products @ (targets - target_centre))
    signs = np.ones((len(u), 3))
    signs[:, 2] = hands * np.sign(np.linalg.det(u @ vt))
    rotations = ((u * signs[:, None, :]) @ vt).swapaxes(1, 2)
    translations = target_centre - centre @ rotations.swapaxes(1, 2)
    return rotations, translations[:, 0, :]


def _refitted(
    pair: ClusterPair, frames: _Frames, partners: _Partners, used: np.ndarray
) -> _Frames:
    """The frames fitted to the molecules ``used`` (k, a), the central one always."""
    n_starts = len(frames.hands)
    used = used.copy()
    used[:, 0] = True
    weights = (used[:, :, None] & pair.exists).reshape(n_starts, -1).astype(float)
    points = np.broadcast_to(pair.cluster, partners.mapped.shape)
    rotations, translations = _fit(
        points.reshape(n_starts, -1, 3),
        partners.mapped.reshape(n_starts, -1, 3),
        weights,
        frames.hands,
    )
    return frames._replace(rotations=rotations, translations=translations)


def _moved(pair: ClusterPair, frames: _Frames) -> np.ndarray:
    atoms = pair.cluster.reshape(1, -1, 3) @ frames.rotations.swapaxes(1, 2)
    atoms = atoms + frames.translations[:, None, :]
    return np.asarray(atoms.reshape(-1, *pair.cluster.shape))


def _centroids(coordinates: np.ndarray, exists: np.ndarray) -> Positions:
    sizes = exists.sum(axis=1)
    return np.asarray((coordinates * exists[:, :, None]).sum(axis=1) / sizes[:, None])


def _shell_centroids(pair: ClusterPair) -> Positions:
    sizes = np.zeros(len(pair.permutations))
    sizes[pair.kinds] = pair.exists.sum(axis=1)
    # a kind that is not in the cluster is never a partner
    size = np.maximum(sizes[pair.shell_kinds], 1.0)
    return np.asarray(pair.shell.sum(axis=1) / size[:, None])


def _centroid_distances(pair: ClusterPair, frames: _Frames) -> np.ndarray:
    """Between molecules of one kind (k, a, b), Å; infinite between different ones."""
    centroids = _centroids(pair.cluster, pair.exists) @ frames.rotations.swapaxes(1, 2)
    centroids = centroids + frames.translations[:, None, :]
    difference = centroids[:, :, None, :] - _shell_centroids(pair)
    distances = np.sqrt(np.einsum("kabi,kabi->kab", difference, difference))
    is_other = pair.kinds[:, None] != pair.shell_kinds
    return np.asarray(np.where(is_other, np.inf, distances))


def _partners(pair: ClusterPair, frames: _Frames) -> _Partners:
    """The nearest molecule of the same kind, each taken once, its atoms mapped best."""
    distances = _centroid_distances(pair, frames)
    partner = distances.argmin(axis=2)
    partner[:, 0] = 0
    nearest = np.take_along_axis(distances, partner[:, :, None], axis=2)[:, :, 0]
    order = nearest.copy()
    order[:, 0] = -1.0
    shares = partner[:, :, None] == partner[:, None, :]
    loses = (shares & (order[:, :, None] > order[:, None, :])).any(axis=2)
    moved = _moved(pair, frames)
    targets = pair.shell[partner]
    mapped = np.empty_like(targets)
    atoms = np.arange(targets.shape[2])
    for kind, permutations in enumerate(pair.permutations):
        rows = np.flatnonzero(pair.kinds == kind)
        if len(rows):
            # Σ|x' − y|² is least where Σ x'·y is largest
            products = moved[:, rows] @ targets[:, rows].swapaxes(2, 3)
            best = products[:, :, atoms, permutations].sum(axis=3).argmax(axis=2)
            mapped[:, rows] = np.take_along_axis(
                targets[:, rows], permutations[best][..., None], axis=2
            )
    mapped[:, 0] = pair.shell[0][frames.central]
    return _Partners(moved, mapped, np.where(loses, np.inf, nearest))


def _pair_distances(points: np.ndarray) -> np.ndarray:
    difference = points[..., :, None, :] - points[..., None, :, :]
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", difference, difference)))


def _from_centre(molecules: np.ndarray) -> np.ndarray:
    """Distances (..., a, m, n) from atoms n of the first molecule, Å."""
    difference = molecules[..., :, :, None, :] - molecules[..., :1, None, :, :]
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", difference, difference)))


def _distances_agree(
    pair: ClusterPair, partners: _Partners, tolerance: float
) -> np.ndarray:
    """Which molecules (k, a) are as far from the central one, atom by atom."""
    reference = _from_centre(pair.cluster)
    difference = np.abs(_from_centre(partners.mapped) - reference)
    absent = ~(pair.exists[:, :, None] & pair.exists[0])
    agrees = (difference <= tolerance * reference + 1e-9) | absent
    return np.asarray(agrees.all(axis=(2, 3)) & np.isfinite(partners.distances))


def _directions_agree(
    pair: ClusterPair, frames: _Frames, partners: _Partners, smallest_cosine: float
) -> np.ndarray:
    """Which molecules (k, a) are seen from the centre in the same directions."""
    here = partners.moved - frames.translations[:, None, None, :]
    there = partners.mapped
    products = np.einsum("kami,kami->kam", here, there)
    lengths = np.linalg.norm(here, axis=3) * np.linalg.norm(there, axis=3)
    agrees = ((products >= smallest_cosine * lengths) | ~pair.exists).all(axis=2)
    agrees[:, 0] = True
    return np.asarray(agrees)


def _deviations(pair: ClusterPair, partners: _Partners) -> np.ndarray:
    """Sum of squared atomic distances of each molecule (k, a), Å²."""
    difference = (partners.moved - partners.mapped) * pair.exists[:, :, None]
    return np.asarray(np.einsum("kami,kami->ka", difference, difference))


def _without_spare(
    pair: ClusterPair, partners: _Partners, matches: np.ndarray
) -> np.ndarray:
    """The matches less those equally near molecules that are one too many.

    Of the molecules at the rim of the cluster the ones that overlay best stay, so that
    the outcome does not depend on their arbitrary order.
    """
    deviations = np.where(matches, _deviations(pair, partners), np.inf)
    rim = deviations[:, pair.n_core :]
    ranks = rim.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    kept: Mask = matches.copy()
    kept[:, pair.n_core :] &= ranks < pair.n_molecules - pair.n_core
    return kept
