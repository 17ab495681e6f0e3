"""Tables of sites and pairs, the molecules of a cell, and how far the sums go."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.special import erfc

from csp.conformers.monomers_file import read_monomers
from csp.potentials.bodies import Body, rigid_molecule
from csp.potentials.exp6 import ForceFieldName, parameter_set
from csp.potentials.force_field import (
    cutoffs_for,
    images_of,
    pair_table,
    site_table,
)
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import operators
from csp.potentials.walls import wall_of
from csp.spacegroups import space_group

OXALIC_ACID = Path(__file__).parents[3] / "data" / "oxalic_acid" / "monomers.json"
CONFORMERS = {item.label: item for item in read_monomers(OXALIC_ACID).conformers}
CELL = np.diag([6.0, 7.0, 8.0])


def body_of(label):
    return rigid_molecule(CONFORMERS[label], PotentialSettings()).with_multipoles()


def test_tables_hold_every_site_of_every_body_once():
    first, second = body_of("1"), body_of("2")
    sites = site_table([first, second])
    assert sites.start.tolist() == [0, 8, 16]
    assert_array_equal(sites.offsets, np.vstack([first.sites, second.sites]))
    assert_array_equal(
        sites.operators, operators(np.vstack([first.moments, second.moments]))
    )
    charges = np.concatenate([first.charges, second.charges])
    assert_array_equal(sites.operators[:, 0], charges)
    assert_allclose(
        sites.radius,
        [np.linalg.norm(item.sites, axis=1).max() for item in (first, second)],
        rtol=1e-15,
    )
    parameters = parameter_set(ForceFieldName.REVISED_W99)
    pairs = pair_table([first, second], parameters)
    *tables, dipolar, quadrupolar = pairs
    assert dipolar.size == quadrupolar.size == 0  # nothing depends on directions
    for table in tables:
        assert table.shape == (16, 16)
        assert_array_equal(table, table.T)
    i, j = 6, 10  # a hydrogen of the first body with an oxygen of the second
    exp6 = parameters.pair(first.types[i], second.types[j - 8])
    wall = wall_of(exp6, float(charges[i] * charges[j]))
    assert [float(table[i, j]) for table in tables] == [*exp6, *wall]


@pytest.mark.parametrize("ranks", [(0, 0), (0, 1), (1, 0), (4, 2), (3, 3)])
def test_rank_of_the_sums_is_the_highest_of_any_body(ranks):
    bodies = [
        body_of(label).up_to(rank) for label, rank in zip("12", ranks, strict=True)
    ]
    assert [body.rank for body in bodies] == list(ranks)
    assert site_table(bodies).rank == max(ranks)


def test_images_are_the_site_under_each_of_its_operations():
    group = space_group(14)
    sites = [group.site("a"), group.site("e")]
    images = images_of(group, sites, CELL)
    assert images.body.tolist() == [0, 0, 1, 1, 1, 1]
    assert images.first.tolist() == [0, 2]
    assert images.copies.tolist() == [2, 4]
    for body, site in enumerate(sites):
        own = images.body == body
        assert_array_equal(images.rotation[own], group.rotations[site.images])
        assert_array_equal(images.translation[own], group.translations[site.images])


@pytest.mark.parametrize(("cutoff", "width"), [(12.0, 2.0), (8.0, 0.5), (15.0, 5.0)])
def test_tail_is_the_dispersion_that_the_switch_leaves_out(cutoff, width):
    body = body_of("1")
    settings = PotentialSettings(cutoff=cutoff, switch_width=width)
    sites = site_table([body])
    pairs = pair_table([body], parameter_set(settings.force_field))
    group = space_group(14)
    images = images_of(group, [group.site("a")], CELL)

    def left_out(r):
        x = (r - cutoff + width) / width
        switched_off = 10.0 * x**3 - 15.0 * x**4 + 6.0 * x**5 if r < cutoff else 1.0
        return switched_off * 4.0 * np.pi / r**4

    integral = quad(left_out, cutoff - width, cutoff, epsabs=1e-14, epsrel=1e-12)[0]
    integral += quad(left_out, cutoff, np.inf, epsabs=1e-14, epsrel=1e-12)[0]
    # two molecules a cell, every pair of sites, counted once
    expected = 0.5 * 4.0 * pairs.dispersion.sum() * integral
    found = cutoffs_for(sites, pairs, images, settings)
    assert_allclose(found.tail, expected, rtol=1e-9)
    assert (found.switch_on, found.cutoff) == (cutoff - width, cutoff)


def test_molecule_without_moments_needs_no_ewald_sum():
    body = body_of("1")
    empty = Body(body.types, body.sites, np.zeros_like(body.moments))
    pairs = pair_table([body], parameter_set(ForceFieldName.REVISED_W99))
    images = images_of(space_group(1), space_group(1).sites, CELL)
    for molecule, is_needed in ((body, True), (body.up_to(0), True), (empty, False)):
        sites = site_table([molecule])
        cutoffs = cutoffs_for(sites, pairs, images, PotentialSettings())
        assert (cutoffs.alpha > 0.0) is is_needed


def test_ewald_sums_end_where_their_terms_have_fallen_to_the_accuracy():
    settings = PotentialSettings(ewald_cutoff=9.0, ewald_accuracy=1e-8)
    body = body_of("1")
    pairs = pair_table([body], parameter_set(settings.force_field))
    images = images_of(space_group(1), space_group(1).sites, CELL)
    found = cutoffs_for(site_table([body]), pairs, images, settings)
    assert_allclose(erfc(found.alpha * found.ewald), 1e-8, rtol=1e-9)
    damping = np.exp(-((found.reciprocal / found.alpha) ** 2) / 4.0)
    assert_allclose(damping, 1e-8, rtol=1e-9)
    assert found.ewald == 9.0
    assert (found.higher_on, found.higher) == (12.0, 16.0)
