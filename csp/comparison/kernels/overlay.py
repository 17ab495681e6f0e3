"""The search for a cluster of molecules in another crystal."""

import math
from typing import NamedTuple

import numpy as np

from csp.comparison.kernels.fitting import Array, Flags, smallest
from csp.comparison.kernels.pairs import (
    Frame,
    Frames,
    Pair,
    Partners,
    copied,
    deviation,
    frame_of,
    matches_of,
    partners_of,
    refit,
    spread,
)
from csp.comparison.kernels.starts import starts
from csp.compiled import compiled

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


@compiled()
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
    best = Overlaid(0, np.inf, np.zeros((3, 3)))
    if pair.kinds[0] != pair.shell_kinds[0]:
        return best
    every = starts(pair, n_open)
    frames = copied(every, smallest(_spreads(pair, every), MOST_STARTS))
    n = len(frames.hands)
    steered = copied(frames, np.arange(n))
    for k in range(n):
        _steer(pair, frame_of(steered, k))
    for k in smallest(_spreads(pair, steered), MOST_FINALISTS):
        best = _better(best, _judged(pair, frame_of(steered, k)))
    if best.n_matched < pair.n_molecules:
        misses = np.empty(n)
        for k in range(n):
            frame = frame_of(frames, k)
            matches = matches_of(pair, frame, partners_of(pair, frame))
            misses[k] = -_number(matches)
        for k in smallest(misses, MOST_FINALISTS):
            best = _better(best, _judged(pair, frame_of(frames, k)))
    return best


@compiled()
def _spreads(pair: Pair, frames: Frames) -> Array:
    scores = np.empty(len(frames.hands))
    for k in range(len(scores)):
        scores[k] = spread(pair, frame_of(frames, k), FAR)
    return scores


@compiled()
def _number(flags: Flags) -> int:
    """How many are true."""
    count = 0
    for flag in flags:
        if flag:
            count += 1
    return count


@compiled()
def _better(first: Overlaid, second: Overlaid) -> Overlaid:
    if second.n_matched > first.n_matched:
        return second
    if second.n_matched == first.n_matched and second.rmsd < first.rmsd:
        return second
    return first


@compiled()
def _steer(pair: Pair, frame: Frame) -> None:
    """Fit to all molecules that have a partner near, the nearest ones first."""
    n = len(pair.cluster)
    steers = np.empty(n, dtype=np.bool_)
    for n_steering in (N_NEAREST, n, n):
        partners = partners_of(pair, frame)
        for a in range(n):
            steers[a] = a < n_steering and partners.distances[a] < FAR
        refit(pair, frame, partners, steers)


@compiled()
def _judged(pair: Pair, frame: Frame) -> Overlaid:
    """Fitted to what matches, round by round; the best round counts.

    The frame is overwritten.
    """
    best = Overlaid(0, np.inf, np.zeros((3, 3)))
    for _ in range(ROUNDS):
        partners = partners_of(pair, frame)
        matches = matches_of(pair, frame, partners)
        if not matches[0]:
            break
        refit(pair, frame, partners, matches)
        kept = _without_spare(pair, frame, partners, matches)
        last = Frame(np.empty((3, 3)), np.empty(3), frame.hand, frame.central)
        refit(pair, last, partners, kept)
        total, n_atoms = 0.0, 0
        for a in range(len(pair.cluster)):
            if kept[a]:
                total += deviation(pair, last, partners, a)
                n_atoms += pair.sizes[a]
        rmsd = math.sqrt(total / n_atoms)
        best = _better(best, Overlaid(_number(kept), rmsd, last.rotation))
    return best


@compiled()
def _without_spare(
    pair: Pair, frame: Frame, partners: Partners, matches: Flags
) -> Flags:
    """The matches less those equally near molecules that are one too many.

    Of the molecules at the rim of the cluster the ones that overlay best stay, so that
    the outcome does not depend on their arbitrary order.
    """
    n = len(pair.cluster)
    deviations = np.empty(n - pair.n_core)
    kept = np.empty(n, dtype=np.bool_)
    for a in range(n):
        kept[a] = matches[a] and a < pair.n_core
        if a >= pair.n_core:
            deviations[a - pair.n_core] = (
                deviation(pair, frame, partners, a) if matches[a] else np.inf
            )
    for k in smallest(deviations, pair.n_molecules - pair.n_core):
        kept[pair.n_core + k] = matches[pair.n_core + k]
    return kept
