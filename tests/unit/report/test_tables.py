import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from csp.errors import InputError
from csp.report.tables import (
    LandscapeRow,
    csv_text,
    landscape_markdown,
    landscape_rows,
    markdown_table,
    read_csv,
    terminal_table,
)

COLUMNS = (
    "rank,id,space_group,z_prime,lattice_energy_kj_per_mol,"
    "relative_energy_kj_per_mol,density_g_per_cm3,cell,times_found,conformer,"
    "observed_form"
)
WIDE = LandscapeRow(
    rank=9999,
    id="sg019-a-000123",
    space_group="P212121",
    z_prime=0.25,
    lattice_energy_kj_per_mol=-161.8123,
    relative_energy_kj_per_mol=0.0,
    density_g_per_cm3=1.8604,
    cell="10.140 12.820 10.330 131.812 116.516 142.734",
    times_found=99999,
    conformer="12",
    observed_form="β, α",
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8)
ROWS = st.builds(
    LandscapeRow,
    rank=st.integers(1, 10**6),
    id=TEXT,
    space_group=TEXT,
    z_prime=st.sampled_from([0.125, 0.25, 0.5, 1.0, 2.0]),
    lattice_energy_kj_per_mol=st.floats(-1e4, 1e4),
    relative_energy_kj_per_mol=st.floats(0.0, 1e4),
    density_g_per_cm3=st.floats(0.1, 20.0),
    cell=st.just("5.000 6.000 7.000 90.000 100.000 90.000"),
    times_found=st.integers(1, 10**6),
    conformer=TEXT,
    observed_form=TEXT,
)


def printed(rows, width: int = 80, title: str = "ten structures") -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(terminal_table(rows, title))
    return stream.getvalue().splitlines()


def test_the_csv_has_the_documented_columns(finished):
    text = (finished.output / "landscape.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == COLUMNS


def test_the_csv_has_one_row_a_minimum_in_the_order_of_energy(finished):
    rows = read_csv(finished.output / "landscape.csv")
    assert rows == landscape_rows(finished.landscape)
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    energies = [row.lattice_energy_kj_per_mol for row in rows]
    assert energies == sorted(energies)
    assert rows[0].relative_energy_kj_per_mol == 0.0
    assert len({row.id for row in rows}) == len(rows) > 10


def test_times_found_count_the_draws_of_each_minimum(finished):
    """That no draw is lost or counted twice: see the tests of the landscape."""
    rows = read_csv(finished.output / "landscape.csv")
    found = [minimum.times_found for minimum in finished.landscape.minima]
    assert [row.times_found for row in rows] == found
    assert max(found) > 1


def test_space_groups_are_written_without_subscripts(finished):
    rows = read_csv(finished.output / "landscape.csv")
    assert "P21/c" in {row.space_group for row in rows}
    assert all(row.space_group.isascii() for row in rows)


def test_observed_forms_are_named_in_the_csv(finished):
    names = {row.observed_form for row in read_csv(finished.output / "landscape.csv")}
    assert names & {"alpha", "beta"}


@given(st.lists(ROWS, max_size=3))
def test_rows_come_back_from_the_csv_as_they_were(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "landscape.csv"
    path.write_text(csv_text(rows), encoding="utf-8", newline="")
    assert read_csv(path) == rows


def test_no_landscape_is_told_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(InputError, match=r"no landscape in .* csp run FILE --output"):
        read_csv(tmp_path / "landscape.csv")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 0),
        (b"a,b\n1,2\n", 1),
        (f"{COLUMNS}\n1,x\n".encode(), 2),
        (f"{COLUMNS}\n{'x,' * 10}x\n".encode(), 2),
        (b"SQLite format 3\x00\xff\xfe", 1),
    ],
)
def test_a_foreign_table_is_told_with_the_remedy(tmp_path, content, line):
    path = tmp_path / "landscape.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"not a landscape, see line {line}.*csp run"):
        read_csv(path)


def test_ten_structures_fit_eighty_columns(finished):
    lines = printed(landscape_rows(finished.landscape)[:10])
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    assert len(lines) == 1 + 2 + 1 + 10
    for heading in ("rank", "group", "Z′", "kJ/mol", "g/cm³", "cell", "found", "form"):
        assert any(heading in line for line in lines[1:3])


def test_the_widest_rows_fit_eighty_columns_whole():
    wider = replace(WIDE, space_group="P42/ncm", lattice_energy_kj_per_mol=-1161.8)
    lines = printed([WIDE, wider])
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    row = lines[4].split()
    assert row[:5] == ["9999", "P212121", "0.25", "-161.81", "1.860"]
    assert row[5:12] == ["10.14", "12.82", "10.33", "132", "117", "143", "99999"]


def test_long_names_of_observed_forms_are_folded_not_cut():
    name = "a form of a very long name"
    lines = printed([replace(WIDE, observed_form=name)])
    shown = " ".join(line[70:].strip() for line in lines[4:])
    assert shown.split() == name.split()


def test_brackets_in_names_are_no_markup():
    lines = printed([replace(WIDE, observed_form="[red]")], title="[bold]run")
    assert lines[0].strip() == "[bold]run"
    assert "[red]" in lines[4]


def test_the_markdown_table_has_a_row_a_structure(finished):
    rows = landscape_rows(finished.landscape)[:3]
    heading, rule, *body = landscape_markdown(rows).splitlines()
    assert heading.count("|") == rule.count("|") == body[0].count("|") == 11
    assert [line.split("|")[1].strip() for line in body] == ["1", "2", "3"]


def test_a_bar_in_a_markdown_cell_does_not_split_it():
    assert markdown_table(("a",), [("x|y",)]).splitlines()[-1] == r"| x\|y |"
