import sqlite3

import pytest
from ase.db import connect
from numpy.testing import assert_allclose
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from csp.errors import InputError
from csp.report.export import write_cifs, write_database
from csp.report.tables import landscape_rows, read_csv
from csp.spacegroups import space_group

SUBSCRIPTS = str.maketrans("₁₂₃₄₅", "12345")


def test_ase_reads_the_database_and_finds_what_the_csv_says(finished):
    rows = read_csv(finished.output / "landscape.csv")
    with connect(finished.output / "landscape.db") as database:
        found = list(database.select(sort="rank"))
    assert len(found) == len(rows)
    for mine, row in zip(rows, found, strict=True):
        assert row.rank == mine.rank
        assert row.csp_id == mine.id
        assert row.space_group == mine.space_group
        assert row.lattice_energy_kj_per_mol == mine.lattice_energy_kj_per_mol
        assert row.relative_energy_kj_per_mol == mine.relative_energy_kj_per_mol
        assert row.times_found == mine.times_found
        assert row.observed_form == (mine.observed_form or "none")
        cell = [float(value) for value in mine.cell.split()]
        assert_allclose(row.toatoms().cell.cellpar(), cell, rtol=0, atol=6e-4)


def test_the_database_can_be_selected_by_energy(finished):
    rows = read_csv(finished.output / "landscape.csv")
    expected = sum(row.relative_energy_kj_per_mol < 5.0 for row in rows)
    with connect(finished.output / "landscape.db") as database:
        assert database.count("relative_energy_kj_per_mol<5") == expected > 0


def test_each_cif_reads_back_in_the_space_group_of_the_csv(finished):
    rows = read_csv(finished.output / "landscape.csv")
    for row in rows[:12]:
        path = finished.output / "structures" / f"{row.rank:04d}_{row.id}.cif"
        structure = Structure.from_file(path)
        number = SpacegroupAnalyzer(structure, symprec=0.05).get_space_group_number()
        assert space_group(number).symbol.translate(SUBSCRIPTS) == row.space_group
        density = float(structure.density)
        assert_allclose(density, row.density_g_per_cm3, rtol=2e-4, atol=0)


def test_there_is_one_cif_a_row_and_no_other(finished):
    rows = read_csv(finished.output / "landscape.csv")
    files = sorted(path.name for path in (finished.output / "structures").iterdir())
    assert files == [f"{row.rank:04d}_{row.id}.cif" for row in rows]


def test_structures_of_an_older_ranking_are_removed(finished, tmp_path):
    (tmp_path / "0001_sg999-z-000000.cif").touch()
    (tmp_path / "notes.txt").touch()
    write_cifs(tmp_path, finished.landscape)
    names = {path.name for path in tmp_path.iterdir()}
    assert "0001_sg999-z-000000.cif" not in names
    assert "notes.txt" in names
    assert len(names) == 1 + len(finished.landscape.minima)


def test_a_cif_that_is_right_is_not_written_again(finished, tmp_path):
    write_cifs(tmp_path, finished.landscape)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_cifs(tmp_path, finished.landscape)
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert after == before


def test_a_new_database_replaces_the_old_one_whole(finished, tmp_path):
    path = tmp_path / "landscape.db"
    path.write_bytes(b"no database")
    rows = landscape_rows(finished.landscape)
    write_database(path, finished.landscape, rows)
    write_database(path, finished.landscape, rows)
    assert [item.name for item in tmp_path.iterdir()] == ["landscape.db"]
    with connect(path) as database:
        assert database.count() == len(rows)


def test_a_database_that_cannot_be_finished_leaves_the_old_one(
    finished, tmp_path, monkeypatch
):
    path = tmp_path / "landscape.db"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk is full")

    monkeypatch.setattr("ase.db.sqlite.SQLite3Database._write", fail)
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        write_database(path, finished.landscape, landscape_rows(finished.landscape))
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["landscape.db"]


def test_a_folder_that_is_a_file_is_told_with_the_remedy(finished, tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "landscape.db"
    with pytest.raises(InputError, match=r"cannot be written.*--output"):
        write_database(path, finished.landscape, landscape_rows(finished.landscape))
