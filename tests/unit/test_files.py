"""A file is whole or absent, whatever happens while it is written."""

import os

import pytest

from csp.errors import InputError
from csp.files import write_atomically


def test_content_is_written_and_replaced(tmp_path):
    path = tmp_path / "new" / "folder" / "file.txt"
    write_atomically(path, "Å³\n")
    assert path.read_bytes() == "Å³\n".encode()
    write_atomically(path, b"\x00raw")
    assert path.read_bytes() == b"\x00raw"
    assert [item.name for item in path.parent.iterdir()] == ["file.txt"]


def test_file_can_be_read_by_others(tmp_path):
    path = tmp_path / "file.txt"
    write_atomically(path, "x")
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_interrupted_write_leaves_the_old_content_and_nothing_else(
    tmp_path, monkeypatch, step
):
    path = tmp_path / "file.txt"
    write_atomically(path, "old")

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new content")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file.txt"]


def test_name_is_taken_only_after_the_content_is_on_the_disk(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_atomically(path, "old")
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(path.read_text()))
    write_atomically(path, "new")
    assert seen == ["old"]
    assert path.read_text() == "new"


def test_unwritable_folder_is_named(tmp_path):
    (tmp_path / "results").write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"results cannot be written .*--output"):
        write_atomically(tmp_path / "results" / "landscape.csv", "x")


def test_a_full_disk_is_told_with_the_file_and_the_old_content_stays(
    tmp_path, monkeypatch
):
    path = tmp_path / "file.txt"
    write_atomically(path, "old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"file\.txt cannot be written .No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file.txt"]
