"""Fragments are computed once, whatever crystal, orientation or hand they come in."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from csp.errors import StoreError
from csp.reference.fragment import SAME_DISTANCE, fragment_of
from csp.reference.fragment_store import FragmentStore

SEEDS = st.integers(0, 2**32 - 1)
NUMBERS = np.array([8, 1, 9])


class Counting:
    """A calculation that says how often it ran."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"energy": -1.5}


def pair(rng):
    first, second = rng.normal(scale=1.5, size=(2, 3, 3))
    return fragment_of(
        [(NUMBERS, first), (NUMBERS, second + np.array([5.0, 0.0, 0.0]))]
    )


def moved(fragment, rng, noise=0.0):
    """Turned, mirrored, swapped, reordered; every distance changed a little."""
    turn = Rotation.random(random_state=rng).as_matrix() * rng.choice([-1.0, 1.0])
    positions = fragment.positions @ turn.T + rng.normal(size=3)
    positions += noise * rng.uniform(-1.0, 1.0, positions.shape) / np.sqrt(12.0)
    parts = [rng.permutation(3) + 3, rng.permutation(3)]
    return fragment_of([(fragment.numbers[p], positions[p]) for p in parts])


@given(SEEDS)
def test_a_congruent_pair_is_found_again(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("fragments")
    compute, one = Counting(), pair(rng)
    assert not FragmentStore(folder).recall(one, "m", compute).was_known
    # half the tolerance: the mean distance crosses a step of the names now and then
    other = moved(one, rng, noise=0.5 * SAME_DISTANCE)
    found = FragmentStore(folder).recall(other, "m", compute)
    assert found.was_known
    assert found.content == {"energy": -1.5}
    assert (other.numbers[found.order] == found.fragment.numbers).all()
    assert compute.calls == 1


@pytest.mark.parametrize("scale", [0.9999999, 1.0000001])
def test_a_step_of_the_names_is_no_boundary(tmp_path, scale):
    """Two atoms at a whole number of steps, a rounding error to either side."""
    store, compute = FragmentStore(tmp_path), Counting()
    for factor in (1.0, scale):
        places = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.5 * factor]])
        store.recall(fragment_of([(np.array([9, 1]), places)]), "m", compute)
    assert compute.calls == 1


def test_another_method_or_geometry_is_computed(tmp_path):
    rng = np.random.default_rng(1)
    store, compute, one = FragmentStore(tmp_path), Counting(), pair(rng)
    store.recall(one, "m", compute)
    store.recall(one, "another", compute)
    apart = one.positions[3:] + np.array([0.01, 0.0, 0.0])
    stretched = fragment_of([(NUMBERS, one.positions[:3]), (NUMBERS, apart)])
    store.recall(stretched, "m", compute)
    assert compute.calls == 3


def test_a_single_atom_is_a_molecule_too(tmp_path):
    store, compute = FragmentStore(tmp_path), Counting()
    for place in (0.0, 3.0):
        atom = fragment_of([(np.array([18]), np.full((1, 3), place))])
        store.recall(atom, "m", compute)
    assert compute.calls == 1


def test_a_failed_calculation_leaves_nothing(tmp_path):
    def fail():
        raise StoreError("no")

    with pytest.raises(StoreError):
        FragmentStore(tmp_path).recall(pair(np.random.default_rng(1)), "m", fail)
    assert list(tmp_path.rglob("*.json")) == []


def test_a_damaged_file_is_named(tmp_path):
    store, one = FragmentStore(tmp_path), pair(np.random.default_rng(1))
    store.recall(one, "m", Counting())
    (path,) = tmp_path.rglob("*.json")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match=f"{path.name} cannot be read.*delete it"):
        store.recall(one, "m", Counting())


def test_two_that_meet_the_same_fragment_compute_it_once(tmp_path, monkeypatch):
    monkeypatch.setattr("csp.reference.fragment_store.SECONDS_A_LOOK", 0.01)
    store, calls = FragmentStore(tmp_path), []

    def compute():
        calls.append(1)
        time.sleep(0.3)
        return {"energy": -1.0}

    pair = fragment_of([(np.array([1, 1]), np.array([[0.0, 0, 0], [0, 0, 0.74]]))])
    with ThreadPoolExecutor(3) as pool:
        found = list(
            pool.map(lambda _: store.recall(pair, "method", compute), range(3))
        )
    assert calls == [1]
    assert sorted(item.was_known for item in found) == [False, True, True]
    assert not list(tmp_path.rglob("*.claim"))
