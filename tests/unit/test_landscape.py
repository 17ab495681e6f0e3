from dataclasses import replace

import numpy as np
import pytest

from csp import stages
from csp.comparison.settings import ComparisonSettings
from csp.errors import InputError
from csp.landscape import Landscape, landscape_of
from csp.records import Relaxation, Status


def silent(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def ends(finished) -> list[Relaxation]:
    return [
        Relaxation.from_row(row)
        for batch in stages.batches(finished.search)
        for row in finished.search.run.store.read(batch.name)
    ]


@pytest.fixture(scope="module")
def rank(finished):
    """Ranks relaxations, without observed forms unless told."""
    molecules = {k: model.molecule for k, model in finished.search.models.items()}

    def make(ends, window=5.0, observed=None, progress=silent) -> Landscape:
        return landscape_of(
            ends, molecules, observed or {}, ComparisonSettings(), window, progress
        )

    return make


def summary(landscape: Landscape) -> list[tuple]:
    return [
        (m.identity, m.space_group, m.lattice_energy, m.times_found, m.cif)
        for m in landscape.minima
    ]


def test_the_order_of_the_relaxations_does_not_matter(rank, ends):
    shuffled = [ends[i] for i in np.random.default_rng(1).permutation(len(ends))]
    assert summary(rank(shuffled)) == summary(rank(ends))


def test_minima_rise_in_energy_from_zero(finished):
    landscape = finished.landscape
    energies = [landscape.relative_energy(minimum) for minimum in landscape.minima]
    assert energies[0] == 0.0
    assert energies == sorted(energies)


def test_every_relaxation_is_accounted_for_once(finished, ends):
    landscape = finished.landscape
    converged = landscape.endings[Status.CONVERGED]
    found = sum(minimum.times_found for minimum in landscape.minima)
    assert sum(landscape.endings.values()) == len(ends)
    assert found + landscape.n_outside_window == converged


def test_the_window_leaves_out_what_lies_above_it(rank, ends):
    narrow, wide = rank(ends, 5.0), rank(ends, 10.0)
    assert all(narrow.relative_energy(minimum) <= 5.0 for minimum in narrow.minima)
    assert narrow.n_outside_window > wide.n_outside_window
    kept = [s for s in summary(wide) if s[2] - wide.minima[0].lattice_energy <= 5.0]
    assert [s[0] for s in summary(narrow)] == [s[0] for s in kept]


def test_relaxations_that_did_not_converge_are_only_counted(rank, ends):
    lowest = min(ends, key=lambda end: end.lattice_energy)
    key = replace(lowest.packing.key, draw=10**6)
    fallen = replace(
        lowest,
        packing=replace(lowest.packing, key=key),
        status=Status.FELL_APART,
        lattice_energy=-(10.0**6),
    )
    with_it = rank([*ends, fallen])
    assert summary(with_it) == summary(rank(ends))
    before = rank(ends).endings.get(Status.FELL_APART, 0)
    assert with_it.endings[Status.FELL_APART] == before + 1


def test_nothing_converged_is_told_with_the_remedy(rank, ends):
    bad = [replace(end, status=Status.STEP_LIMIT) for end in ends[:3]]
    with pytest.raises(InputError, match=r"none of the 3 packings.*raise packing\.n_d"):
        rank(bad)


def test_a_crystal_found_twice_is_one_minimum_found_twice(rank, ends):
    lowest = min(
        (end for end in ends if end.status is Status.CONVERGED),
        key=lambda end: end.lattice_energy,
    )
    again = replace(
        lowest,
        packing=replace(lowest.packing, key=replace(lowest.packing.key, draw=10**6)),
    )
    landscape = rank([lowest, again])
    assert [minimum.times_found for minimum in landscape.minima] == [2]
    assert landscape.minima[0].identity == str(lowest.packing.key)


def test_one_minimum_may_bear_the_names_of_two_observed_forms(rank, finished, ends):
    alpha = finished.search.observed["alpha"]
    found = [m for m in finished.landscape.minima if "alpha" in m.observed_form]
    if not found:
        pytest.fail("the fixture's search is too short to find the alpha form")
    chosen = [end for end in ends if str(end.packing.key) == found[0].identity]
    landscape = rank(chosen, observed={"first": alpha, "second": alpha})
    assert landscape.minima[0].observed_form == "first, second"


def test_the_energy_of_a_minimum_is_that_of_its_relaxation(finished, ends):
    energies = {str(end.packing.key): end.lattice_energy for end in ends}
    for minimum in finished.landscape.minima:
        assert minimum.lattice_energy == energies[minimum.identity]


def test_slow_parts_are_told(rank, ends):
    told = []
    rank(ends, progress=lambda *report: told.append(report))
    assert {stage for stage, _, _ in told} == {"comparing", "finding symmetry"}
    assert all(0 < done <= total for _, done, total in told)
