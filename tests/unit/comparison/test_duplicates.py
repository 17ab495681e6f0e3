from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp.comparison.duplicates import Candidate, extend, unique
from csp.comparison.invariants import average_minimum_distances
from csp.comparison.settings import ComparisonSettings
from csp.errors import InputError

SETTINGS = ComparisonSettings()


def never(key):
    raise AssertionError(f"{key} was overlaid without need")


def candidates_of(crystals, energies):
    return [
        Candidate(
            key, energies[key], crystal.density, average_minimum_distances(crystal)
        )
        for key, crystal in crystals.items()
    ]


def summary(groups):
    return [(group.representative.key, group.keys) for group in groups]


@pytest.fixture(scope="module")
def minima(alpha, beta, redescribed, strained):
    """Two forms found again and again, and one distorted form of the same energy."""
    crystals = {f"a{k}": redescribed(alpha, k, noise=1e-3) for k in range(4)}
    crystals |= {f"b{k}": redescribed(beta, k, noise=1e-3) for k in range(3)}
    crystals["c0"] = redescribed(strained(beta, (1.04, 0.96, 1.0)), 9)
    energies = {key: -100.0 - 0.01 * int(key[1]) for key in crystals}
    return crystals, candidates_of(crystals, energies)


def test_each_crystal_is_counted_once(minima):
    crystals, candidates = minima
    groups = unique(candidates, crystals.__getitem__, SETTINGS)
    assert summary(groups) == [
        ("a3", ("a0", "a1", "a2", "a3")),
        ("b2", ("b0", "b1", "b2")),
        ("c0", ("c0",)),
    ]
    assert [group.times_found for group in groups] == [4, 3, 1]


def test_sure_cases_are_not_overlaid(minima):
    assert len(unique(minima[1], never, SETTINGS)) == 3


def test_doubtful_cases_are_overlaid(minima, beta, strained):
    crystals = {"x": beta, "y": strained(beta, (1.002, 1.0, 0.999))}
    candidates = candidates_of(crystals, {"x": 0.0, "y": 0.01})
    strict = ComparisonSettings(surely_same_angstrom=0.0)
    assert len(unique(candidates, crystals.__getitem__, strict)) == 1
    with pytest.raises(AssertionError, match="without need"):
        unique(candidates, never, strict)
    fussy = strict.model_copy(update={"duplicate_rmsd_angstrom": 1e-4})
    assert len(unique(candidates, crystals.__getitem__, fussy)) == 2


@given(order=st.permutations(range(8)))
def test_the_order_of_the_minima_does_not_matter(minima, order):
    crystals, candidates = minima
    expected = summary(unique(candidates, crystals.__getitem__, SETTINGS))
    shuffled = [candidates[index] for index in order]
    assert summary(unique(shuffled, crystals.__getitem__, SETTINGS)) == expected


@given(order=st.permutations(range(8)), cut=st.integers(0, 8))
def test_minima_may_come_in_instalments(minima, order, cut):
    crystals, candidates = minima
    shuffled = [candidates[index] for index in order]
    expected = summary(unique(candidates, crystals.__getitem__, SETTINGS))
    first = unique(shuffled[:cut], crystals.__getitem__, SETTINGS)
    both = extend(first, shuffled[cut:], crystals.__getitem__, SETTINGS)
    assert summary(both) == expected


POINTS = st.lists(
    st.tuples(st.floats(-1, 1), st.floats(1.50, 1.52), st.floats(0, 0.1)), max_size=30
)


def made_up(points):
    """Minima for which the invariants alone decide."""
    return [
        Candidate(f"k{index:02d}", energy, density, np.array([place, 2 * place]))
        for index, (energy, density, place) in enumerate(points)
    ]


DECIDED = ComparisonSettings(surely_same_angstrom=0.03, surely_different_angstrom=0.03)


@given(points=POINTS)
def test_the_representatives_by_themselves_are_distinct(points):
    groups = unique(made_up(points), never, DECIDED)
    alone = [group.representative for group in groups]
    assert summary(unique(alone, never, DECIDED)) == [(c.key, (c.key,)) for c in alone]
    members = sorted(key for group in groups for key in group.keys)
    assert members == [f"k{index:02d}" for index in range(len(points))]


@given(points=POINTS)
def test_a_group_is_led_by_its_lowest_member_and_lies_in_the_windows(points):
    candidates = {c.key: c for c in made_up(points)}
    for group in unique(candidates.values(), never, DECIDED):
        leader = group.representative
        for member in (candidates[key] for key in group.keys):
            rank = (member.lattice_energy, member.key)
            assert (leader.lattice_energy, leader.key) <= rank
            assert member.lattice_energy - leader.lattice_energy <= 0.1 + 1e-12
            assert abs(member.density / leader.density - 1.0) <= 0.0051
            assert np.abs(member.invariant - leader.invariant).max() <= 0.03


DRAWS = st.lists(st.integers(1, 3), min_size=30, max_size=30)


@given(points=POINTS, numbers=DRAWS, data=st.data())
def test_draws_of_duplicates_are_merged_whatever_the_order(points, numbers, data):
    """As if every draw had come by itself."""
    candidates = [
        replace(one, draws=tuple(f"{one.key}-{k}" for k in range(number)))
        for one, number in zip(made_up(points), numbers, strict=False)
    ]
    groups = unique(candidates, never, DECIDED)
    plain = {group.representative.key: group.keys for group in groups_of_keys(points)}
    given = {one.key: one.draws for one in candidates}
    for group in groups:
        expected = [
            draw for key in plain[group.representative.key] for draw in given[key]
        ]
        assert group.keys == tuple(sorted(expected))
        assert group.times_found == len(expected)
    assert len(groups) == len(plain)
    shuffled = data.draw(st.permutations(candidates))
    assert summary(unique(shuffled, never, DECIDED)) == summary(groups)


def groups_of_keys(points):
    return unique(made_up(points), never, DECIDED)


def test_a_candidate_without_draws_is_one_draw_of_its_own():
    assert Candidate("k", 0.0, 1.5, np.zeros(3)).draws == ("k",)


@given(points=POINTS)
def test_nothing_new_changes_nothing(points):
    groups = unique(made_up(points), never, DECIDED)
    assert summary(extend(groups, [], never, DECIDED)) == summary(groups)


def test_old_representatives_are_not_compared_again(minima):
    crystals, candidates = minima
    asked = []

    def crystal_of(key):
        asked.append(key)
        return crystals[key]

    # every pair of one form is in doubt, and none is close enough: all are distinct
    settings = ComparisonSettings(
        surely_same_angstrom=0.0, duplicate_rmsd_angstrom=1e-9
    )
    first = unique(candidates[:3], crystal_of, settings)
    assert (len(first), sorted(asked)) == (3, ["a0", "a1", "a2"])
    asked.clear()
    extend(first, candidates[4:5], crystal_of, settings)
    assert asked == []


def test_thousands_of_minima_take_a_moment():
    rng = np.random.default_rng(0)
    centres = rng.random((2000, 240))
    which = rng.integers(0, 2000, 10000)
    energies = 50.0 * rng.random(2000)
    candidates = [
        Candidate(f"{k:05d}", energies[w], 1.5, centres[w] + 1e-4 * rng.random(240))
        for k, w in enumerate(which)
    ]
    groups = unique(candidates, never, SETTINGS)
    assert len(groups) == len(set(which))
    assert sum(group.times_found for group in groups) == 10000


def test_no_minima_make_no_groups():
    assert unique([], never, SETTINGS) == ()


def test_misuse_is_explained():
    one = Candidate("k", 0.0, 1.5, np.zeros(3))
    with pytest.raises(InputError, match="the key 'k' names two minima"):
        unique([one, one], never, SETTINGS)
    other = Candidate("l", 0.0, 1.5, np.zeros(3), ("l", "k"))
    with pytest.raises(InputError, match="the key 'k' names two minima"):
        unique([one, other], never, SETTINGS)
    with pytest.raises(InputError, match=r"lattice energy nan kJ/mol .* not converge"):
        unique([Candidate("k", np.nan, 1.5, np.zeros(3))], never, SETTINGS)
    with pytest.raises(InputError, match="'l' has 4 numbers, not as many"):
        unique([one, Candidate("l", 0.0, 1.5, np.zeros(4))], never, SETTINGS)
