"""Benchmarks over oxalic acid's two forms, from stored monomers, without DFT."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from csp import search as search_module
from csp.benchmark.minimum import observed_minimum, rank_of
from csp.benchmark.rows import Row, row_of
from csp.benchmark.usage import Meter
from csp.cli import build_app
from csp.records import Status

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"
SMALL = (
    "packing.space_groups=[14, 61]",
    "packing.n_minima=4",
    "packing.special_share=10",
    "packing.rounds=2",
    "relaxation.first_window_kj_per_mol=15",
    "landscape.energy_window_kj_per_mol=12",
)
TIMES = ("cpu_seconds", "preparation_cpu_seconds", "wall_seconds", "n_sessions")


def fail(*_: object) -> NoReturn:
    raise ZeroDivisionError("planted")


@pytest.fixture(scope="module")
def crystals(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("crystals")
    for name in ("alpha", "beta"):
        shutil.copy(DATA / f"{name}.cif", folder / f"{name}.cif")
    (folder / "gone.cif").write_text("data_gone\n_cell_length_a 3\n")
    return folder


def call(*words: object):
    monomers = f"molecule.monomers={DATA / 'monomers.json'}"
    options = [w for text in (monomers, *SMALL) for w in ("--set", text)]
    words = ["benchmark", "--blind", *options, *map(str, words)]
    return CliRunner().invoke(build_app(None), words)


@pytest.fixture(scope="module")
def done(crystals, tmp_path_factory):
    output = tmp_path_factory.mktemp("benchmark") / "out"
    result = call(crystals, "-o", output, "--json")
    assert result.exit_code == 0, result.stderr
    return output, result


@pytest.fixture
def copied(done, tmp_path) -> Path:
    return Path(shutil.copytree(done[0], tmp_path / "out"))


def without_times(rows: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in TIMES} for row in rows]


def test_both_forms_are_found_and_the_broken_file_is_a_row(done):
    output, result = done
    rows = json.loads(result.stdout)
    assert [row["name"] for row in rows] == ["alpha", "beta", "gone"]
    assert [row["outcome"] for row in rows] == ["found", "found", "failed"]
    alpha, beta, gone = rows
    assert (alpha["space_group"], alpha["z_prime"]) == ("Pbca", 0.5)
    assert (beta["space_group"], beta["z_prime"]) == ("P21/c", 0.5)
    for row in (alpha, beta):
        assert row["molecules_matched"] == row["molecules_compared"] == 15
        assert 0.0 < row["rmsd_angstrom"] < 1.0
        assert row["rank"] >= 1
        assert row["cpu_seconds"] > row["preparation_cpu_seconds"] > 0.0
        assert row["n_sessions"] == 1
        assert 0.0 < row["completeness"] <= 1.0
        assert row["explanation"] == ""
        assert row["relaxed"]["rank"] == row["rank"]
        above = row["relaxed"]["relative_energy_kj_per_mol"]
        assert above == pytest.approx(row["relative_energy_kj_per_mol"], abs=2e-3)
    assert "gone.cif" in gone["explanation"]
    assert gone["relaxed"] is None
    assert json.loads((output / "benchmark.json").read_text()) == rows


def test_the_table_on_disk_has_the_same_rows(done):
    output, result = done
    rows = json.loads(result.stdout)
    table = list(csv.DictReader(io.StringIO((output / "benchmark.csv").read_text())))
    assert [row["name"] for row in table] == [row["name"] for row in rows]
    assert float(table[0]["rmsd_angstrom"]) == rows[0]["rmsd_angstrom"]
    assert float(table[1]["relaxed_a_percent"]) == rows[1]["relaxed"]["a_percent"]
    assert table[2]["relaxed_a_percent"] == table[2]["rank"] == ""


def test_a_row_says_what_the_search_itself_says(done):
    output, result = done
    for row in json.loads(result.stdout)[:2]:
        path = output / row["name"] / "run" / "landscape.csv"
        minima = list(csv.DictReader(io.StringIO(path.read_text())))
        assert len(minima) == row["n_minima"]
        own = minima[row["rank"] - 1]
        assert own["observed_form"] == row["name"]
        above = float(own["relative_energy_kj_per_mol"])
        assert row["relative_energy_kj_per_mol"] == pytest.approx(above, abs=1e-4)


def test_finished_rows_are_not_made_again(crystals, copied, monkeypatch):
    monkeypatch.setattr(search_module, "prepare", fail)
    result = call(crystals, "-o", copied, "--json")
    assert result.exit_code == 0
    before = json.loads((copied / "benchmark.json").read_text())
    assert json.loads(result.stdout) == before


def test_the_table_names_every_crystal_and_reason(crystals, copied):
    result = call(crystals, "-o", copied)
    assert result.exit_code == 0
    assert "2 of 3 crystals found" in result.stdout
    assert "gone: " in result.stdout


def test_a_search_of_other_settings_is_refused(crystals, copied):
    result = call(crystals, "-o", copied, "--set", "packing.n_minima=3")
    assert result.exit_code == 2
    assert "packing.n_minima was 4 and is now 3" in result.stderr


def test_a_folder_of_another_crystal_is_refused(crystals, copied, tmp_path):
    shutil.copytree(crystals, tmp_path / "others")
    shutil.copy(DATA / "beta.cif", tmp_path / "others" / "alpha.cif")
    result = call(tmp_path / "others", "-o", copied)
    assert result.exit_code == 2
    assert "was made from another alpha.cif" in " ".join(result.stderr.split())


def test_a_row_ranked_by_other_settings_is_made_again_from_the_search(
    crystals, copied, monkeypatch
):
    monkeypatch.setattr(search_module, "relaxed", fail)
    window = "landscape.energy_window_kj_per_mol=6"
    result = call(crystals, "-o", copied, "--json", "--set", window)
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert [row["n_sessions"] for row in rows] == [2, 2, None]
    kept = json.loads((copied / "alpha" / "row.json").read_text())["row"]
    assert kept == rows[0]
    text = (copied / "alpha" / "run" / "landscape.csv").read_text()
    table = csv.DictReader(io.StringIO(text))
    assert max(float(row["relative_energy_kj_per_mol"]) for row in table) <= 6.0


def test_a_stopped_benchmark_goes_on_and_counts_both_sessions(
    done, crystals, tmp_path, monkeypatch
):
    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    output = tmp_path / "out"
    chosen = ("-o", output, "--json", "--molecules", "beta")
    with monkeypatch.context() as patch:
        patch.setattr(search_module, "_WORK", {"refined": stop, "settled": stop})
        assert call(crystals, *chosen).exit_code != 0
    assert not (output / "beta" / "row.json").exists()
    result = call(crystals, *chosen)
    assert result.exit_code == 0
    (row,) = json.loads(result.stdout)
    assert row["n_sessions"] == 2
    whole = json.loads(done[1].stdout)[1:2]
    assert without_times([row]) == without_times(whole)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--molecules", "alfa"], "holds alpha, beta, gone"),
        (["--set", "landscape.observed={}"], "sets landscape.observed"),
        (["--set", "packing.n_minims=3"], "did you mean packing.n_minima"),
        (["--preset", "fast"], "packing.preset"),
    ],
)
def test_a_wrong_wish_is_one_sentence(crystals, tmp_path, words, message):
    result = call(crystals, "-o", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_folder_without_crystals_is_refused(tmp_path):
    result = call(tmp_path)
    assert result.exit_code == 2
    assert "holds no CIF files" in " ".join(result.stderr.split())


@pytest.fixture(scope="module")
def known(finished):
    search = finished.search
    return observed_minimum(
        search.observed["alpha"],
        list(search.unit.molecules.values()),
        search.run.settings,
    )


def row_without(finished, known, is_searched=True, **changes) -> Row:
    """The row of alpha in a landscape that lacks it."""
    landscape = finished.landscape
    settings = finished.search.run.settings
    (match,) = [m for m in landscape.observed if m.name == "alpha"]
    rest = tuple(m for m in landscape.minima if m.identity != match.key)
    packing = replace(match.packing, n_matched=14)
    lost = replace(match, key=rest[0].identity, packing=packing)
    without = replace(landscape, minima=rest, observed=(lost,))
    searched = {("Pbca", 0.5), ("Pbca", 1.0)} if is_searched else {("P2₁/c", 1.0)}
    known = replace(known, **changes)
    return row_of("alpha", without, known, settings, searched)


def test_a_minimum_that_was_not_reached(finished, known):
    row = row_without(finished, known)
    assert (row.outcome, row.rank, row.molecules_matched) == ("not found", None, 14)
    assert "within the space searched, not reached" in row.explanation
    assert row.relaxed is not None
    assert row.relaxed.rank is None


def test_a_match_that_is_not_the_minimum_below_the_crystal(finished, known):
    """Another structure overlays better than the one that the crystal relaxes to."""
    landscape, settings = finished.landscape, finished.search.run.settings
    (match,) = [m for m in landscape.observed if m.name == "alpha"]
    ranks = [m.identity for m in landscape.minima]
    own = ranks.index(match.key) + 1
    other = 1 if own != 1 else 2
    better = replace(match, key=ranks[other - 1])
    landscape = replace(landscape, observed=(better,))
    row = row_of("alpha", landscape, known, settings, set())
    assert (row.outcome, row.rank) == ("found", other)
    assert row.explanation.endswith(f"is rank {own}")


def test_a_minimum_outside_the_space_searched(finished, known):
    row = row_without(finished, known, is_searched=False)
    assert "outside the space groups and Z′ searched" in row.explanation


def test_a_minimum_above_the_window(finished, known):
    high = replace(known.minimum, lattice_energy=known.minimum.lattice_energy + 50.0)
    row = row_without(finished, known, minimum=high)
    assert "above the energy window of 12 kJ/mol" in row.explanation


def test_a_crystal_that_is_no_minimum_of_the_force_field(finished, known):
    match = replace(known.match, packing=replace(known.match.packing, n_matched=9))
    row = row_without(finished, known, match=match)
    assert row.explanation.startswith("not a minimum of this force field")
    assert "9 of 15 molecules matched" in row.explanation


def test_a_crystal_that_does_not_relax(finished, known):
    bad = replace(known.minimum, status=Status.STEP_LIMIT)
    row = row_without(finished, known, minimum=bad)
    assert "does not relax to a minimum (step limit)" in row.explanation


def test_the_minimum_of_an_observed_form_is_in_the_landscape(finished, known):
    landscape = finished.landscape
    settings = finished.search.run.settings.comparison
    rank = rank_of(known.minimum, landscape, settings)
    assert rank is not None
    assert landscape.minima[rank - 1].observed_form == "alpha"
    higher = replace(known.minimum, lattice_energy=known.minimum.lattice_energy + 1.0)
    assert rank_of(higher, landscape, settings) is None


def test_a_meter_adds_what_earlier_sessions_noted(tmp_path):
    path = tmp_path / "usage.json"
    first = Meter(path)
    sum(range(200_000))
    first.prepared()
    one = first.note()
    assert 0.0 < one.preparation_cpu_seconds <= one.cpu_seconds
    assert one.n_sessions == 1
    second = Meter(path)
    two = second.note()
    assert two.n_sessions == 2
    assert two.cpu_seconds >= one.cpu_seconds
    assert two.preparation_cpu_seconds == one.preparation_cpu_seconds
    path.write_text("[{}]")
    assert Meter(path).note().n_sessions == 1


def test_a_meter_notes_while_there_is_progress(tmp_path):
    told = []
    progress = Meter(tmp_path / "usage.json").watching(lambda *what: told.append(what))
    progress("packings", 1, 2)
    progress("packings", 2, 2)
    assert told == [("packings", 1, 2), ("packings", 2, 2)]
    assert len(json.loads((tmp_path / "usage.json").read_text())) == 1
