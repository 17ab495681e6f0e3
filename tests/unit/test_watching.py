"""A run watched from its store, which is left as it is."""

import shutil

import pytest
from typer.testing import CliRunner

from csp.cli import build_app
from csp.errors import InputError
from csp.watching import Watch


def test_a_finished_run_is_told_as_it_was(finished):
    before = sorted(path.stat().st_mtime_ns for path in finished.output.rglob("*"))
    seen = Watch(finished.output).look(0.0)
    counts = finished.landscape.counts
    assert seen.endings == counts.endings
    assert len(seen.refined) == counts.n_refined
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
    assert "refined minima above the lowest" in done.output


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(InputError, match="csp run FILE"):
        Watch(tmp_path).look(0.0)
    done = CliRunner().invoke(build_app(None), ["watch", str(tmp_path)])
    assert done.exit_code == 2
