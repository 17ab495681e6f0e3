import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp.errors import StoreError
from csp.records import CrystalKey, Packing, Relaxation, Status
from csp.store import Store

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
ROWS = st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=4)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TWO_ROWS = [{"a": 1}, {"a": "b\u2028c"}]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def contents(store: Store) -> dict[str, bytes]:
    return {
        path.relative_to(store.folder).as_posix(): path.read_bytes()
        for path in store.folder.rglob("*")
        if path.is_file()
    }


@given(ROWS)
def test_rows_come_back_as_they_were_written(tmp_path_factory, rows):
    store = Store(tmp_path_factory.mktemp("store"))
    store.write("relaxed/014e", rows)
    assert list(store.read("relaxed/014e")) == rows


@given(
    st.lists(FINITE, min_size=21, max_size=21), FINITE, FINITE, st.sampled_from(Status)
)
def test_a_relaxation_keeps_every_bit(tmp_path_factory, numbers, energy, slope, status):
    array = np.array(numbers)
    before = Relaxation(
        Packing(
            CrystalKey(14, "e", 123),
            14,
            "e",
            ("2",),
            array[:9].reshape(3, 3),
            array[9:12].reshape(1, 3),
            array[12:].reshape(1, 3, 3),
        ),
        status,
        energy,
        slope,
        77,
        ("sg014-e-000123",),
    )
    store = Store(tmp_path_factory.mktemp("store"))
    store.write("one", [before.to_row()])
    (row,) = store.read("one")
    after = Relaxation.from_row(row)
    for name in ("cell", "centres", "rotations"):
        first, second = getattr(before.packing, name), getattr(after.packing, name)
        assert first.tobytes() == second.tobytes()
        assert first.shape == second.shape
    assert (after.packing.key, after.packing.conformers) == (
        CrystalKey(14, "e", 123),
        ("2",),
    )
    assert (after.packing.space_group, after.packing.sites) == (14, "e")
    assert (after.status, after.n_evaluations) == (status, 77)
    assert np.array([after.lattice_energy, after.largest_gradient]).tobytes() == (
        np.array([energy, slope]).tobytes()
    )


@given(ROWS, st.slices(5))
def test_some_rows_are_read_like_the_same_rows_of_all(tmp_path_factory, rows, chosen):
    store = Store(tmp_path_factory.mktemp("store"))
    store.write("one", rows)
    assert list(store.read("one", chosen)) == rows[chosen]


def test_a_piece_of_work_is_there_once_it_is_written(store):
    assert not store.has("one")
    store.write("one", [])
    assert store.has("one")
    assert list(store.read("one")) == []


def test_a_missing_piece_of_work_is_told_with_the_remedy(store):
    with pytest.raises(StoreError, match=r"one\.jsonl.*run the same command again"):
        list(store.read("one"))


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_crash_while_writing_leaves_the_old_content(
    store, monkeypatch, step, is_first
):
    if not is_first:
        store.write("one", TWO_ROWS)
        store.claim({"results_version": 1})
    before = contents(store)

    def crash(*_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(
        *((os, "fsync") if step == "fsync" else (Path, "replace")), crash
    )
    with pytest.raises(OSError, match="power cut"):
        store.write("one", [{"a": 3}])
    with pytest.raises(OSError, match="power cut"):
        store.claim({"results_version": 2})
    monkeypatch.undo()
    assert contents(store) == before
    assert store.has("one") is not is_first


def test_a_crash_while_the_rows_are_made_leaves_nothing(store):
    def rows():
        yield {"a": 1}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write("one", rows())
    assert not store.has("one")


def damages() -> list[bytes]:
    """What may become of a file of two rows."""
    first, second = (json.dumps(row).encode() + b"\n" for row in TWO_ROWS)
    return [
        b"",
        b"\n",
        b"\x00" * 40,
        b"\xff\xfe",
        first,
        first + second,
        first + second[:5],
    ]


@pytest.mark.parametrize("content", damages())
def test_foreign_content_is_told_with_the_remedy(store, content):
    store.write("one", TWO_ROWS)
    (store.folder / "one.jsonl").write_bytes(content)
    with pytest.raises(StoreError, match=r"one\.jsonl is damaged: delete it and run"):
        list(store.read("one"))


@given(st.data())
def test_any_loss_and_any_changed_byte_is_noticed(tmp_path_factory, data):
    store = Store(tmp_path_factory.mktemp("store"))
    store.write("one", TWO_ROWS)
    path = store.folder / "one.jsonl"
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
    rest = data.draw(st.sampled_from([b"", changed + whole[at + 1 :]]))
    path.write_bytes(whole[:at] + rest)
    with pytest.raises(StoreError, match="is damaged"):
        list(store.read("one"))


def test_a_new_store_belongs_to_nothing(store):
    assert store.manifest() is None


def test_the_manifest_comes_back_as_it_was_written(store):
    manifest = {"packing": {"seed": 1, "factors": [1.0, 1.5]}, "name": "β-form"}
    store.claim(manifest)
    assert store.manifest() == manifest


@pytest.mark.parametrize("content", [b"", b"{", b"3", b"[]", b"\xff\xfe"])
def test_a_damaged_manifest_is_told_with_the_remedy(store, content):
    store.claim({})
    (store.folder / "manifest.json").write_bytes(content)
    with pytest.raises(
        StoreError, match=r"manifest\.json cannot be read: move.*--output"
    ):
        store.manifest()


def test_finished_work_of_unknown_settings_is_refused(store):
    store.write("relaxed/014e", TWO_ROWS)
    with pytest.raises(StoreError, match=r"manifest\.json cannot be read"):
        store.manifest()
