"""Exports are read back by other programs as the same crystals."""

import csv
import shutil

import numpy as np
import openpyxl
import pytest
from ase.io import read as read_atoms
from pymatgen.core import Structure
from pymatgen.io.cif import CifParser
from typer.testing import CliRunner

from csp.cli import build_app
from csp.comparison.molecules import crystal_of_atoms
from csp.comparison.overlay import packing_match
from csp.comparison.reading import read_crystal
from csp.corrected.tables import RankingRow
from csp.corrected.tables import csv_text as ranking_csv
from csp.errors import InputError
from csp.exports.selection import Choice, EnergyLevel, chosen
from csp.exports.write import write_export, write_figure
from csp.report.tables import read_csv

TOP = 3


@pytest.fixture
def folder(finished, tmp_path):
    """A landscape whose correction turns the order round."""
    for name in ("landscape.csv", "landscape.db"):
        shutil.copy(finished.output / name, tmp_path / name)
    shutil.copytree(finished.output / "structures", tmp_path / "structures")
    rows = read_csv(tmp_path / "landscape.csv")
    ranking = [
        RankingRow(
            rank=place,
            id=row.id,
            energy_kj_per_mol=-80.0 + place,
            relative_energy_kj_per_mol=place - 1.0,
            sigma_kj_per_mol=0.5,
            p_global_minimum=0.5,
            p_within_2_kj_per_mol=0.5,
            expected_rank=float(place),
            rank_5_percent=1,
            rank_95_percent=9,
            forcefield_rank=row.rank,
            forcefield_relative_energy_kj_per_mol=row.relative_energy_kj_per_mol,
            computed_at="",
            unlike_all_computed=False,
            observed_form=row.observed_form,
        )
        for place, row in enumerate(reversed(rows), start=1)
    ]
    (tmp_path / "ranking.csv").write_text(ranking_csv(ranking), encoding="utf-8")
    return tmp_path


def lowest(folder, level):
    rows = read_csv(folder / "landscape.csv")
    rows = rows if level is EnergyLevel.FORCE_FIELD else rows[::-1]
    return [
        read_crystal(folder / "structures" / f"{row.rank:04d}_{row.id}.cif")
        for row in rows[:TOP]
    ]


def crystal_of(structure: Structure):
    return crystal_of_atoms(
        np.array(structure.lattice.matrix),
        np.array(structure.atomic_numbers),
        np.array(structure.cart_coords),
    )


def same(structure: Structure, crystal) -> None:
    other = crystal_of(structure)
    assert other.density == pytest.approx(crystal.density, rel=1e-5)
    match = packing_match(other, crystal)
    assert match.same
    assert match.rmsd < 0.01


@pytest.mark.parametrize("level", list(EnergyLevel))
def test_cif_is_read_by_pymatgen_and_res_files_are_named_by_rank(folder, level):
    choice = Choice(level, TOP)
    wanted = lowest(folder, level)
    target, number = write_export(folder, "cif", choice, folder / "out.cif")
    assert number == TOP
    parser = CifParser.from_str(target.read_text(encoding="utf-8"))
    read = parser.parse_structures(primitive=False)
    assert len(read) == TOP
    target, _ = write_export(folder, "res", choice, None)
    files = sorted(target.glob("*.res"))
    assert [path.name[:4] for path in files] == ["0001", "0002", "0003"]
    for crystal, one, path in zip(wanted, read, files, strict=True):
        same(one, crystal)
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith(f"TITL {path.stem[5:]} ")
        assert max(map(len, lines)) <= 76  # all that SHELX reads of a line


def test_extended_xyz_holds_crystals_and_numbers(folder):
    target, _ = write_export(folder, "extxyz", Choice(None, TOP), None)
    assert target == folder / "export.extxyz"
    wanted = lowest(folder, EnergyLevel.CORRECTED)
    rows = {row.id: row for row in read_csv(folder / "landscape.csv")}
    frames = read_atoms(target, index=":")
    assert len(frames) == TOP
    for crystal, atoms in zip(wanted, frames, strict=True):
        structure = Structure(
            atoms.cell.array,
            atoms.numbers,
            atoms.positions,
            coords_are_cartesian=True,
        )
        same(structure, crystal)
        row = rows[atoms.info["id"]]
        assert atoms.info["lattice_energy_kj_per_mol"] == row.lattice_energy_kj_per_mol


def test_tables_hold_both_levels(folder):
    target, number = write_export(folder, "csv", Choice(), None)
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert number == len(rows) == len(read_csv(folder / "landscape.csv"))
    assert [int(row["corrected_rank"]) for row in rows] == list(range(1, number + 1))
    assert int(rows[0]["rank"]) == number
    target, _ = write_export(folder, "xlsx", Choice(), None)
    book = openpyxl.load_workbook(target)
    sheet = book["structures"]
    assert sheet.max_row == number + 1
    assert [cell.value for cell in sheet[2]][1] == rows[0]["id"]
    about = {row[0].value: row[1].value for row in book["about"].rows}
    assert about["ordered by"] == "corrected"


def test_a_window_is_of_the_level_that_is_wanted(folder):
    rows = read_csv(folder / "landscape.csv")
    _, items = chosen(folder, Choice(EnergyLevel.FORCE_FIELD, window=4.0))
    assert [item.stored.row.id for item in items] == [
        row.id for row in rows if row.relative_energy_kj_per_mol <= 4.0
    ]
    _, items = chosen(folder, Choice(EnergyLevel.CORRECTED, window=4.0))
    assert [item.stored.row.id for item in items] == [row.id for row in rows[::-1][:5]]


@pytest.mark.parametrize(
    ("ending", "start"),
    [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<?xml")],
)
def test_figures_are_what_their_names_say(folder, ending, start):
    target = folder / f"landscape.{ending}"
    shown = write_figure(folder, target, Choice())
    first = target.read_bytes()
    assert shown == len(read_csv(folder / "landscape.csv"))
    assert first.startswith(start)
    write_figure(folder, target, Choice())
    assert target.read_bytes() == first
    if ending == "svg":  # letters stay letters
        text = first.decode()
        for words in ("beta", "corrected", "force field", "density (g/cm³)"):
            assert words in text


def test_a_figure_of_one_level_has_one_panel(folder):
    target = folder / "one.svg"
    write_figure(folder, target, Choice(EnergyLevel.FORCE_FIELD))
    assert "corrected" not in target.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--figure landscape.pdf"),
        (["--format", "pdb"], "--format must be one of cif"),
        (["--format", "cif", "--level", "dft"], "force-field or corrected"),
        (["--format", "cif", "--window", "-1"], "at least 0 kJ/mol"),
        (["--figure", "a.gif"], "must end in .pdf, .png, .svg"),
    ],
)
def test_mistakes_are_told_in_one_sentence(folder, arguments, told):
    done = CliRunner().invoke(build_app(None), ["export", str(folder), *arguments])
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())


def test_no_landscape_or_no_correction_is_told(folder, tmp_path):
    with pytest.raises(InputError, match="csp run"):
        write_export(tmp_path / "nothing", "cif", Choice(), None)
    (folder / "ranking.csv").unlink()
    with pytest.raises(InputError, match="csp correct"):
        write_export(folder, "cif", Choice(EnergyLevel.CORRECTED), None)
    level, _ = chosen(folder, Choice())
    assert level is EnergyLevel.FORCE_FIELD
