"""Conformers through the store keep every bit."""

import json

import numpy as np

from csp.conformers.monomers import ConformerSet
from csp.conformers.rows import from_row, to_row


def test_every_bit_is_kept(water_by_hand):
    found = ConformerSet(
        (water_by_hand,), "KEY", "level", "charges", "moments", "computed", ("why",)
    )
    read = from_row(json.loads(json.dumps(to_row(found))))
    assert to_row(read) == to_row(found)
    assert (read.inchi_key, read.origin, read.failures) == ("KEY", "computed", ("why",))
    (same,) = read.conformers
    for name in ("positions", "atomic_numbers", "bonds"):
        np.testing.assert_array_equal(
            getattr(same.molecule, name), getattr(water_by_hand.molecule, name)
        )
    np.testing.assert_array_equal(same.potential.values, water_by_hand.potential.values)
    np.testing.assert_array_equal(
        same.multipoles.moments, water_by_hand.multipoles.moments
    )
