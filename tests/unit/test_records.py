"""What is stored comes back bit for bit, and cannot be changed on the way."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from csp.arrays import read_only
from csp.records import CrystalKey, FreePacking, Relaxation, RigidPacking, Status

FINITE = st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.builds(
    CrystalKey,
    st.integers(1, 230),
    st.sampled_from("abcdefghijklmnopqrstuvwxyzA"),
    st.integers(0, 999_999),
)
RIGID_PACKINGS = st.builds(
    RigidPacking,
    key=KEYS,
    conformer=st.text(max_size=5),
    cell=arrays(float, (3, 3), elements=FINITE),
    centre=arrays(float, 3, elements=FINITE),
    rotation=arrays(float, (3, 3), elements=FINITE),
)
FREE_PACKINGS = st.integers(1, 4).flatmap(
    lambda n: st.builds(
        FreePacking,
        key=KEYS,
        conformer=st.text(max_size=5),
        cell=arrays(float, (3, 3), elements=FINITE),
        centres=arrays(float, (n, 3), elements=FINITE),
        rotations=arrays(float, (n, 3, 3), elements=FINITE),
    )
)
PACKINGS = RIGID_PACKINGS | FREE_PACKINGS
FIELDS = st.fixed_dictionaries(
    {
        "packing": PACKINGS,
        "status": st.sampled_from(Status),
        "lattice_energy": FINITE,
        "largest_gradient": FINITE,
        "n_evaluations": st.integers(0),
        "draws": st.lists(KEYS.map(str), max_size=3).map(tuple),
        "lowest_curvature": st.none() | FINITE,
    }
)
"""Of a relaxation; the checker of its types draws lots, which strategies must not."""


def array_names(packing) -> tuple[str, ...]:
    if isinstance(packing, RigidPacking):
        return ("cell", "centre", "rotation")
    return ("cell", "centres", "rotations")


@given(FIELDS)
def test_relaxation_survives_json_bit_for_bit(fields):
    relaxation = Relaxation(**fields)
    row = json.loads(json.dumps(relaxation.to_row()))
    again = Relaxation.from_row(row)
    assert again.to_row() == relaxation.to_row()
    assert again.packing.key == relaxation.packing.key
    assert again.packing.conformer == relaxation.packing.conformer
    assert again.status is relaxation.status
    assert again.lattice_energy == relaxation.lattice_energy
    assert again.largest_gradient == relaxation.largest_gradient
    assert again.n_evaluations == relaxation.n_evaluations
    assert again.draws == relaxation.draws
    assert again.lowest_curvature == relaxation.lowest_curvature
    assert type(again.packing) is type(relaxation.packing)
    for name in array_names(relaxation.packing):
        before, after = getattr(relaxation.packing, name), getattr(again.packing, name)
        assert after.tobytes() == before.tobytes()
        assert after.shape == before.shape


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
    for name in array_names(packing):
        with pytest.raises(ValueError, match="read-only"):
            getattr(packing, name)[0] = 1.0


def test_read_only_array_is_a_copy_of_its_own():
    source = np.arange(6).reshape(2, 3).T
    copy = read_only(source)
    source[0, 0] = 7
    assert_array_equal(copy, [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]])
    assert copy.dtype == np.float64
    assert copy.flags.c_contiguous
