import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp.errors import InputError
from csp.reference.cost_model import fitted
from csp.reference.selection import Candidate, Selection, selected
from csp.reference.subjects import Subject, doubled
from tests.unit.reference.crystals import body_centred


def landscape(n: int, form_at: int = -1) -> list[Candidate]:
    small, large = body_centred(), doubled(doubled(body_centred()))
    return [
        Candidate(
            Subject(f"s{i:03d}", large if i % 2 else small),
            0.2 * i,
            "alpha" if i == form_at else "",
        )
        for i in range(n)
    ]


def ids(chosen: list[Candidate]) -> set[str]:
    return {item.subject.id for item in chosen}


@given(st.integers(0, 40), st.integers(0, 60), st.integers(1, 100))
def test_as_many_as_wanted_and_none_twice(lowest, spread, n):
    chosen = selected(landscape(n), Selection(lowest, spread, window=1e3))
    assert len(ids(chosen)) == len(chosen) == min(n, lowest + spread)


def test_lowest_observed_and_named_ones_are_among_them():
    candidates = landscape(100, form_at=70)
    chosen = ids(selected(candidates, Selection(lowest=3, identities=("s050",))))
    assert chosen == {"s000", "s001", "s002", "s050", "s070"}


def test_the_spread_ones_are_small_and_everywhere_in_the_window():
    chosen = selected(landscape(100), Selection(spread=10, window=15.0))
    energies = sorted(item.relative_energy for item in chosen)
    assert energies[0] < 2.0
    assert 13.0 < energies[-1] <= 15.0
    assert max(np.diff(energies)) < 2.5
    assert {item.subject.n_atoms for item in chosen} == {4}


def test_the_cheapest_come_first():
    chosen = selected(landscape(10), Selection(lowest=10))
    sizes = [item.subject.n_atoms for item in chosen]
    assert sizes == sorted(sizes)


def test_an_unknown_structure_is_named():
    with pytest.raises(InputError, match="no structure 'sg1'"):
        selected(landscape(3), Selection(identities=("sg1",)))


def test_the_cost_model_finds_the_law_that_made_the_times():
    random = np.random.default_rng(1)
    features = [
        np.array([1.0, np.log(atoms / 16), np.log(points)])
        for atoms in (8, 16, 32, 64)
        for points in (1, 2, 4, 8)
    ]
    truth = np.array([np.log(30.0), 2.6, 0.9])
    times = [float(np.exp(row @ truth + random.normal(scale=0.05))) for row in features]
    model = fitted("quantum-espresso", features, times)
    for row in features:
        assert model.cpu_seconds(row) == pytest.approx(np.exp(row @ truth), rel=0.25)
    assert model.n_calculations == len(features)


def test_without_calculations_it_is_the_first_guess():
    row = np.array([1.0, 0.0, 0.0])
    model = fitted("quantum-espresso", [], [])
    assert 10.0 < model.cpu_seconds(row) < 40.0
    one = fitted("quantum-espresso", [row], [500.0])
    assert 300.0 < one.cpu_seconds(row) < 600.0
