import contextlib
import hashlib
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from csp import course as course_module
from csp import runs, stages
from csp import search as search_module
from csp.errors import InputError, StoreError
from csp.packing.plan import Tally
from csp.records import Relaxation


def silent(stage: str, done: int, total: int) -> None:
    pass


def fail(*_: object) -> NoReturn:
    raise ZeroDivisionError("planted")


@pytest.fixture
def copied(finished, tmp_path) -> Path:
    """The output folder of a finished run, to be changed at will."""
    return Path(shutil.copytree(finished.output, tmp_path / "run"))


SMALL = (
    "packing.space_groups=[14]",
    "packing.n_minima=5",
    "packing.special_share=2",
    "run.workers=1",
)


@pytest.fixture(scope="module")
def small(make_case) -> Path:
    """The folder of a search that takes a second: settings, and output in run."""
    settings_file = make_case()
    output = settings_file.parent / "run"
    stages.predict(runs.open_run(settings_file, output, SMALL), silent)
    return settings_file.parent


@pytest.fixture
def copied_small(small, tmp_path) -> Path:
    """The output folder of the small search, to be changed at will."""
    return Path(shutil.copytree(small / "run", tmp_path / "run"))


def followed(
    search: search_module.Search,
) -> tuple[list[search_module.Step], course_module.Course]:
    """The steps of a search, all pieces done, and what it came to."""
    course, found = course_module.new_course(search), []
    for step in course_module.steps(search, course, silent):
        found.append(step)
        for piece in step.pieces:
            search_module.do(search, piece)
    return found, course


def slot_of(search: search_module.Search, number: int, sites: str) -> int:
    """Index of an occupation."""
    (index,) = [
        index
        for index, slot in enumerate(search.slots)
        if (slot.occupation.space_group, slot.occupation.sites) == (number, sites)
    ]
    return index


def fingerprints(folder: Path) -> dict[str, tuple[int, str]]:
    """When each file was written, and what is in it."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_batches_cover_every_draw_of_every_slot_once(finished):
    """In two rounds, that of the second after those of the first."""
    search = finished.search
    rounds = [[250, 101, 0, 7] + [1] * 5, [3, 0, 100, 200] + [0] * 5]
    tallies = [Tally() for _ in search.slots]
    drawn, names = [], []
    for draws in rounds:
        batches = search_module.batches(search, draws, tallies)
        drawn += [
            (batch.slot, draw)
            for batch in batches
            for draw in range(batch.first, batch.first + batch.count)
        ]
        names += [batch.name for batch in batches]
        assert max(batch.count for batch in batches) <= 100
        tallies = [
            Tally(tally.n_drawn + number)
            for tally, number in zip(tallies, draws, strict=True)
        ]
    expected = {
        (slot, draw)
        for slot, total in enumerate(map(sum, zip(*rounds, strict=True)))
        for draw in range(total)
    }
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == expected
    assert len(set(names)) == len(names)


def test_a_long_search_is_cut_into_a_thousand_pieces_at_most_a_round(finished):
    search = finished.search
    draws = [10_000_000] * len(search.slots)
    batches = search_module.batches(search, draws, [Tally() for _ in search.slots])
    assert 500 < len(batches) <= 1000 + len(search.slots)


def test_every_slot_has_what_was_wanted_of_it(finished):
    course = finished.course
    assert course.n_rounds == finished.search.run.settings.packing.rounds
    for slot, tally in zip(finished.search.slots, course.tallies, strict=True):
        assert tally.n_valid == slot.n_minima
        assert tally.n_drawn >= tally.n_valid
    drawn = [Relaxation.from_row(row) for row in rows_of(finished.output, "relaxed")]
    assert sorted(end.name for end in drawn) == sorted(map(str, course.draws))
    assert len(set(course.draws)) == len(course.draws)
    assert sum(tally.n_drawn for tally in course.tallies) == len(drawn)


def rows_of(output: Path, step: str) -> list[dict]:
    """All rows of the pieces of a step."""
    store = runs.Store(output / "store")
    names = [
        path.relative_to(store.folder).with_suffix("").as_posix()
        for path in sorted((store.folder / step).rglob("*.jsonl"))
    ]
    return [row for name in names for row in store.read(name)]


def test_a_draw_is_relaxed_the_same_alone_and_in_a_batch(finished):
    search = finished.search
    slot = slot_of(search, 14, "e")
    together = list(search_module.relaxed(search, search_module.Batch(slot, 0, 4, "")))
    (alone,) = search_module.relaxed(search, search_module.Batch(slot, 2, 1, ""))
    assert alone.to_row() == together[2].to_row()
    assert alone.to_row() != together[1].to_row()


def test_stored_relaxations_are_those_computed(finished):
    search = finished.search
    name = min((finished.output / "store" / "relaxed").glob("014-e-*")).stem
    stored = list(search.run.store.read(f"relaxed/{name}"))
    slot = slot_of(search, 14, "e")
    (again,) = search_module.relaxed(search, search_module.Batch(slot, 2, 1, ""))
    assert stored[2] == again.to_row()
    assert Relaxation.from_row(stored[2]).to_row() == stored[2]


def test_a_finished_piece_is_not_computed_again(finished, copied, monkeypatch):
    monkeypatch.setattr(search_module, "relaxed", fail)
    monkeypatch.setattr(course_module.Pool, "add", fail)
    monkeypatch.setattr(search_module, "_WORK", {"refined": fail, "settled": fail})
    search = replace(finished.search, run=replace(finished.search.run, output=copied))
    before = fingerprints(copied / "store")
    found, course = followed(search)
    assert fingerprints(copied / "store") == before
    assert len(found) == 2 * course.n_rounds + 1


def test_a_course_read_again_is_the_course_that_was_followed(make_case, tmp_path):
    run = runs.open_run(make_case(), tmp_path / "run", SMALL)
    search = search_module.prepare(run, silent)
    _, first = followed(search)
    second = course_module.finished_course(search, silent)
    for name in ("tallies", "draws", "endings", "n_refined", "n_rounds"):
        assert getattr(second, name) == getattr(first, name), name
    assert first.draws_to() == second.draws_to()
    for one, other in ((first.first, second.first), (first.refined, second.refined)):
        assert one.founder_of == other.founder_of
        assert list(one.founders) == list(other.founders)
        for end, again in zip(
            one.founders.values(), other.founders.values(), strict=True
        ):
            assert end.to_row() == again.to_row()
    assert first.n_rounds == 2
    assert len(first.draws) == sum(tally.n_drawn for tally in first.tallies)


def test_the_landscape_is_the_same_on_one_worker_and_on_two(finished, tmp_path):
    run = runs.open_run(finished.settings_file, tmp_path / "one", ("run.workers=1",))
    assert (run.workers, finished.search.run.workers) == (1, 2)
    stages.predict(run, silent)
    first = (finished.output / "landscape.csv").read_bytes()
    assert (tmp_path / "one" / "landscape.csv").read_bytes() == first


MERGED = (
    "comparison.energy_window_kj_per_mol=10",
    "comparison.density_window_percent=20",
    "comparison.surely_same_angstrom=1",
    "comparison.surely_different_angstrom=1",
)


@pytest.mark.parametrize(
    ("overrides", "lists"),
    [
        (("landscape.observed={}",), set()),
        (("landscape.energy_window_kj_per_mol=6",), {"finalists"}),
        (MERGED, {"finalists", "first", "full"}),
    ],
)
def test_ranking_by_other_settings_makes_new_lists_and_leaves_the_old(
    small, copied_small, monkeypatch, overrides, lists
):
    settings_file, copied = small / "quick.toml", copied_small
    monkeypatch.setattr(search_module, "relaxed", fail)
    before = fingerprints(copied / "store")
    stages.predict(runs.open_run(settings_file, copied, (*SMALL, *overrides)), silent)
    after = fingerprints(copied / "store")
    assert {name: after[name] for name in before} == before
    new = [Path(name) for name in after if name not in before]
    made = {
        path.parts[1].partition("-")[0] for path in new if "rounds-" in path.parts[0]
    }
    assert made == lists
    assert not [path for path in new if path.parts[0] == "relaxed"]
    ranked = (copied / "landscape.csv").read_bytes()
    assert ranked != (small / "run" / "landscape.csv").read_bytes()

    stages.predict(runs.open_run(settings_file, copied, SMALL), silent)
    assert fingerprints(copied / "store") == after
    first = (small / "run" / "landscape.csv").read_bytes()
    assert (copied / "landscape.csv").read_bytes() == first


def test_ranking_again_gives_the_same_bytes(finished, copied):
    (copied / "landscape.csv").unlink()
    stages.predict(runs.open_run(finished.settings_file, copied), silent)
    for name in ("landscape.csv", "landscape.png"):
        first = (finished.output / name).read_bytes()
        assert (copied / name).read_bytes() == first


@pytest.mark.parametrize(
    "name",
    [
        "relaxed/014-e-*",
        "rounds-*/first/000",
        "rounds-*/first/001-members",
        "rounds-*/first/001",
        "refined/**/*",
        "rounds-*/full/000-members",
        "rounds-*/full/001",
        "rounds-*/finalists-*",
        "settled/**/*",
    ],
)
def test_a_lost_piece_is_computed_again_to_the_same_bytes(small, copied_small, name):
    lost = min(copied_small.glob(f"store/{name}.jsonl"))
    lost.unlink()
    (copied_small / "landscape.csv").unlink()
    stages.predict(runs.open_run(small / "quick.toml", copied_small, SMALL), silent)
    name = lost.relative_to(copied_small)
    assert lost.read_bytes() == (small / "run" / name).read_bytes()
    first = (small / "run" / "landscape.csv").read_bytes()
    assert (copied_small / "landscape.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("packing.seed=2", r"packing\.seed was 1 and is now 2"),
        ("packing.n_minima=7", r"packing\.n_minima was 10 and is now 7"),
        (
            "potential.force_field=fit",
            r'was "revised-w99" and is now "fit"',
        ),
        (
            "relaxation.longest_step=0.2",
            r"relaxation\.longest_step was 0\.3 and is now 0\.2",
        ),
    ],
)
def test_a_store_of_other_settings_is_refused_and_left_alone(
    finished, copied, override, message
):
    before = fingerprints(copied)
    with pytest.raises(StoreError, match=message + ".*--output"):
        runs.open_run(finished.settings_file, copied, (override,))
    assert fingerprints(copied) == before


def test_a_store_made_with_other_monomers_is_refused(case, finished, copied):
    path = case.parent / "monomers.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"monomers_sha256 was .* and is now"):
        runs.open_run(case, copied)


GIVEN = """
[molecule]
source = "water.xyz"
name = "water"
conformers = "as_given"
multipoles = ["water.punch"]
"""


def test_a_store_made_with_another_punch_file_is_refused(tmp_path):
    (tmp_path / "given.toml").write_text(GIVEN, encoding="utf-8")
    water = "3\n\nO 0 0 0.12\nH 0 0.76 -0.47\nH 0 -0.76 -0.47\n"
    (tmp_path / "water.xyz").write_text(water, encoding="utf-8")
    with pytest.raises(InputError, match=r"the multipoles file .* cannot be read"):
        runs.open_run(tmp_path / "given.toml", tmp_path / "run")
    (tmp_path / "water.punch").write_text("first", encoding="utf-8")
    runs.open_run(tmp_path / "given.toml", tmp_path / "run")
    runs.open_run(tmp_path / "given.toml", tmp_path / "run")
    (tmp_path / "water.punch").write_text("second", encoding="utf-8")
    with pytest.raises(StoreError, match=r"multipoles_sha256 was .* and is now"):
        runs.open_run(tmp_path / "given.toml", tmp_path / "run")


def test_a_store_of_another_version_of_the_numbers_is_refused(
    finished, copied, monkeypatch
):
    monkeypatch.setattr(runs, "RESULTS_VERSION", runs.RESULTS_VERSION + 1)
    with pytest.raises(StoreError, match=r"results_version was \d+ and is now"):
        runs.open_run(finished.settings_file, copied)


def test_the_same_search_goes_on_under_another_path(case, finished, copied):
    run = runs.open_run(case, copied)
    assert run.store.manifest() == finished.search.run.store.manifest()


@pytest.fixture
def cut_small(monkeypatch):
    """Several pieces of work in every step."""
    monkeypatch.setattr(search_module, "_DRAWS_IN_BATCH", 3)
    monkeypatch.setattr(course_module, "_MINIMA_IN_PART", 3)


@pytest.mark.parametrize(
    "name",
    [
        "packings, round 1",
        "refining, round 1",
        "comparing full minima",
        "packings, round 2",
        "settling",
    ],
)
def test_a_stop_leaves_whole_pieces_and_the_next_run_goes_on(
    case, small, tmp_path, cut_small, name
):
    output = tmp_path / "run"
    pieces = {}

    def stop_after_one(stage: str, done: int, total: int) -> None:
        pieces[stage] = total
        if (stage, done) == (name, 1):
            raise KeyboardInterrupt

    run = runs.open_run(case, output, SMALL)
    with pytest.raises(KeyboardInterrupt):
        stages.predict(run, stop_after_one)
    kept = fingerprints(output / "store")
    assert pieces[name] > 1
    assert not list(output.rglob(".*"))
    assert not (output / "landscape.csv").exists()
    stages.predict(runs.open_run(case, output, SMALL), silent)
    after = fingerprints(output / "store")
    assert len(kept) < len(after)
    assert {file: after[file] for file in kept} == kept
    first = (small / "run" / "landscape.csv").read_bytes()
    assert (output / "landscape.csv").read_bytes() == first


def test_runs_that_die_again_and_again_lose_no_finished_piece(
    case, small, tmp_path, monkeypatch, cut_small
):
    output = tmp_path / "run"
    left, died_in = 0, []

    def dying_work(module, name):
        work = getattr(module, name)

        def call(*arguments):
            nonlocal left
            left -= 1
            if left < 0:
                died_in.append(name)
                raise KeyboardInterrupt
            return work(*arguments)

        return call

    for module, name in (
        (search_module, "approach"),
        (stages, "distinct"),
        (stages, "landscape_of"),
    ):
        monkeypatch.setattr(module, name, dying_work(module, name))
    monkeypatch.setattr(
        search_module,
        "_WORK",
        {
            step: dying_work(search_module, name)
            for step, name in (("refined", "_refined"), ("settled", "_settled"))
        },
    )
    rng = np.random.default_rng(1)
    kept = {}
    while not (output / "landscape.csv").exists():
        left = int(rng.integers(4, 9))
        run = runs.open_run(case, output, SMALL)
        with contextlib.suppress(KeyboardInterrupt):
            stages.predict(run, silent)
        after = fingerprints(output / "store")
        assert {file: after[file] for file in kept} == kept
        assert not list(output.rglob(".*"))
        kept = after
    assert len(died_in) > 5
    assert set(died_in) >= {"approach", "_refined", "_settled"}
    first = (small / "run" / "landscape.csv").read_bytes()
    assert (output / "landscape.csv").read_bytes() == first
    for path in small.glob("run/store/rounds-*/**/*.jsonl"):
        name = path.relative_to(small / "run")
        assert (output / name).read_bytes() == path.read_bytes()


def test_no_minimum_is_in_two_pieces_and_none_is_left_out(finished, copied, cut_small):
    search = replace(finished.search, run=replace(finished.search.run, output=copied))
    found, _ = followed(search)
    for step in found:
        if not isinstance(step.pieces[0], search_module.Part):
            continue
        (source,) = {part.source for part in step.pieces}
        places = [part.first + k for part in step.pieces for k in range(part.count)]
        assert places == list(range(len(list(search.run.store.read(source)))))
        assert len({part.name for part in step.pieces}) == len(step.pieces) > 1


def test_a_piece_holds_what_became_of_its_own_minima(finished, copied, cut_small):
    """One part of a list, done alone, is that part of the whole list done."""
    search = replace(finished.search, run=replace(finished.search.run, output=copied))
    store = search.run.store
    course = course_module.new_course(search)
    n_parts = 0
    for step in course_module.steps(search, course, silent):
        for piece in step.pieces:
            if not isinstance(piece, search_module.Part):
                search_module.do(search, piece)
                continue
            n_parts += 1
            whole = max(
                copied.glob(f"store/{piece.step}/{piece.source}-000000-*"), key=len_of
            )
            search_module.do(search, piece)
            name = whole.relative_to(store.folder).with_suffix("").as_posix()
            rows = list(store.read(name, slice(piece.first, piece.first + piece.count)))
            assert list(store.read(piece.name)) == rows
    assert n_parts > 6


def len_of(path: Path) -> int:
    return len(path.read_bytes())


def test_stages_are_told_in_their_order(case, tmp_path):
    told = []
    run = runs.open_run(case, tmp_path / "run", SMALL)
    stages.predict(run, lambda *report: told.append(report))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [
        "packings, round 1",
        "comparing first minima",
        "refining, round 1",
        "comparing full minima",
        "packings, round 2",
        "refining, round 2",
        "settling",
        "comparing settled minima",
        "finding symmetry",
        "comparing for the report",
    ]
    last = {stage: (done, total) for stage, done, total in told}
    assert all(done == total > 0 for done, total in last.values())


@pytest.mark.parametrize("step", ["relaxed", "refined", "settled"])
def test_a_piece_that_fails_ends_the_search(
    case, tmp_path, monkeypatch, cut_small, step
):
    started = []

    def fail_at(start: object, *_: object) -> NoReturn:
        started.append(start)
        if len(started) > 1:
            time.sleep(1.0)  # the others are cancelled meanwhile
        raise ZeroDivisionError("planted")

    if step == "relaxed":
        monkeypatch.setattr(search_module, "approach", fail_at)
    else:
        monkeypatch.setattr(
            search_module, "_WORK", {**search_module._WORK, step: fail_at}
        )
    run = runs.open_run(case, tmp_path / "run", SMALL)
    pieces = {}

    def tell(stage: str, done: int, total: int) -> None:
        pieces[stage.split(",")[0]] = total

    with pytest.raises(ZeroDivisionError, match="planted"):
        stages.predict(run, tell)
    last = list(pieces.values())[-1]
    assert len(started) < last
    assert not list(run.store.folder.glob(f"{step}/**/*.jsonl"))


@pytest.mark.parametrize("step", ["relaxed", "refined", "settled"])
def test_a_landscape_is_not_collected_from_an_unfinished_search(finished, copied, step):
    for path in (
        min(copied.glob(f"store/{step}/**/*.jsonl")),
        *copied.glob("store/rounds-*/**/*.jsonl"),
    ):
        path.unlink()
    search = replace(finished.search, run=replace(finished.search.run, output=copied))
    with pytest.raises(StoreError, match="run the same command again"):
        stages.collect(search, course_module.finished_course(search, silent), silent)


def test_the_order_opens_the_same_run_again(finished):
    settings_file, output, overrides = finished.search.run.order
    json.dumps(finished.search.run.order)
    again = runs.open_run(Path(settings_file), Path(output), overrides)
    assert again.settings == finished.search.run.settings
    assert again.store.manifest() == finished.search.run.store.manifest()


def test_an_observed_form_of_another_molecule_is_refused(case, tmp_path):
    overrides = ("molecule.source=NC(N)=O", "molecule.name=urea")
    with pytest.raises(InputError, match=r"alpha .*is not a crystal of urea alone"):
        runs.open_run(case, tmp_path / "run", overrides)
    assert not (tmp_path / "run").exists()
