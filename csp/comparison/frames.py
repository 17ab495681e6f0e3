"""Overlays of a cluster of molecules on another crystal, many at once.

Arrays run over overlays (k), molecules of the cluster (a), molecules of the other
crystal (b), atoms of a molecule (m, n) and directions (i, j), in this order.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from csp.arrays import Indices, Positions
from csp.comparison.shells import Shell


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


class Frames(NamedTuple):
    """Overlays: ``x' = R x + t`` from the cluster to the shell."""

    rotations: np.ndarray  # (k, 3, 3)
    translations: np.ndarray  # (k, 3)
    hands: np.ndarray  # (k,): 1 proper, -1 improper
    central: np.ndarray  # (k, m): mapping of the central molecule's atoms

    def chosen(self, rows: np.ndarray) -> "Frames":
        """Some of the overlays."""
        return Frames(*(field[rows] for field in self))


class Partners(NamedTuple):
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


def fit_many(
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


def refitted(
    pair: ClusterPair, frames: Frames, partners: Partners, used: np.ndarray
) -> Frames:
    """The frames fitted to the molecules ``used`` (k, a), the central one always."""
    n_starts = len(frames.hands)
    used = used.copy()
    used[:, 0] = True
    weights = (used[:, :, None] & pair.exists).reshape(n_starts, -1).astype(float)
    points = np.broadcast_to(pair.cluster, partners.mapped.shape)
    rotations, translations = fit_many(
        points.reshape(n_starts, -1, 3),
        partners.mapped.reshape(n_starts, -1, 3),
        weights,
        frames.hands,
    )
    return frames._replace(rotations=rotations, translations=translations)


def moved_atoms(pair: ClusterPair, frames: Frames) -> np.ndarray:
    """The cluster's atoms (k, a, m, 3) in the frame of the shell, Å."""
    atoms = pair.cluster.reshape(1, -1, 3) @ frames.rotations.swapaxes(1, 2)
    atoms = atoms + frames.translations[:, None, :]
    return np.asarray(atoms.reshape(-1, *pair.cluster.shape))


def centroids_of(coordinates: np.ndarray, exists: np.ndarray) -> Positions:
    """Centroid of each molecule, Å."""
    sizes = exists.sum(axis=1)
    return np.asarray((coordinates * exists[:, :, None]).sum(axis=1) / sizes[:, None])


def shell_centroids(pair: ClusterPair) -> Positions:
    """Centroid of each molecule of the shell, Å."""
    sizes = np.zeros(len(pair.permutations))
    sizes[pair.kinds] = pair.exists.sum(axis=1)
    # a kind that is not in the cluster is never a partner
    size = np.maximum(sizes[pair.shell_kinds], 1.0)
    return np.asarray(pair.shell.sum(axis=1) / size[:, None])


def centroid_distances(pair: ClusterPair, frames: Frames) -> np.ndarray:
    """Between molecules of one kind (k, a, b), Å; infinite between different ones."""
    centroids = centroids_of(pair.cluster, pair.exists)
    centroids = centroids @ frames.rotations.swapaxes(1, 2)
    centroids = centroids + frames.translations[:, None, :]
    difference = centroids[:, :, None, :] - shell_centroids(pair)
    distances = np.sqrt(np.einsum("kabi,kabi->kab", difference, difference))
    is_other = pair.kinds[:, None] != pair.shell_kinds
    return np.asarray(np.where(is_other, np.inf, distances))


def partners_of(pair: ClusterPair, frames: Frames) -> Partners:
    """The nearest molecule of the same kind, each taken once, its atoms mapped best."""
    distances = centroid_distances(pair, frames)
    partner = distances.argmin(axis=2)
    partner[:, 0] = 0
    nearest = np.take_along_axis(distances, partner[:, :, None], axis=2)[:, :, 0]
    order = nearest.copy()
    order[:, 0] = -1.0
    shares = partner[:, :, None] == partner[:, None, :]
    loses = (shares & (order[:, :, None] > order[:, None, :])).any(axis=2)
    moved = moved_atoms(pair, frames)
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
    return Partners(moved, mapped, np.where(loses, np.inf, nearest))
