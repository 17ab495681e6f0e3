"""A run watched from its store, which is left as it is."""

import os
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from csp.cli import build_app
from csp.errors import InputError
from csp.geometry import volume
from csp.viewing.braille import dots
from csp.watching import Watch


def test_a_finished_run_is_told_as_it_was(finished):
    before = sorted(path.stat().st_mtime_ns for path in finished.output.rglob("*"))
    seen = Watch(finished.output).look(0.0)
    counts = finished.landscape.counts
    assert seen.endings == counts.endings
    assert seen.n_refined == counts.n_refined
    assert seen.is_finished
    assert seen.hours_left is None
    assert seen.n_wanted == finished.search.run.settings.packing.n_minima
    assert before == sorted(
        path.stat().st_mtime_ns for path in finished.output.rglob("*")
    )


def test_work_that_comes_in_is_counted_once_and_gives_a_rate(finished, tmp_path):
    store = finished.output / "store"
    files = sorted((store / "relaxed").glob("*.jsonl"))
    (tmp_path / "store" / "relaxed").mkdir(parents=True)
    shutil.copy(store / "manifest.json", tmp_path / "store")
    watch = Watch(tmp_path)
    now = files[0].stat().st_mtime + 10.0
    assert watch.look(now).endings.total() == 0
    shutil.copy2(files[0], tmp_path / "store" / "relaxed")
    n_rows = len(files[0].read_bytes().splitlines()) - 1
    for _ in range(2):
        seen = watch.look(now)
        assert seen.endings.total() == n_rows
    assert seen.rate == pytest.approx(360.0 * n_rows, rel=1e-6)
    if seen.n_valid < seen.n_wanted:
        expected = (seen.n_wanted - seen.n_valid) * n_rows / seen.n_valid / seen.rate
        assert seen.hours_left == pytest.approx(expected)
    (tmp_path / "store" / "relaxed" / "half.jsonl").write_text("{")  # not yet whole
    assert watch.look(now).endings.total() == n_rows


def test_the_command_shows_reasons_and_energies(finished):
    done = CliRunner().invoke(build_app(None), ["watch", str(finished.output)])
    assert done.exit_code == 0, done.output
    bad = finished.landscape.counts.endings
    assert all(status.value in done.output for status in bad if status != "converged")
    assert "report.html" in done.output
    (shown,) = re.findall(r"(\d+) distinct minima of 2 rounds", done.output)
    rounds = Watch(finished.output).look(0.0).rounds
    assert int(shown) == sum(rounds.energies <= rounds.energies.min() + 20.0)
    assert any("\u2801" <= letter <= "\u28ff" for letter in done.output)
    assert "coverage" in done.output


def test_rounds_are_told_as_the_search_knows_them(finished):
    rounds = Watch(finished.output).look(0.0).rounds
    assert rounds.n_rounds == 2
    told = finished.landscape.completeness
    assert [replace(own, n_draws=0) for own in rounds.completeness] == [
        replace(own, n_draws=0) for own in told
    ]
    by_energy = dict(zip(rounds.energies.tolist(), rounds.volumes, strict=True))
    for minimum in finished.landscape.minima:
        crystal = minimum.crystal
        found = by_energy.get(minimum.lattice_energy)
        if found is not None:  # saddle points went on downhill
            each = volume(crystal.cell) / crystal.n_molecules
            assert found == pytest.approx(each, rel=1e-6)
    assert len(set(by_energy) & {m.lattice_energy for m in finished.landscape.minima})


def test_rounds_of_other_comparison_settings_are_read_again(finished, tmp_path):
    shutil.copytree(finished.output / "store", tmp_path / "store")
    watch = Watch(tmp_path)
    before = watch.look(0.0).rounds
    (folder,) = (tmp_path / "store").glob("rounds-*")
    other = shutil.copytree(folder, folder.with_name("rounds-other"))
    later = folder.stat().st_mtime + 10.0
    os.utime(other, (later, later))
    after = watch.look(0.0).rounds
    assert (before.source, after.source) == (folder.name, other.name)
    assert after.n_rounds == before.n_rounds


def test_a_round_whose_lists_are_not_whole_is_left_for_later(finished, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(finished.output / "store", store)
    (members,) = store.glob("rounds-*/full/001-members.jsonl")
    text = members.read_text()
    watch = Watch(tmp_path)
    members.write_text(text[: len(text) // 2])
    assert watch.look(0.0).rounds.n_rounds == 0
    members.write_text(text)
    assert watch.look(0.0).rounds.n_rounds == 2


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(InputError, match="csp run FILE"):
        Watch(tmp_path).look(0.0)
    done = CliRunner().invoke(build_app(None), ["watch", str(tmp_path)])
    assert done.exit_code == 2


@given(
    st.lists(
        st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30, unique=True
    )
)
def test_every_point_is_a_dot_in_its_place(points):
    """Twenty by twenty places in ten by five letters."""
    across = np.array([x / 19 for x, _ in points])
    up = np.array([y / 19 for _, y in points])
    lines = dots(across, up, (10, 5))
    assert [len(line) for line in lines] == [10] * 5
    seen = {
        (2 * column + right, 19 - (4 * row + down))
        for row, line in enumerate(lines)
        for column, letter in enumerate(line)
        for right, down, bit in (
            (0, 0, 0),
            (0, 1, 1),
            (0, 2, 2),
            (1, 0, 3),
            (1, 1, 4),
            (1, 2, 5),
            (0, 3, 6),
            (1, 3, 7),
        )  # the order of Braille's dots in Unicode
        if (ord(letter) - 0x2800) >> bit & 1
    }
    assert seen == set(points)


def test_points_outside_are_left_out():
    assert dots(np.array([-0.1, 1.1, 0.5]), np.array([0.5, 0.5, 2.0]), (1, 1)) == [
        "\u2800"
    ]
