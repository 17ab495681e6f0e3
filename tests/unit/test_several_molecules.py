"""Whole searches with several molecules: a co-crystal, and two independent ones."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from csp import course as course_module
from csp import runs, stages
from csp import search as search_module
from csp.comparison.reading import read_crystal
from csp.report.tables import read_csv

COCRYSTAL = """
[molecule]
source = ["OC(=O)C(=O)O", "O", "O"]
name = "oxalic acid dihydrate"
monomers = ["monomers.json", "water.json"]

[packing]
space_groups = [2]
n_minima = 3
special_share = 1.0
rounds = 2

[potential]
cutoff = 9.0
ewald_cutoff = 8.0
multipole_cutoff = 10.0
multipole_switch_width = 3.0
"""
PAIRS = (
    "packing.space_groups=[2]",
    "packing.independent=[2]",
    "packing.largest_z_prime=2",
    "packing.n_minima=3",
    "packing.special_share=0.4",
    "landscape.energy_window_kj_per_mol=40",
    "relaxation.first_window_kj_per_mol=60",
    "potential.cutoff=9",
    "potential.ewald_cutoff=8",
    "potential.multipole_cutoff=10",
    "potential.multipole_switch_width=3",
)


def silent(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def dihydrate(make_case, write_water) -> Path:
    """A settings file with all that it names."""
    path = make_case().with_name("dihydrate.toml")
    path.write_text(COCRYSTAL, encoding="utf-8")
    write_water(path.parent / "water.json")
    return path


@pytest.fixture(scope="module")
def predicted(dihydrate):
    run = runs.open_run(dihydrate, dihydrate.parent / "run", ("run.workers=1",))
    return stages.predict(run, silent)


@pytest.fixture(scope="module")
def pairs(make_case):
    settings_file = make_case()
    run = runs.open_run(settings_file, settings_file.parent / "run", PAIRS)
    return stages.predict(run, silent)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".db"
        and path.name != "journal.jsonl"  # of times and processes
    }


def test_a_cocrystal_is_searched_on_all_its_sites(predicted):
    search, landscape = predicted
    sites = {slot.occupation.sites for slot in search.slots}
    assert sites == {"a.i", "i.ii"}
    course = course_module.finished_course(search, silent)
    assert all(tally.n_valid > 0 for tally in course.tallies)
    assert len(landscape.minima) > 2


def test_the_crystals_hold_an_acid_and_two_waters_for_each_formula_unit(predicted):
    _, landscape = predicted
    for minimum in landscape.minima:
        crystal = minimum.crystal
        sizes = np.bincount(crystal.molecule_of_atom).tolist()
        assert sorted(set(sizes)) == [3, 8]
        assert sizes.count(3) == 2 * sizes.count(8)
        assert crystal.n_formula_units == sizes.count(8)
        first, second = minimum.conformers
        assert (first[0], second) == ("A", "B1")
        # a bound crystal: more than ice, less than a salt, per acid and two waters
        assert -400.0 < minimum.lattice_energy < -60.0


def test_the_files_of_a_cocrystal_say_what_it_holds(predicted):
    search, landscape = predicted
    output = search.run.output
    rows = read_csv(output / "landscape.csv")
    assert len(rows) == len(landscape.minima)
    for row, minimum in zip(rows, landscape.minima, strict=True):
        assert row.conformer == "+".join(minimum.conformers)
        assert row.z_prime == minimum.z_prime
        crystal = read_crystal(next(output.glob(f"structures/*{row.id}*.cif")))
        assert crystal.n_molecules == minimum.crystal.n_molecules
        assert crystal.density == pytest.approx(minimum.density, rel=1e-3)
    report = (output / "report.md").read_text(encoding="utf-8")
    for text in ("oxalic acid dihydrate", "| A1 |", "| B1 |", "i.ii", "a.i"):
        assert text in report
    assert "MUBZPKHOEPUJKR-UHFFFAOYSA-N, XLYOFNOQVPJJNP-UHFFFAOYSA-N" in report


def test_a_cocrystal_is_the_same_on_two_workers_and_after_a_stop(
    predicted, dihydrate, tmp_path
):
    search, _ = predicted

    def stop(stage: str, done: int, total: int) -> None:
        if stage.startswith("refining") and done == 1:
            raise KeyboardInterrupt

    words = ("run.workers=2",)
    with pytest.raises(KeyboardInterrupt):
        stages.predict(runs.open_run(dihydrate, tmp_path / "run", words), stop)
    stages.predict(runs.open_run(dihydrate, tmp_path / "run", words), silent)
    assert contents(tmp_path / "run") == contents(search.run.output)


def test_relaxations_of_cocrystals_survive_the_store(predicted):
    search, _ = predicted
    course = course_module.finished_course(search, silent)
    for end in course.refined.founders.values():
        again = type(end).from_row(json.loads(json.dumps(end.to_row())))
        assert again.to_row() == end.to_row()
        assert len(again.packing.conformers) == len(again.packing.sites)
        assert again.packing.key.sites.count(".") == 1


def test_two_independent_molecules_are_searched_on_all_pairs_of_sites(pairs):
    search, landscape = pairs
    sites = [slot.occupation.sites for slot in search.slots]
    assert sites == [*(f"a{x}" for x in "bcdefgh"), "ai", "ii"]
    assert landscape.minima
    for minimum in landscape.minima:
        assert minimum.crystal.n_formula_units == minimum.crystal.n_molecules
        assert all(label in "1234" for label in minimum.conformers)


def test_two_independent_molecules_may_be_of_two_conformers(pairs):
    search, _ = pairs
    course = course_module.finished_course(search, silent)
    kinds = {
        tuple(sorted(set(end.packing.conformers)))
        for end in course.first.founders.values()
    }
    assert any(len(own) == 2 for own in kinds)
    assert any(len(own) == 1 for own in kinds)


def test_independent_molecules_that_are_alike_are_told_by_their_true_symmetry(pairs):
    """Z′ is that of the relaxed crystal, at most that of the draw."""
    search, landscape = pairs
    drawn = {slot.occupation.sites: slot.occupation.z_prime for slot in search.slots}
    for minimum in landscape.minima:
        sites = minimum.identity.split("-")[1]
        assert minimum.z_prime <= drawn[sites]


def test_the_energy_of_pairs_of_molecules_is_per_molecule(pairs, finished):
    """Beside those of one independent molecule, by the same force field nearly."""
    lowest = min(m.lattice_energy for m in finished.landscape.minima)
    _, landscape = pairs
    for minimum in landscape.minima:
        assert lowest - 10.0 < minimum.lattice_energy < 0.5 * lowest


def test_a_finished_cocrystal_is_not_computed_again(predicted, monkeypatch):
    search, landscape = predicted

    def fail(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(search_module, "approach", fail)
    monkeypatch.setattr(search_module, "_WORK", {"refined": fail, "settled": fail})
    again = stages.predict(replace(search.run), silent)[1]
    assert [m.identity for m in again.minima] == [m.identity for m in landscape.minima]
