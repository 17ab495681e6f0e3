from dataclasses import replace

import numpy as np
import pytest

from csp import course as course_module
from csp import stages
from csp.comparison.settings import ComparisonSettings
from csp.errors import InputError
from csp.landscape import Counts, Landscape, distinct, landscape_of
from csp.records import Relaxation, Status

SETTINGS = ComparisonSettings()
NOTHING = Counts({}, 0, 0, 0, 0, 0)


def silent(stage: str, done: int, total: int) -> None:
    pass


def stored(finished, step: str) -> list[Relaxation]:
    """All relaxations of a step of the finished run, or the lists of its rounds."""
    store = finished.search.run.store
    paths = [
        path
        for path in sorted(store.folder.rglob("*.jsonl"))
        if step in path.relative_to(store.folder).as_posix()
        and "members" not in path.name
    ]
    names = [path.relative_to(store.folder).with_suffix("") for path in paths]
    if step.startswith("/"):
        names = [name for name in names if name.parts[0].startswith("rounds-")]
    else:
        names = [name for name in names if name.parts[0] == step]
    return [Relaxation.from_row(row) for name in names for row in store.read(str(name))]


FIRST, FULL, FINALISTS = "/first/", "/full/", "/finalists-"
"""Lists of the minima that are new in a round; those that are settled at the end."""


@pytest.fixture(scope="module")
def ends(finished) -> list[Relaxation]:
    return stored(finished, "relaxed")


@pytest.fixture(scope="module")
def unit(finished):
    """The formula unit."""
    return finished.search.unit


@pytest.fixture(scope="module")
def merged(unit):
    """The distinct ones among relaxations."""

    def make(ends, window=5.0, progress=silent) -> list[Relaxation]:
        return distinct(ends, unit, SETTINGS, window, progress)

    return make


@pytest.fixture(scope="module")
def rank(unit, merged):
    """Ranks relaxations, without observed forms unless told."""

    def make(ends, window=5.0, observed=None, progress=silent) -> Landscape:
        minima = merged(ends, window, progress)
        known = observed or {}
        found_by = (NOTHING, np.zeros(0, int), np.zeros(0))
        return landscape_of(minima, unit, known, SETTINGS, found_by, progress)

    return make


def rows(minima: list[Relaxation]) -> list[dict]:
    return [end.to_row() for end in minima]


def moved(end: Relaxation, **changes: object) -> Relaxation:
    """The same end, reached by another draw."""
    key = replace(end.packing.key, draw=10**6)
    again = replace(end, packing=replace(end.packing, key=key), draws=(str(key),))
    return replace(again, **changes)


@pytest.mark.parametrize("step", ["relaxed", "refined", "settled"])
def test_the_order_of_the_relaxations_does_not_matter(merged, finished, step):
    ends = stored(finished, step)
    shuffled = [ends[i] for i in np.random.default_rng(1).permutation(len(ends))]
    assert rows(merged(shuffled)) == rows(merged(ends))


def test_what_is_distinct_stays_so(merged, ends):
    once = merged(ends)
    assert rows(merged(once)) == rows(once)


def test_duplicates_bring_along_all_draws_that_led_to_them(merged, ends):
    lowest = merged(ends)[0]
    again = moved(lowest, draws=("sg014-e-900000", "sg014-e-900001"))
    higher = moved(lowest, lattice_energy=lowest.lattice_energy + 0.01)
    for pair in ([lowest, again], [again, lowest]):
        (found,) = merged(pair)
        assert found.packing.key == lowest.packing.key
        assert found.draws == tuple(sorted({*lowest.draws, *again.draws}))
    (found,) = merged([higher, lowest])
    assert found.to_row() == {
        **lowest.to_row(),
        "draws": sorted({*lowest.draws, *higher.draws}),
    }


def near_of(ends: list[Relaxation], window: float) -> list[Relaxation]:
    """The converged ones within a window above the lowest."""
    good = [end for end in ends if end.status is Status.CONVERGED]
    lowest = min(end.lattice_energy for end in good)
    return [end for end in good if end.lattice_energy <= lowest + window]


def test_no_draw_of_a_kept_minimum_is_lost_or_counted_twice(finished):
    """Those that are lost ended badly, or above a window."""
    settings, course = finished.search.run.settings, finished.course
    drawn = stored(finished, "relaxed")
    first = sorted(draw for own in course.first.members().values() for draw in own)
    assert len(set(first)) == len(first)
    near = near_of(drawn, settings.relaxation.first_window_kj_per_mol)
    # rounds have windows of their own, above the lowest until then
    assert {end.name for end in near} <= set(first) < {end.name for end in drawn}
    found = sorted(draw for own in course.draws_to().values() for draw in own)
    refined = near_of(
        stored(finished, "refined"), settings.relaxation.first_window_kj_per_mol
    )
    members, left = course.first.members(), course.refined.founder_of
    assert {end.name for end in refined} <= set(left)
    assert found == sorted(draw for name in left for draw in members[name])
    finalists = stored(finished, FINALISTS)
    kept = {end.name: end.draws for end in finalists}
    assert kept == {name: course.draws_to()[name] for name in kept}
    window = settings.landscape.energy_window_kj_per_mol
    assert set(kept) == {e.name for e in near_of(stored(finished, FULL), window)}
    shown = sum(minimum.times_found for minimum in finished.landscape.minima)
    settled = near_of(stored(finished, "settled"), window)
    assert shown == sum(len(end.draws) for end in settled)


def test_refining_and_settling_pass_on_what_they_began_with(finished):
    for before, after in ((FIRST, "refined"), (FINALISTS, "settled")):
        first, second = stored(finished, before), stored(finished, after)
        assert [end.draws for end in first] == [end.draws for end in second]
        keys = [end.packing.key for end in first]
        assert keys == [end.packing.key for end in second]


def test_minima_rise_in_energy_from_zero(finished):
    landscape = finished.landscape
    energies = [landscape.relative_energy(minimum) for minimum in landscape.minima]
    assert energies[0] == 0.0
    assert energies == sorted(energies)


def test_what_became_of_the_packings_is_counted(finished, ends):
    counts = finished.landscape.counts
    settled = stored(finished, "settled")
    assert sum(counts.endings.values()) == len(ends)
    for status, number in counts.endings.items():
        assert number == sum(end.status is status for end in ends)
    assert len(counts.endings) > 1
    assert counts.n_first_minima == len(stored(finished, FIRST))
    assert counts.n_refined == counts.n_first_minima
    assert counts.n_distinct == len(settled) < counts.n_refined
    free = [end for end in settled if end.packing.has_left_symmetry]
    assert counts.n_saddles == len(free) > 0
    assert counts.n_unsettled == 0


def test_bad_ends_of_refining_and_settling_are_counted(finished, tmp_path):
    """One more of each is planted in the store of a copy."""
    run = replace(finished.search.run, output=tmp_path)
    store = finished.search.run.store
    refined, settled = (
        max(path for path in store.folder.rglob("*.jsonl") if step in path.parts)
        for step in ("refined", "settled")
    )
    for path in store.folder.rglob("*.jsonl"):
        name = path.relative_to(store.folder).with_suffix("").as_posix()
        content = list(store.read(name))
        if path == refined:
            content[-1]["status"] = "step limit"
        if path == settled:
            names = [Relaxation.from_row(row).name for row in content]
            last = names.index(finished.landscape.minima[-1].identity)
            content[last]["status"] = "step limit"
        run.store.write(name, content)
    search = replace(finished.search, run=run)
    course = course_module.finished_course(search, silent)
    landscape = stages.collect(search, course, silent)
    counts = landscape.counts
    assert counts.n_refined == finished.landscape.counts.n_refined - 1
    assert counts.n_unsettled == 1
    assert len(landscape.minima) < len(finished.landscape.minima)


def test_the_window_leaves_out_what_lies_above_it(merged, ends):
    narrow, wide = merged(ends, 5.0), merged(ends, 10.0)
    lowest = wide[0].lattice_energy
    assert len(narrow) < len(wide)
    kept = [end for end in wide if end.lattice_energy - lowest <= 5.0]
    assert [end.packing.key for end in narrow] == [end.packing.key for end in kept]


def test_relaxations_that_did_not_converge_are_no_minima(merged, ends):
    lowest = min(ends, key=lambda end: end.lattice_energy)
    for status in set(Status) - {Status.CONVERGED}:
        fallen = moved(lowest, status=status, lattice_energy=-(10.0**6))
        assert rows(merged([*ends, fallen])) == rows(merged(ends))


def test_nothing_converged_is_told_with_the_remedy(merged, ends):
    bad = [replace(end, status=Status.STEP_LIMIT) for end in ends[:3]]
    with pytest.raises(InputError, match=r"none of the 3 packings.*raise packing\.n_m"):
        merged(bad)


def test_a_crystal_found_twice_is_one_minimum_found_twice(rank, merged, ends):
    lowest = replace(merged(ends)[0], draws=())
    lowest = replace(lowest, draws=(str(lowest.packing.key),))
    landscape = rank([lowest, moved(lowest)])
    assert [minimum.times_found for minimum in landscape.minima] == [2]
    assert landscape.minima[0].identity == str(lowest.packing.key)


def test_a_crystal_left_downhill_may_be_one_known_already(finished):
    """Without its symmetry it is still the same crystal, in its true space group."""
    settled = {str(e.packing.key): e for e in stored(finished, "settled")}
    free = {k: e for k, e in settled.items() if e.packing.has_left_symmetry}
    shown = {minimum.identity: minimum for minimum in finished.landscape.minima}
    merged_draws = [
        minimum.times_found - len(settled[key].draws)
        for key, minimum in shown.items()
        if key in free
    ]
    hidden = [key for key in free if key not in shown]
    assert any(merged_draws) or hidden
    for key in set(free) & set(shown):
        number = shown[key].space_group
        assert number != free[key].packing.key.space_group
        assert number > 1


def test_one_minimum_may_bear_the_names_of_two_observed_forms(rank, finished):
    alpha = finished.search.observed["alpha"]
    found = [m for m in finished.landscape.minima if "alpha" in m.observed_form]
    if not found:
        pytest.fail("the fixture's search is too short to find the alpha form")
    ends = stored(finished, "settled")
    chosen = [end for end in ends if str(end.packing.key) == found[0].identity]
    landscape = rank(chosen, observed={"first": alpha, "second": alpha})
    assert landscape.minima[0].observed_form == "first, second"


def test_the_energy_of_a_minimum_is_that_of_its_relaxation(finished):
    ends = {str(end.packing.key): end for end in stored(finished, "settled")}
    for minimum in finished.landscape.minima:
        assert minimum.lattice_energy == ends[minimum.identity].lattice_energy


def test_slow_parts_are_told(rank, ends):
    told = []
    rank(ends, progress=lambda *report: told.append(report))
    assert {stage for stage, _, _ in told} == {"comparing", "finding symmetry"}
    assert all(0 < done <= total for _, done, total in told)


def test_a_landscape_is_a_table_in_a_notebook(finished):
    landscape = finished.landscape
    named = replace(landscape.minima[0], observed_form="<b>new</b>")
    shown = replace(landscape, minima=(named, *landscape.minima[1:]))._repr_html_()
    assert "&lt;b&gt;new&lt;/b&gt;" in shown
    assert "<b>" not in shown
    assert shown.count("<tr>") == 1 + sum(
        place < 10 or bool(item.observed_form)
        for place, item in enumerate(landscape.minima)
    )
