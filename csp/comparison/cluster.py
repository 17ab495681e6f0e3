"""The search for a cluster of molecules in another crystal.

Arrays run over overlays (k), molecules of the cluster (a), atoms of a molecule (m, n)
and directions (i), in this order.
"""

from typing import NamedTuple

import numpy as np

from csp.arrays import Mask, RotationMatrix
from csp.comparison.frames import (
    ClusterPair,
    Frames,
    Partners,
    moved_atoms,
    partners_of,
    refitted,
)
from csp.comparison.starts import FAR, starts

MOST_FINALISTS = 3
"""Refined overlays that are examined molecule by molecule."""
N_NEAREST = 6
"""Molecules that steer the first refinement, the central one included."""


class ClusterOverlay(NamedTuple):
    """The best overlay found."""

    n_matched: int
    rmsd: float
    rotation: RotationMatrix


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
    frames = starts(pair, distance_tolerance)
    if frames is None:
        return None
    for n_steering in (N_NEAREST, len(pair.cluster), len(pair.cluster)):
        partners = partners_of(pair, frames)
        steers = partners.distances < FAR
        steers[:, n_steering:] = False
        frames = refitted(pair, frames, partners, steers)
    partners = partners_of(pair, frames)
    score = np.minimum(partners.distances, FAR).sum(axis=1)
    finalists = np.argsort(score, kind="stable")[:MOST_FINALISTS]
    return _judged(pair, frames.chosen(finalists), distance_tolerance, smallest_cosine)


def _judged(
    pair: ClusterPair,
    frames: Frames,
    distance_tolerance: float,
    smallest_cosine: float,
) -> ClusterOverlay:
    """Keep what matches, refit to it, and take the best of the overlays."""
    partners = partners_of(pair, frames)
    close = _distances_agree(pair, partners, distance_tolerance)
    for _ in range(2):
        matches = close & _directions_agree(pair, frames, partners, smallest_cosine)
        frames = refitted(pair, frames, partners, matches)
        partners = partners._replace(moved=moved_atoms(pair, frames))
    matches = close & _directions_agree(pair, frames, partners, smallest_cosine)
    matches = _without_spare(pair, partners, matches)
    frames = refitted(pair, frames, partners, matches)
    deviations = _deviations(pair, partners._replace(moved=moved_atoms(pair, frames)))
    n_atoms = (matches * pair.exists.sum(axis=1)).sum(axis=1)
    rmsd = np.sqrt((matches * deviations).sum(axis=1) / n_atoms)
    n_matched = matches.sum(axis=1)
    best = min(range(len(rmsd)), key=lambda k: (-n_matched[k], rmsd[k]))
    return ClusterOverlay(
        int(n_matched[best]), float(rmsd[best]), frames.rotations[best]
    )


def _from_centre(molecules: np.ndarray) -> np.ndarray:
    """Distances (..., a, m, n) from atoms n of the first molecule, Å."""
    difference = molecules[..., :, :, None, :] - molecules[..., :1, None, :, :]
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", difference, difference)))


def _distances_agree(
    pair: ClusterPair, partners: Partners, tolerance: float
) -> np.ndarray:
    """Which molecules (k, a) are as far from the central one, atom by atom."""
    reference = _from_centre(pair.cluster)
    difference = np.abs(_from_centre(partners.mapped) - reference)
    absent = ~(pair.exists[:, :, None] & pair.exists[0])
    agrees = (difference <= tolerance * reference + 1e-9) | absent
    return np.asarray(agrees.all(axis=(2, 3)) & np.isfinite(partners.distances))


def _directions_agree(
    pair: ClusterPair, frames: Frames, partners: Partners, smallest_cosine: float
) -> np.ndarray:
    """Which molecules (k, a) are seen from the centre in the same directions."""
    here = partners.moved - frames.translations[:, None, None, :]
    there = partners.mapped
    products = np.einsum("kami,kami->kam", here, there)
    lengths = np.linalg.norm(here, axis=3) * np.linalg.norm(there, axis=3)
    agrees = ((products >= smallest_cosine * lengths) | ~pair.exists).all(axis=2)
    agrees[:, 0] = True
    return np.asarray(agrees)


def _deviations(pair: ClusterPair, partners: Partners) -> np.ndarray:
    """Sum of squared atomic distances of each molecule (k, a), Å²."""
    difference = (partners.moved - partners.mapped) * pair.exists[:, :, None]
    return np.asarray(np.einsum("kami,kami->ka", difference, difference))


def _without_spare(
    pair: ClusterPair, partners: Partners, matches: np.ndarray
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
