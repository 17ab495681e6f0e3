"""How many packings are drawn of what, round by round."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.packing.occupation import Occupation
from csp.packing.plan import EXTRA_ROUNDS, Slot, Tally, draws_of_round, slots_of
from csp.packing.settings import PackingSettings
from csp.potentials.bodies import Component, FormulaUnit

WANTED = st.lists(st.integers(1, 500), min_size=1, max_size=5)
SETTINGS = st.builds(
    PackingSettings,
    rounds=st.integers(1, 9),
    most_draws_per_minimum=st.floats(1.0, 10.0),
)


def slots(wanted):
    occupation = Occupation(14, ("e",), Fraction(1), True)
    return [Slot(occupation, number) for number in wanted]


def searched(wanted, settings, succeeds):
    """Draws and tallies of all rounds; ``succeeds(slot, draw)`` says what is valid."""
    own = slots(wanted)
    tallies = [Tally() for _ in own]
    rounds = []
    while any(draws := draws_of_round(own, tallies, len(rounds), settings)):
        tallies = [
            Tally(
                tally.n_drawn + number,
                tally.n_valid
                + sum(
                    succeeds(slot, draw)
                    for draw in range(tally.n_drawn, tally.n_drawn + number)
                ),
            )
            for slot, (tally, number) in enumerate(zip(tallies, draws, strict=True))
        ]
        rounds.append((draws, tallies))
        assert len(rounds) <= settings.rounds + EXTRA_ROUNDS
    return rounds


@given(WANTED, SETTINGS)
def test_if_nothing_fails_what_is_wanted_is_drawn_in_equal_parts(wanted, settings):
    rounds = searched(wanted, settings, lambda *_: True)
    assert [tally.n_drawn for tally in rounds[-1][1]] == wanted
    assert len(rounds) <= settings.rounds
    for index, (_, tallies) in enumerate(rounds, start=1):
        for number, tally in zip(wanted, tallies, strict=True):
            assert tally.n_drawn == math.ceil(number * index / settings.rounds)


@given(WANTED, SETTINGS, st.data())
def test_what_fails_is_made_up_for_or_given_up(wanted, settings, data):
    rates = [data.draw(st.floats(0.0, 1.0)) for _ in wanted]

    def succeeds(slot, draw):
        """Evenly spread, a share of all draws."""
        return math.floor((draw + 1) * rates[slot]) > math.floor(draw * rates[slot])

    rounds = searched(wanted, settings, succeeds)
    ends = rounds[-1][1]
    for number, tally, rate in zip(wanted, ends, rates, strict=True):
        most = math.ceil(number * settings.most_draws_per_minimum)
        assert tally.n_drawn <= most
        # a round may go past what is wanted by little: its rate was that of before
        if tally.n_valid < number and len(rounds) < settings.rounds + EXTRA_ROUNDS:
            assert tally.n_drawn == most
        if rate >= 1.0:
            assert tally.n_valid == number
    # nothing is drawn of what is finished, and every draw counts up
    before = [Tally() for _ in wanted]
    for index, (draws, tallies) in enumerate(rounds):
        part = min(index + 1, settings.rounds) / settings.rounds
        for number, count, old in zip(wanted, draws, before, strict=True):
            assert count >= 0
            if old.n_valid >= math.ceil(number * part):
                assert count == 0
        before = tallies
    assert searched(wanted, settings, succeeds) == rounds


def test_half_failures_are_drawn_twice():
    settings = PackingSettings(rounds=4, most_draws_per_minimum=3.0)
    rounds = searched([400], settings, lambda _, draw: draw % 2 == 0)
    (end,) = rounds[-1][1]
    assert end.n_valid == 400
    assert end.n_drawn in {799, 800}
    # at first nothing is known; then half of a round fails
    assert rounds[0][0] == [100]
    assert rounds[1][0] == [300]


def test_a_slot_where_all_fail_is_given_up_at_its_limit():
    settings = PackingSettings(rounds=4, most_draws_per_minimum=3.0)
    rounds = searched([100, 100], settings, lambda slot, _: slot == 1)
    hopeless, easy = rounds[-1][1]
    assert (hopeless.n_drawn, hopeless.n_valid) == (300, 0)
    assert (easy.n_drawn, easy.n_valid) == (100, 100)


def test_the_last_planned_round_is_followed_by_two_more_at_most():
    """Luck that turns after twenty draws: the rate of before is too good."""
    settings = PackingSettings(rounds=2, most_draws_per_minimum=1000.0)
    rounds = searched([1000], settings, lambda _, draw: draw < 500)
    assert len(rounds) == 2 + EXTRA_ROUNDS
    assert draws_of_round(slots([1000]), [Tally()], 4, settings) == [0]


@pytest.mark.parametrize("n_drawn", [0, 5, 19])
def test_few_draws_say_nothing_of_the_rate(n_drawn):
    settings = PackingSettings(rounds=1, most_draws_per_minimum=100.0)
    tally = Tally(n_drawn, 0)
    assert draws_of_round(slots([50]), [tally], 0, settings) == [50]
    (later,) = draws_of_round(slots([50]), [Tally(20, 0)], 0, settings)
    assert later == 50 * 100 - 20
    (later,) = draws_of_round(slots([50]), [Tally(20, 5)], 0, settings)
    assert later == 45 * 4


# ------------------------------------------------------------------------- shares


@pytest.fixture(scope="module")
def unit_of(molecules):
    def make(name, both_hands=True):
        return FormulaUnit((Component(1, (molecules[name],), both_hands),))

    return make


def shared(unit, **settings):
    found = slots_of(unit, PackingSettings(**settings))
    return {
        (slot.occupation.space_group, slot.occupation.sites): slot.n_minima
        for slot in found
    }


def test_general_positions_share_the_minima_by_roots_of_frequencies(unit_of):
    """34 %, 25 % and 1 % of the crystals: 5.83 to 5 to 1."""
    found = shared(unit_of("CHFClBr"), space_groups=(14, 2, 1), n_minima=1183)
    assert found == {(14, "e"): 583, (2, "i"): 500, (1, "a"): 100}


def test_special_positions_have_a_part_of_what_their_group_has(unit_of):
    unit = unit_of("oxalic acid")
    given = {"space_groups": (14, 2, 61), "n_minima": 1000}
    found = shared(unit, special_share=0.3, **given)
    assert set(found) == {
        (14, "a"),
        (14, "e"),
        (2, "a"),
        (2, "i"),
        (61, "a"),
        (61, "c"),
    }
    for number, special, general in ((14, "a", "e"), (2, "a", "i"), (61, "a", "c")):
        assert_allclose(found[number, special], 0.3 * found[number, general], atol=0.6)
    general = sum(found[key] for key in ((14, "e"), (2, "i"), (61, "c")))
    assert abs(general - 1000) <= 1
    only = shared(unit, special_share=0.0, **given)
    assert set(only) == {(14, "e"), (2, "i"), (61, "c")}
    more = shared(unit, special_share=2.0, **given)
    assert more[14, "a"] == pytest.approx(2 * more[14, "e"], abs=1)


def test_a_group_whose_general_position_is_too_large_has_its_special_ones(unit_of):
    """Fm-3m has 192 general points; sulphur hexafluoride sits on 4."""
    given = {"space_groups": (225,), "n_minima": 100, "special_share": 0.3}
    found = shared(unit_of("SF6"), **given)
    assert found[225, "a"] == 100 // len(found) or found[225, "a"] >= 1
    assert (225, "l") not in found
    beside = shared(unit_of("SF6"), **{**given, "space_groups": (225, 1)})
    assert beside[1, "a"] == 100
    # as part of what the general position would have had beside P1's
    assert beside[225, "a"] == max(1, round(100 * 0.3 * (0.1 / 1.0) ** 0.5))


@given(
    n_minima=st.integers(1, 10_000),
    share=st.floats(0.0, 3.0),
    groups=st.lists(
        st.sampled_from([1, 2, 4, 14, 15, 19, 61, 62, 113]),
        min_size=1,
        max_size=5,
        unique=True,
    ),
)
def test_every_slot_gets_one_at_least_and_all_together_what_is_asked(
    unit_of, n_minima, share, groups
):
    unit = unit_of("water")
    found = shared(
        unit, space_groups=tuple(groups), n_minima=n_minima, special_share=share
    )
    again = shared(
        unit, space_groups=tuple(groups), n_minima=n_minima, special_share=share
    )
    assert found == again
    assert all(number >= 1 for number in found.values())
    general = slots_of(
        unit, PackingSettings(space_groups=tuple(groups), n_minima=n_minima)
    )
    wanted = sum(slot.n_minima for slot in general if slot.occupation.is_general)
    # rounding, and the one at least
    assert abs(wanted - n_minima) <= len(groups)


def test_a_search_of_nothing_has_no_slots(unit_of):
    settings = PackingSettings(space_groups=(14,), most_units_in_cell=3)
    assert slots_of(unit_of("CHFClBr"), settings) == []
    one_hand = unit_of("CHFClBr", both_hands=False)
    assert slots_of(one_hand, PackingSettings(space_groups=(14, 2))) == []


@pytest.mark.parametrize("name", ["quick", "standard", "efficient-z2"])
def test_a_thorough_search_searches_all_that_the_others_do(unit_of, name):
    unit = unit_of("water")
    thorough, other = (PackingSettings(preset=own) for own in ("thorough", name))
    assert set(other.space_groups) < set(thorough.space_groups)
    few = {"space_groups": (2, 13, 14, 61)}
    wanted = shared(unit, preset=name, **few)
    assert wanted.keys() <= shared(unit, preset="thorough", **few).keys()
