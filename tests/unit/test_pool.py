"""Distinct minima that grow round by round, against duplicates made on purpose."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csp.comparison.settings import ComparisonSettings
from csp.landscape import distinct
from csp.pool import Pool
from csp.records import Relaxation, Status

SETTINGS = ComparisonSettings()
WIDE = 1000.0


def silent(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def kinds(finished) -> list[Relaxation]:
    """Minima that are all distinct, each reached by one draw."""
    ends = list(finished.course.refined.founders.values())
    found = distinct(ends, finished.search.unit, SETTINGS, WIDE, silent)[:6]
    assert len(found) == 6
    return [named(end, 10**5 + k) for k, end in enumerate(found)]


def named(end: Relaxation, draw: int, higher: float = 0.0) -> Relaxation:
    """The same end, reached by another draw."""
    key = replace(end.packing.key, draw=draw)
    packing = replace(end.packing, key=key)
    energy = end.lattice_energy + higher
    return replace(end, packing=packing, draws=(str(key),), lattice_energy=energy)


@pytest.fixture(scope="module")
def new_pool(finished):
    return lambda: Pool(finished.search.unit, SETTINGS)


def state(pool: Pool) -> tuple:
    rows = [end.to_row() for end in pool.founders.values()]
    return rows, pool.founder_of, pool.members()


ROUNDS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(-0.04, 0.04)), min_size=0, max_size=5
    ),
    min_size=1,
    max_size=4,
)
"""Of each round: which minimum was found again, and by how much higher."""


def added(pool, kinds, rounds):
    """All ends by name, and what each round found that was new."""
    count, truth, fresh = 0, {}, []
    for found in rounds:
        ends = []
        for which, higher in found:
            count += 1
            ends.append(named(kinds[which], count, higher))
            truth[ends[-1].name] = (which, ends[-1])
        fresh.append([end.name for end in pool.add(ends, WIDE, silent)])
    return truth, fresh


@settings(max_examples=15)
@given(ROUNDS)
def test_duplicates_join_the_first_of_their_kind(new_pool, kinds, rounds):
    pool = new_pool()
    truth, fresh = added(pool, kinds, rounds)
    present = {which for which, _ in truth.values()}
    assert len(pool.founders) == len(present)
    assert set(pool.founder_of) == set(truth)
    for name, founder in pool.founder_of.items():
        assert truth[name][0] == truth[founder][0]
    # the founder is the lowest of the round that found its kind first
    seen = set()
    for names, found in zip(fresh, rounds, strict=True):
        expected = {which for which, _ in found} - seen
        assert {truth[name][0] for name in names} == expected
        assert len(names) == len(expected)
        energies = [truth[name][1].lattice_energy for name in names]
        assert energies == sorted(energies)
        for name in names:
            which = truth[name][0]
            assert truth[name][1].lattice_energy == min(
                kinds[which].lattice_energy + higher
                for other, higher in found
                if other == which
            )
        seen |= expected
    assert list(pool.founders) == [name for names in fresh for name in names]


@settings(max_examples=15)
@given(ROUNDS)
def test_members_are_a_partition_of_all_that_were_added(new_pool, kinds, rounds):
    pool = new_pool()
    truth, _ = added(pool, kinds, rounds)
    members = pool.members()
    assert list(members) == list(pool.founders)
    together = [name for own in members.values() for name in own]
    assert sorted(together) == sorted(truth)
    for founder, own in members.items():
        assert founder in own
        assert own == sorted(own)


@settings(max_examples=10)
@given(ROUNDS, st.integers(0, 3))
def test_a_recalled_pool_goes_on_like_the_one_that_was_added_to(
    new_pool, kinds, rounds, n_recalled
):
    """Whichever rounds came from the store, the rest finds the same."""
    added_to, recalled = new_pool(), new_pool()
    count = 0
    for index, found in enumerate(rounds):
        ends = []
        for which, higher in found:
            count += 1
            ends.append(named(kinds[which], count, higher))
        known = set(added_to.founder_of)
        fresh = added_to.add(ends, WIDE, silent)
        if index < n_recalled:
            rows = [Relaxation.from_row(end.to_row()) for end in fresh]
            joined = {
                name: founder
                for name, founder in added_to.founder_of.items()
                if name not in known
            }
            recalled.recall(rows, joined)
        else:
            again = recalled.add(ends, WIDE, silent)
            assert [e.name for e in again] == [e.name for e in fresh]
        assert state(recalled) == state(added_to)
        assert recalled.lowest == added_to.lowest


def test_a_founder_stays_though_a_lower_one_comes(new_pool, kinds):
    pool = new_pool()
    first, lower = named(kinds[0], 1), named(kinds[0], 2, -0.03)
    assert [end.name for end in pool.add([first], WIDE, silent)] == [first.name]
    assert pool.add([lower], WIDE, silent) == []
    assert list(pool.founders) == [first.name]
    assert pool.founder_of == {first.name: first.name, lower.name: first.name}
    # within one round the lower one is the founder
    other = new_pool()
    assert [e.name for e in other.add([first, lower], WIDE, silent)] == [lower.name]
    assert other.members() == {lower.name: sorted([first.name, lower.name])}


def test_at_once_it_is_what_the_landscape_calls_distinct(new_pool, finished):
    ends = [
        end
        for end in finished.course.refined.founders.values()
        if end.lattice_energy < finished.course.refined.lowest + 8.0
    ]
    shuffled = [ends[i] for i in np.random.default_rng(1).permutation(len(ends))]
    pool = new_pool()
    fresh = pool.add(shuffled, WIDE, silent)
    expected = distinct(ends, finished.search.unit, SETTINGS, WIDE, silent)
    assert [end.name for end in fresh] == [end.name for end in expected]


def test_what_lies_above_the_window_or_did_not_converge_is_left_out(new_pool, kinds):
    pool = new_pool()
    low, high = kinds[0], kinds[-1]
    gap = high.lattice_energy - low.lattice_energy
    bad = [
        named(replace(low, status=status), 7 + k, -(10.0**6))
        for k, status in enumerate(set(Status) - {Status.CONVERGED})
    ]
    assert pool.add([low, high, *bad], 0.5 * gap, silent) == [low]
    assert pool.lowest == low.lattice_energy
    # the window begins at the lowest of all, not of those that come
    assert pool.add([named(high, 3)], 0.5 * gap, silent) == []
    assert set(pool.founder_of) == {low.name}
    assert pool.add([named(high, 4)], 1.1 * gap, silent) != []


def test_a_round_that_found_nothing_changes_nothing(new_pool, kinds):
    pool = new_pool()
    assert pool.lowest == float("inf")
    assert pool.add([], WIDE, silent) == []
    assert pool.add([replace(kinds[0], status=Status.OVERLAP)], WIDE, silent) == []
    pool.add(kinds, WIDE, silent)
    before = state(pool)
    assert pool.add([], WIDE, silent) == []
    assert state(pool) == before


def test_what_is_there_is_not_compared_again(new_pool, kinds, monkeypatch):
    """Only new minima are expanded to crystals; a recalled founder once."""
    from csp import pool as module

    expanded = []
    crystal_of = module.crystal_of

    def counting(packing, unit):
        expanded.append(str(packing.key))
        return crystal_of(packing, unit)

    pool = new_pool()
    pool.add(kinds[:3], WIDE, silent)
    monkeypatch.setattr(module, "crystal_of", counting)
    pool.add(kinds[3:], WIDE, silent)
    assert not {end.name for end in kinds[:3]} & set(expanded)
    recalled = new_pool()
    recalled.recall(kinds[:3], {end.name: end.name for end in kinds[:3]})
    expanded.clear()
    recalled.add(kinds[3:5], WIDE, silent)
    recalled.add(kinds[5:], WIDE, silent)
    assert sorted(expanded) == sorted(end.name for end in kinds)


def test_comparing_is_told(new_pool, kinds):
    told = []
    new_pool().add(kinds, WIDE, lambda *report: told.append(report))
    assert told == [("comparing", k + 1, len(kinds)) for k in range(len(kinds))]
