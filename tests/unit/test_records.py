"""What is stored comes back bit for bit, and cannot be changed on the way."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from csp.arrays import read_only
from csp.records import CrystalKey, Relaxation, RigidPacking, Status

FINITE = st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.builds(
    CrystalKey,
    st.integers(1, 230),
    st.sampled_from("abcdefghijklmnopqrstuvwxyzA"),
    st.integers(0, 999_999),
)
PACKINGS = st.builds(
    RigidPacking,
    key=KEYS,
    conformer=st.text(max_size=5),
    cell=arrays(float, (3, 3), elements=FINITE),
    centre=arrays(float, 3, elements=FINITE),
    rotation=arrays(float, (3, 3), elements=FINITE),
)
RELAXATIONS = st.builds(
    Relaxation,
    packing=PACKINGS,
    status=st.sampled_from(Status),
    lattice_energy=FINITE,
    largest_gradient=FINITE,
    n_evaluations=st.integers(0),
)


@given(RELAXATIONS)
def test_relaxation_survives_json_bit_for_bit(relaxation):
    row = json.loads(json.dumps(relaxation.to_row()))
    again = Relaxation.from_row(row)
    assert again.to_row() == relaxation.to_row()
    assert again.packing.key == relaxation.packing.key
    assert again.packing.conformer == relaxation.packing.conformer
    assert again.status is relaxation.status
    assert again.lattice_energy == relaxation.lattice_energy
    assert again.largest_gradient == relaxation.largest_gradient
    assert again.n_evaluations == relaxation.n_evaluations
    for name in ("cell", "centre", "rotation"):
        stored = getattr(relaxation.packing, name)
        assert getattr(again.packing, name).tobytes() == stored.tobytes()


FEW_KEYS = st.builds(
    CrystalKey,
    st.sampled_from([2, 14, 142]),
    st.sampled_from("aeA"),
    st.integers(0, 999),
)


@given(st.lists(FEW_KEYS, unique=True))
def test_names_of_keys_are_unique_and_sort_like_the_keys(keys):
    assert [str(key) for key in sorted(keys)] == sorted(str(key) for key in keys)
    assert len({str(key) for key in keys}) == len(keys)
    assert all("/" not in str(key) for key in keys)


@given(PACKINGS)
def test_packing_cannot_be_changed_in_place(packing):
    for name in ("cell", "centre", "rotation"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(packing, name)[0] = 1.0


def test_read_only_array_is_a_copy_of_its_own():
    source = np.arange(6).reshape(2, 3).T
    copy = read_only(source)
    source[0, 0] = 7
    assert_array_equal(copy, [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]])
    assert copy.dtype == np.float64
    assert copy.flags.c_contiguous
