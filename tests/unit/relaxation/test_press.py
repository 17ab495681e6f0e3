"""The soft spheres of the press have the size that exp-6 gives the atoms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.potentials.kernels.tables import Pairs
from csp.relaxation.press import contact_table, press_cutoffs


@pytest.fixture
def content(model, packing_of):
    return model.of(packing_of(14, "e", 0))


def test_spheres_touch_where_exp6_rises_to_ten(content):
    pairs, contacts = content.charges.tables.pairs, content.contacts
    r = contacts.wall
    n_found = 0
    for i, j in np.ndindex(r.shape):

        def energy(distance, i=i, j=j):
            repulsion = pairs.repulsion[i, j] * np.exp(-pairs.exponent[i, j] * distance)
            return repulsion - pairs.dispersion[i, j] / distance**6

        if r[i, j] == 0.5:  # hardly any repulsion: the smallest sphere
            assert energy(0.5) < 10.0 or energy(0.505) < 10.0
            continue
        n_found += 1
        # distances are tabulated every 0.005 Å
        assert energy(r[i, j]) > 10.0 > energy(r[i, j] + 0.00501)
    assert n_found > 30


def test_press_knows_nothing_but_spheres_and_pressure(content):
    contacts = content.contacts
    for name in ("repulsion", "exponent", "dispersion", "wall_energy", "wall_force"):
        assert not getattr(contacts, name).any(), name
    assert (contacts.wall_cubic > 0.0).all()
    cutoffs = press_cutoffs(contacts)
    assert cutoffs.alpha == cutoffs.tail == cutoffs.higher == 0.0
    assert not cutoffs.constant.any()
    assert cutoffs.contact == contacts.wall.max()
    assert cutoffs.cutoff == cutoffs.ewald == 0.0
    # 0.2 GPa is 0.12 kJ/mol/Å³
    assert_allclose(cutoffs.pressure, 0.2 * 0.602214076, rtol=1e-12)


def test_pair_that_never_repels_has_the_smallest_sphere():
    one = np.ones((1, 1))
    weak = Pairs(one, 3.0 * one, 0 * one, 0 * one, 0 * one, 0 * one, 0 * one)
    assert contact_table(weak).wall.tolist() == [[0.5]]
