"""The search for a cluster of molecules in another crystal."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from csp.comparison.kernels.fitting import Array, Flags
from csp.comparison.kernels.pairs import (
    Frame,
    Pair,
    Partners,
    deviation,
    matches_of,
    partners_of,
    refit,
    spread,
)
from csp.comparison.kernels.starts import starts

MOST_STARTS = 24
"""Orientations of the central molecule from which the overlay is refined."""
MOST_FINALISTS = 3
"""Refined overlays that are examined molecule by molecule."""
N_NEAREST = 6
"""Molecules that steer the first refinement, the central one included."""
FAR = 3.0
"""A molecule further than this from its partner does not steer the overlay, Å."""
ROUNDS = 3
"""Times an overlay is fitted to the molecules that match."""


class Overlaid(NamedTuple):
    """The best overlay found; nothing matches if ``n_matched`` is 0."""

    n_matched: int
    rmsd: float
    rotation: Array


@njit(cache=True, nogil=True, error_model="numpy")
def best_overlay(pair: Pair, n_open: int) -> Overlaid:
    """The overlay with most matched molecules and, of these, the smallest RMSD.

    The best orientations of the central molecule are refined by all neighbours that
    have a partner near, which finds crystals that are deformed. If that does not match
    every molecule, overlays grow from the molecules that match the central one's own
    orientation, which finds common layers and columns of different crystals.

    Args:
        pair: What is overlaid on what.
        n_open: See :func:`csp.comparison.kernels.starts.starts`.
    """
    best = Overlaid(0, np.inf, np.eye(3))
    if pair.kinds[0] != pair.shell_kinds[0]:
        return best
    frames = starts(pair, n_open)
    if len(frames) == 0:
        return best
    frames = _lowest(frames, _spreads(pair, frames), MOST_STARTS)
    steered = [_steered(pair, frame) for frame in frames]
    for frame in _lowest(steered, _spreads(pair, steered), MOST_FINALISTS):
        best = _better(best, _judged(pair, frame))
    if best.n_matched < pair.n_molecules:
        misses = np.empty(len(frames))
        for k in range(len(frames)):
            matches = matches_of(pair, frames[k], partners_of(pair, frames[k]))
            misses[k] = -float(matches.sum())
        for frame in _lowest(frames, misses, MOST_FINALISTS):
            best = _better(best, _judged(pair, frame))
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def _spreads(pair: Pair, frames: list[Frame]) -> Array:
    scores = np.empty(len(frames))
    for k in range(len(frames)):
        scores[k] = spread(pair, frames[k], FAR)
    return scores


@njit(cache=True, nogil=True, error_model="numpy")
def _lowest(frames: list[Frame], scores: Array, most: int) -> list[Frame]:
    """The frames with the lowest scores, the first among equals."""
    order = np.argsort(scores, kind="mergesort")[:most]
    return [frames[k] for k in order]


@njit(cache=True, nogil=True, error_model="numpy")
def _better(first: Overlaid, second: Overlaid) -> Overlaid:
    if second.n_matched > first.n_matched:
        return second
    if second.n_matched == first.n_matched and second.rmsd < first.rmsd:
        return second
    return first


@njit(cache=True, nogil=True, error_model="numpy")
def _copy(frame: Frame) -> Frame:
    return Frame(
        frame.rotation.copy(), frame.translation.copy(), frame.hand, frame.central
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _steered(pair: Pair, start: Frame) -> Frame:
    """Fitted to all molecules that have a partner near, the nearest ones first."""
    frame = _copy(start)
    n = len(pair.cluster)
    for n_steering in (min(N_NEAREST, n), n, n):
        partners = partners_of(pair, frame)
        steers = partners.distances < FAR
        steers[n_steering:] = False
        refit(pair, frame, partners, steers)
    return frame


@njit(cache=True, nogil=True, error_model="numpy")
def _judged(pair: Pair, start: Frame) -> Overlaid:
    """Fitted to what matches, round by round; the best round counts."""
    frame = _copy(start)
    best = Overlaid(0, np.inf, frame.rotation.copy())
    for _ in range(ROUNDS):
        partners = partners_of(pair, frame)
        matches = matches_of(pair, frame, partners)
        if not matches[0]:
            break
        refit(pair, frame, partners, matches)
        kept = _without_spare(pair, frame, partners, matches)
        last = _copy(frame)
        refit(pair, last, partners, kept)
        total, n_atoms = 0.0, 0
        for a in range(len(pair.cluster)):
            if kept[a]:
                total += deviation(pair, last, partners, a)
                n_atoms += pair.sizes[a]
        overlaid = Overlaid(kept.sum(), math.sqrt(total / n_atoms), last.rotation)
        best = _better(best, overlaid)
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def _without_spare(
    pair: Pair, frame: Frame, partners: Partners, matches: Flags
) -> Flags:
    """The matches less those equally near molecules that are one too many.

    Of the molecules at the rim of the cluster the ones that overlay best stay, so that
    the outcome does not depend on their arbitrary order.
    """
    kept = matches.copy()
    n_rim = len(pair.cluster) - pair.n_core
    deviations = np.full(n_rim, np.inf)
    for k in range(n_rim):
        if matches[pair.n_core + k]:
            deviations[k] = deviation(pair, frame, partners, pair.n_core + k)
    order = np.argsort(deviations, kind="mergesort")
    for k in order[pair.n_molecules - pair.n_core :]:
        kept[pair.n_core + k] = False
    return kept
