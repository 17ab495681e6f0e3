import struct
from dataclasses import replace

import pytest

from csp.report.figure import landscape_png
from csp.report.tables import landscape_rows


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", png[16:24])


def test_the_picture_is_a_png_of_a_size_to_look_at(finished):
    width, height = size((finished.output / "landscape.png").read_bytes())
    assert 800 <= width <= 3000
    assert 600 <= height <= 3000


def test_the_picture_is_the_same_each_time(finished):
    rows = landscape_rows(finished.landscape)
    assert landscape_png(rows, "title") == landscape_png(rows, "title")


def test_observed_forms_are_marked(finished):
    rows = landscape_rows(finished.landscape)
    unmarked = [replace(row, observed_form="") for row in rows]
    assert any(row.observed_form for row in rows)
    assert landscape_png(rows, "title") != landscape_png(unmarked, "title")


@pytest.mark.parametrize("n_groups", [1, 7, 8, 20])
def test_any_number_of_space_groups_can_be_drawn(finished, n_groups):
    row = landscape_rows(finished.landscape)[0]
    rows = [replace(row, space_group=f"P{i}") for i in range(n_groups)]
    size(landscape_png(rows, "title"))
