"""What is stored comes back bit for bit, and cannot be changed on the way."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from csp.arrays import read_only
from csp.records import CrystalKey, Packing, Relaxation, Status

FINITE = st.floats(allow_nan=False, allow_infinity=False)
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
SITES = st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=3)
KEYS = st.builds(
    CrystalKey,
    st.integers(1, 230),
    SITES.map(".".join),
    st.integers(0, 999_999),
)
PACKINGS = st.integers(1, 4).flatmap(
    lambda n: st.fixed_dictionaries(
        {
            "key": KEYS,
            "space_group": st.integers(1, 230),
            "sites": st.text(LETTERS, min_size=n, max_size=n),
            "conformers": st.tuples(*[st.text(max_size=5)] * n),
            "cell": arrays(float, (3, 3), elements=FINITE),
            "centres": arrays(float, (n, 3), elements=FINITE),
            "rotations": arrays(float, (n, 3, 3), elements=FINITE),
        }
    )
)
ARRAYS = ("cell", "centres", "rotations")
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
"""Of packings and relaxations: the checker of their types draws lots, which strategies
must not."""


@given(FIELDS)
def test_relaxation_survives_json_bit_for_bit(fields):
    packing = Packing(**fields["packing"])
    relaxation = Relaxation(**{**fields, "packing": packing})
    row = json.loads(json.dumps(relaxation.to_row()))
    again = Relaxation.from_row(row)
    assert again.to_row() == relaxation.to_row()
    assert again.packing.key == relaxation.packing.key
    assert again.packing.conformers == relaxation.packing.conformers
    assert again.packing.space_group == relaxation.packing.space_group
    assert again.packing.sites == relaxation.packing.sites
    assert again.status is relaxation.status
    assert again.lattice_energy == relaxation.lattice_energy
    assert again.largest_gradient == relaxation.largest_gradient
    assert again.n_evaluations == relaxation.n_evaluations
    assert again.draws == relaxation.draws
    assert again.lowest_curvature == relaxation.lowest_curvature
    assert again.name == relaxation.name == str(relaxation.packing.key)
    for name in ARRAYS:
        before, after = getattr(relaxation.packing, name), getattr(again.packing, name)
        assert after.tobytes() == before.tobytes()
        assert after.shape == before.shape


FEW_KEYS = st.builds(
    CrystalKey,
    st.sampled_from([2, 14, 142]),
    st.sampled_from(["a", "e", "A", "ae", "ee", "a.e", "a.ee", "e.ee"]),
    st.integers(0, 999),
)


@given(st.lists(FEW_KEYS, unique=True))
def test_names_of_keys_are_unique_and_may_be_names_of_files(keys):
    assert len({str(key) for key in keys}) == len(keys)
    assert all("/" not in str(key) for key in keys)
    assert all(not str(key).startswith(".") for key in keys)


@given(st.lists(FEW_KEYS, unique=True))
def test_names_of_one_group_and_its_sites_sort_like_the_draws(keys):
    keys = [replace(key, space_group=14, sites="a.e") for key in keys]
    assert [str(key) for key in sorted(keys)] == sorted(str(key) for key in keys)


@given(PACKINGS)
def test_a_packing_left_its_symmetry_if_its_sites_or_group_are_others(fields):
    packing = Packing(**fields)
    key = replace(
        packing.key, space_group=packing.space_group, sites=".".join(packing.sites)
    )
    assert not replace(packing, key=key).has_left_symmetry
    other = replace(key, space_group=key.space_group % 230 + 1)
    assert replace(packing, key=other).has_left_symmetry
    more = replace(key, sites=key.sites + "a")
    assert replace(packing, key=more).has_left_symmetry


@given(PACKINGS)
def test_packing_cannot_be_changed_in_place(fields):
    packing = Packing(**fields)
    for name in ARRAYS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(packing, name)[0] = 1.0


def test_read_only_array_is_a_copy_of_its_own():
    source = np.arange(6).reshape(2, 3).T
    copy = read_only(source)
    source[0, 0] = 7
    assert_array_equal(copy, [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]])
    assert copy.dtype == np.float64
    assert copy.flags.c_contiguous
