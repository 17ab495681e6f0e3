import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from csp import stages
from csp.errors import InputError, StoreError
from csp.records import Relaxation


def silent(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def copied(finished, tmp_path) -> Path:
    """The output folder of a finished run, to be changed at will."""
    return Path(shutil.copytree(finished.output, tmp_path / "run"))


def with_packing(search: stages.Search, **changes: object) -> stages.Search:
    settings = search.run.settings
    packing = settings.packing.model_copy(update=changes)
    changed = settings.model_copy(update={"packing": packing})
    return replace(search, run=replace(search.run, settings=changed))


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
    search = with_packing(finished.search, n_draws=250, n_draws_special=101)
    batches = stages.batches(search)
    drawn = [
        (batch.space_group, batch.site, draw)
        for batch in batches
        for draw in range(batch.first, batch.first + batch.count)
    ]
    expected = {
        (group.number, site.letter, draw)
        for group, site, _ in stages.slots(search)
        for draw in range(250 if site.is_general else 101)
    }
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == expected
    assert len({batch.name for batch in batches}) == len(batches)


def test_a_long_search_is_cut_into_a_thousand_pieces_at_most(finished):
    batches = stages.batches(with_packing(finished.search, n_draws=10_000_000))
    assert 500 < len(batches) <= 1000 + len(list(stages.slots(finished.search)))


def test_no_draws_on_special_positions_leave_only_general_ones(finished):
    search = with_packing(finished.search, n_draws_special=0)
    sites = {(batch.space_group, batch.site) for batch in stages.batches(search)}
    assert sites == {(2, "i"), (14, "e"), (61, "c")}


def test_a_draw_is_relaxed_the_same_alone_and_in_a_batch(finished):
    together = list(stages.relaxed(finished.search, stages.Batch(14, "e", 0, 4)))
    (alone,) = stages.relaxed(finished.search, stages.Batch(14, "e", 2, 1))
    assert alone.to_row() == together[2].to_row()
    assert alone.to_row() != together[1].to_row()


def test_stored_relaxations_are_those_computed(finished):
    batch = stages.Batch(14, "e", 0, 6)
    stored = list(finished.search.run.store.read(batch.name))
    (again,) = stages.relaxed(finished.search, stages.Batch(14, "e", 5, 1))
    assert stored[5] == again.to_row()
    assert Relaxation.from_row(stored[5]).to_row() == stored[5]


def test_a_finished_batch_is_not_computed_again(finished, copied, monkeypatch):
    monkeypatch.setattr(stages, "relax", None)
    search = replace(finished.search, run=replace(finished.search.run, output=copied))
    before = fingerprints(copied / "store")
    for batch in stages.batches(search):
        stages.relax_batch(search, batch)
    assert fingerprints(copied / "store") == before


def test_the_landscape_is_the_same_on_one_worker_and_on_two(finished, tmp_path):
    run = stages.open_run(finished.settings_file, tmp_path / "one", ("run.workers=1",))
    assert (run.workers, finished.search.run.workers) == (1, 2)
    stages.predict(run, silent)
    first = (finished.output / "landscape.csv").read_bytes()
    assert (tmp_path / "one" / "landscape.csv").read_bytes() == first


@pytest.mark.parametrize(
    "overrides",
    [
        ("landscape.energy_window_kj_per_mol=6",),
        ("landscape.observed={}",),
        (
            "comparison.energy_window_kj_per_mol=10",
            "comparison.density_window_percent=20",
            "comparison.surely_same_angstrom=1",
            "comparison.surely_different_angstrom=1",
        ),
    ],
)
def test_ranking_by_other_settings_computes_nothing_again(
    finished, copied, monkeypatch, overrides
):
    monkeypatch.setattr(stages, "relax", None)
    before = fingerprints(copied / "store")
    stages.predict(stages.open_run(finished.settings_file, copied, overrides), silent)
    assert fingerprints(copied / "store") == before
    new = (copied / "landscape.csv").read_bytes()
    assert new != (finished.output / "landscape.csv").read_bytes()


def test_ranking_again_gives_the_same_bytes(finished, copied):
    (copied / "landscape.csv").unlink()
    stages.predict(stages.open_run(finished.settings_file, copied), silent)
    for name in ("landscape.csv", "landscape.png"):
        first = (finished.output / name).read_bytes()
        assert (copied / name).read_bytes() == first


def test_a_lost_batch_is_computed_again_to_the_same_bytes(finished, copied):
    lost = min(copied.glob("store/relaxed/014e-*.jsonl"))
    lost.unlink()
    (copied / "landscape.csv").unlink()
    stages.predict(stages.open_run(finished.settings_file, copied), silent)
    name = lost.relative_to(copied)
    assert lost.read_bytes() == (finished.output / name).read_bytes()
    first = (finished.output / "landscape.csv").read_bytes()
    assert (copied / "landscape.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("packing.seed=2", r"packing\.seed was 1 and is now 2"),
        ("packing.n_draws=7", r"packing\.n_draws was 6 and is now 7"),
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
        stages.open_run(finished.settings_file, copied, (override,))
    assert fingerprints(copied) == before


def test_a_store_made_with_other_monomers_is_refused(case, finished, copied):
    path = case.parent / "monomers.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"monomers_sha256 was .* and is now"):
        stages.open_run(case, copied)


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
        stages.open_run(tmp_path / "given.toml", tmp_path / "run")
    (tmp_path / "water.punch").write_text("first", encoding="utf-8")
    stages.open_run(tmp_path / "given.toml", tmp_path / "run")
    stages.open_run(tmp_path / "given.toml", tmp_path / "run")
    (tmp_path / "water.punch").write_text("second", encoding="utf-8")
    with pytest.raises(StoreError, match=r"multipoles_sha256 was .* and is now"):
        stages.open_run(tmp_path / "given.toml", tmp_path / "run")


def test_a_store_of_another_version_of_the_numbers_is_refused(
    finished, copied, monkeypatch
):
    monkeypatch.setattr(stages, "RESULTS_VERSION", stages.RESULTS_VERSION + 1)
    with pytest.raises(StoreError, match=r"results_version was \d+ and is now"):
        stages.open_run(finished.settings_file, copied)


def test_the_same_search_goes_on_under_another_path(case, finished, copied):
    run = stages.open_run(case, copied)
    assert run.store.manifest() == finished.search.run.store.manifest()


def test_a_stop_leaves_whole_batches_and_the_next_run_goes_on(case, finished, tmp_path):
    output = tmp_path / "run"
    n_batches = len(stages.batches(finished.search))

    def stop_after_two(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("packings", 2):
            raise KeyboardInterrupt

    run = stages.open_run(case, output, ("run.workers=1",))
    with pytest.raises(KeyboardInterrupt):
        stages.predict(run, stop_after_two)
    kept = fingerprints(output / "store")
    assert 2 < len(kept) < 1 + n_batches
    assert not list(output.rglob(".*"))
    assert not (output / "landscape.csv").exists()
    stages.predict(stages.open_run(case, output), silent)
    after = fingerprints(output / "store")
    assert len(after) == 1 + n_batches
    assert {name: after[name] for name in kept} == kept
    first = (finished.output / "landscape.csv").read_bytes()
    assert (output / "landscape.csv").read_bytes() == first


def test_a_batch_that_fails_ends_the_search(case, tmp_path, monkeypatch):
    started = []

    def fail(search: stages.Search, batch: stages.Batch) -> None:
        started.append(batch)
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(stages, "relax_batch", fail)
    run = stages.open_run(case, tmp_path / "run", ("run.workers=1",))
    with pytest.raises(ZeroDivisionError, match="planted"):
        stages.predict(run, silent)
    assert len(started) < len(stages.batches(stages.prepare(run, silent)))


def test_a_landscape_is_not_collected_from_an_unfinished_search(finished, copied):
    min(copied.glob("store/relaxed/*.jsonl")).unlink()
    search = replace(finished.search, run=replace(finished.search.run, output=copied))
    with pytest.raises(StoreError, match="run the same command again"):
        stages.collect(search, silent)


def test_the_order_opens_the_same_run_again(finished):
    settings_file, output, overrides = finished.search.run.order
    json.dumps(finished.search.run.order)
    again = stages.open_run(Path(settings_file), Path(output), overrides)
    assert again.settings == finished.search.run.settings
    assert again.store.manifest() == finished.search.run.store.manifest()


def test_an_observed_form_of_another_molecule_is_refused(case, tmp_path):
    overrides = ("molecule.source=NC(N)=O", "molecule.name=urea")
    with pytest.raises(InputError, match=r"alpha .*is not a crystal of urea alone"):
        stages.open_run(case, tmp_path / "run", overrides)
    assert not (tmp_path / "run").exists()
