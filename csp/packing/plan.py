"""How many packings of each occupation a search draws, round by round."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from csp.packing.occupation import Occupation, weights
from csp.packing.placement import occupations_of
from csp.packing.presets import SPACE_GROUP_FREQUENCIES
from csp.packing.settings import PackingSettings
from csp.potentials.bodies import FormulaUnit

_FEWEST_FOR_RATE = 20
"""Draws from which the share that ends in a valid minimum is known well enough."""
EXTRA_ROUNDS = 2
"""Rounds after the last planned one that make up for packings that failed."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An occupation and the number of valid minima that are wanted of it."""

    occupation: Occupation
    n_minima: int


def slots_of(unit: FormulaUnit, settings: PackingSettings) -> list[Slot]:
    """All occupations of a search with their shares of the minima wanted.

    General positions share ``n_minima`` by their weights; a special position gets its
    part of what its space group's general position has, or would have.
    """
    occupied = occupations_of(unit, settings)
    shares = weights(occupied, SPACE_GROUP_FREQUENCIES, settings.special_share)
    general = [
        share for own, share in zip(occupied, shares, strict=True) if own.is_general
    ]
    whole = sum(general or shares)
    return [
        Slot(own, max(1, round(settings.n_minima * share / whole)))
        for own, share in zip(occupied, shares, strict=True)
        if share > 0.0
    ]


@dataclass(frozen=True, slots=True)
class Tally:
    """What was drawn of one slot so far."""

    n_drawn: int = 0
    n_valid: int = 0


def draws_of_round(
    slots: Sequence[Slot],
    tallies: Sequence[Tally],
    index: int,
    settings: PackingSettings,
) -> list[int]:
    """How many packings of each slot a round draws; nothing when the search is done.

    A round brings every slot to its part of the minima wanted, given the share of its
    earlier draws that ended in one; a slot that fails too often is given up.

    Args:
        slots: Of the search.
        tallies: What each has come to in the rounds before.
        index: Of the round, from 0.
        settings: Number of rounds, and when a slot is given up.
    """
    if index >= settings.rounds + EXTRA_ROUNDS:
        return [0] * len(slots)
    part = min(index + 1, settings.rounds) / settings.rounds
    return [
        _draws(math.ceil(slot.n_minima * part), slot, tally, settings)
        for slot, tally in zip(slots, tallies, strict=True)
    ]


def _draws(wanted: int, slot: Slot, tally: Tally, settings: PackingSettings) -> int:
    lacking = wanted - tally.n_valid
    if lacking <= 0:
        return 0
    most = math.ceil(slot.n_minima * settings.most_draws_per_minimum)
    rate = 1.0
    if tally.n_drawn >= _FEWEST_FOR_RATE:
        rate = max(tally.n_valid / tally.n_drawn, 1.0 / settings.most_draws_per_minimum)
    return max(0, min(math.ceil(lacking / rate), most - tally.n_drawn))
