"""Relaxations end in minima of the energy, whatever they start from."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from csp.geometry import parameters_from_cell, volume
from csp.point_groups import axial, invariant_directions
from csp.potentials.exp6 import parameter_set
from csp.potentials.force_field import cell_energy, images_of
from csp.potentials.rigid_crystal import crystal_energy, expanded, tables_of
from csp.records import CrystalKey, FreePacking, Status
from csp.relaxation.minimisation import freedom_of
from csp.relaxation.rigid_body import (
    approach,
    crystal_of_bodies,
    force_field_model,
    press,
    refine,
)
from csp.relaxation.settings import RelaxationSettings
from csp.spacegroups import cartesian_rotations, space_group, strain_basis

SETTINGS = RelaxationSettings()
LIMIT = SETTINGS.largest_gradient_kj_per_mol_per_angstrom
PLACES = [(14, "e"), (14, "a"), (2, "i"), (19, "a"), (61, "a"), (15, "e"), (12, "i")]
PLACES += [(33, "a"), (1, "a")]
"""General positions, inversion centres, a two-fold axis and a mirror."""


def refined(packing, model, settings=SETTINGS):
    return refine(approach(packing, model, settings), model, settings)


def energy_at(packing, tables):
    """By a path of its own: energy and gradient of the cell."""
    group = space_group(packing.key.space_group)
    images = images_of(group, [group.site(packing.key.site)], packing.cell)
    return cell_energy(
        packing.cell,
        packing.centre[None],
        packing.rotation[None],
        images,
        tables.with_reach(images),
    )


def energy_per_molecule(packing, tables):
    n = space_group(packing.key.space_group).site(packing.key.site).multiplicity
    return energy_at(packing, tables).energy / n


def largest_gradient(packing, model, tables):
    """Along strains, moves and turns that the symmetry allows, kJ/mol/Å a molecule."""
    group = space_group(packing.key.space_group)
    site = group.site(packing.key.site)
    rotations = cartesian_rotations(group, packing.cell)[site.stabiliser]
    result = energy_at(packing, tables)
    per_strain = volume(packing.cell) ** (1.0 / 3.0) * site.multiplicity
    gyration = np.sqrt((model.molecule.sites**2).sum(axis=1).mean())
    parts = [
        np.tensordot(strain_basis(group.lattice), result.strain) / per_strain,
        invariant_directions(rotations) @ result.centres[0],
        invariant_directions(axial(rotations)) @ result.rotations[0] / gyration,
    ]
    return float(np.abs(np.concatenate(parts)).max())


@pytest.mark.parametrize(("number", "letter"), PLACES)
def test_relaxation_goes_down_to_a_point_without_gradient(
    model, packing_of, number, letter
):
    """With point charges to a loose limit, then with multipoles to the strict one."""
    n_converged = 0
    for draw in range(4):
        packing = packing_of(number, letter, draw)
        pressed = press(packing, model, SETTINGS)
        first = approach(packing, model, SETTINGS)
        end = refine(first, model, SETTINGS)
        for start, found, (_, tables), limit in (
            (pressed, first, model.charges, SETTINGS.first_gradient),
            (first.packing, end, model.full, LIMIT),
        ):
            energy = energy_per_molecule(found.packing, tables)
            assert_allclose(found.lattice_energy, energy, rtol=1e-9)
            assert energy < energy_per_molecule(start, tables)
            assert found.packing.key == packing.key
            assert found.draws == (str(packing.key),)
            assert found.lowest_curvature is None
            if found.status is Status.CONVERGED:
                # lengths are counted from the cell at the start, here from the end's
                assert largest_gradient(found.packing, model, tables) < 1.5 * limit
                assert found.largest_gradient < limit
                assert found.n_evaluations <= SETTINGS.n_evaluations
                # a bound crystal: oxalic acid sublimes at about 95 kJ/mol
                assert -130.0 < found.lattice_energy < -20.0
        n_converged += end.status is Status.CONVERGED
    assert n_converged >= 3


@pytest.mark.parametrize(("number", "letter"), PLACES)
def test_relaxation_keeps_the_symmetry(model, packing_of, number, letter):
    group = space_group(number)
    site = group.site(letter)
    end = refined(packing_of(number, letter, 5), model).packing
    fixed = (
        group.rotations[site.stabiliser] @ end.centre
        + group.translations[site.stabiliser]
        - end.centre
    )
    assert_allclose(fixed, np.rint(fixed), rtol=0, atol=1e-6)
    assert_allclose(end.rotation @ end.rotation.T, np.eye(3), rtol=0, atol=1e-9)
    cartesian = cartesian_rotations(group, end.cell)
    assert_allclose(
        cartesian @ np.swapaxes(cartesian, 1, 2),
        np.broadcast_to(np.eye(3), cartesian.shape),
        rtol=0,
        atol=1e-9,
    )
    # the molecule on its site, turned by the site's operations, is the same molecule
    sites = model.molecule.sites @ end.rotation.T
    for rotation in cartesian[site.stabiliser]:
        apart = np.linalg.norm((sites @ rotation.T)[:, None] - sites, axis=2)
        assert apart.min(axis=1).max() < 1e-4
    assert_allclose(np.triu(end.cell, k=1), 0.0, rtol=0, atol=1e-9)
    free = {"monoclinic": [4], "triclinic": [3, 4, 5]}.get(group.lattice, [])
    right = [k for k in (3, 4, 5) if k not in free]
    assert_allclose(parameters_from_cell(end.cell)[right], 90.0, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("number", "letter"), [(14, "a"), (61, "a"), (12, "i")])
def test_minimum_on_a_special_position_has_no_gradient_without_the_symmetry(
    model, packing_of, number, letter
):
    """The same crystal in P1, all molecules free: symmetry has no slope to offer."""
    end = refined(packing_of(number, letter, 1), model)
    assert end.status is Status.CONVERGED
    body, tables = model.full
    whole = expanded(crystal_of_bodies(end.packing, body))
    parameters = parameter_set(tables.settings.force_field)
    result = crystal_energy(whole, tables_of(whole.bodies, parameters, tables.settings))
    n = whole.n_molecules
    assert_allclose(result.energy / n, end.lattice_energy, rtol=1e-9)
    # of a molecule on its site to 1e-4 Å: force constants are below 1000 kJ/mol/Å²
    assert np.abs(result.centres).max() < 0.02
    assert np.abs(result.rotations).max() < 0.05
    per_length = n * volume(end.packing.cell) ** (1.0 / 3.0)
    lower = np.tril(result.strain) / per_length
    assert np.abs(lower).max() < 0.02


@pytest.mark.parametrize(
    ("number", "letter", "counts"),
    [
        (14, "e", (4, 3, 3)),
        (14, "a", (4, 0, 3)),
        (1, "a", (6, 3, 3)),
        (61, "a", (3, 0, 3)),
        (15, "e", (4, 1, 1)),
        (12, "i", (4, 2, 1)),
        (12, "a", (4, 0, 1)),
        (198, "a", (1, 1, 1)),
    ],
)
def test_directions_of_freedom_are_those_of_the_site(
    model, packing_of, number, letter, counts
):
    """Strains of the lattice; moves and turns of 1, -1, 2, m, 2/m and 3."""
    # drawn on the general position: the molecule need not have the site's symmetry
    general = packing_of(number, space_group(number).sites[-1].letter, 0)
    packing = replace(general, key=CrystalKey(number, letter, 0))
    freedom = freedom_of(crystal_of_bodies(packing, model.charges[0]))
    rows = (freedom.strains, freedom.translations, freedom.rotations)
    assert tuple(len(directions) for directions in rows) == counts


def test_press_leaves_no_overlaps(model, packing_of):
    """From 0.6 of the volume of a crystal, five draws on each of eight positions."""
    raw = [
        packing_of(number, letter, draw, volume_factors=(0.6, 0.6))
        for number, letter in PLACES
        if (number, letter) != (12, "i")
        for draw in range(5)
    ]
    pressed = [press(packing, model, SETTINGS) for packing in raw]

    def n_overlaps(packings):
        tables = model.charges[1]
        return sum(energy_at(item, tables).terms["wall"] != 0.0 for item in packings)

    assert n_overlaps(raw) >= 10
    assert n_overlaps(pressed) <= 2
    # spheres stiff enough to stand the pressure: near what binds a crystal
    energies = [energy_per_molecule(item, model.charges[1]) for item in pressed]
    assert np.median(energies) < 150.0


def test_relaxations_are_the_same_bit_for_bit_in_one_thread_and_in_four(
    model, packing_of
):
    packings = [packing_of(14, "e", draw) for draw in range(8)]

    def rows(n_threads):
        with ThreadPoolExecutor(n_threads) as pool:
            ends = pool.map(lambda item: refined(item, model), packings)
            return [end.to_row() for end in ends]

    alone = [refined(item, model).to_row() for item in packings]
    assert rows(1) == alone
    assert rows(4) == alone


@settings(max_examples=20)
@given(place=st.sampled_from(PLACES), draw=st.integers(0, 10_000))
def test_no_start_falls_into_the_hole_of_exp6(model, packing_of, place, draw):
    """From half the volume of a crystal, with the press and without."""
    packing = packing_of(*place, draw, volume_factors=(0.5, 0.5))
    for evaluations in (0, 60):
        tried = RelaxationSettings(press_evaluations=evaluations)
        first = approach(packing, model, tried)
        for end in (first, refine(first, model, tried)):
            assert np.isfinite(end.lattice_energy)
            assert np.isfinite(end.largest_gradient)
            # the best crystals are near −100 kJ/mol
            assert end.lattice_energy > -300.0
            if end.status is Status.CONVERGED:
                assert end.lattice_energy > -130.0


def test_relaxation_that_runs_out_of_evaluations_says_so(model, packing_of):
    few = RelaxationSettings(n_evaluations=10)
    first = approach(packing_of(14, "e", 0), model, few)
    assert first.status is Status.STEP_LIMIT
    assert first.n_evaluations == 10
    assert first.largest_gradient > SETTINGS.first_gradient
    # that is no reason not to go on
    assert refine(first, model, SETTINGS).status is Status.CONVERGED


def test_crystal_of_molecules_that_repel_falls_apart(model, packing_of):
    body, tables = model.charges
    pairs = tables.pairs._replace(dispersion=-tables.pairs.dispersion)
    repelling = replace(model, charges=(body, replace(tables, pairs=pairs)))
    end = approach(packing_of(14, "e", 0), repelling, SETTINGS)
    assert end.status is Status.FELL_APART
    # the volume at the last sound step
    assert volume(end.packing.cell) > 2.0 * volume(packing_of(14, "e", 0).cell)


def test_molecules_that_cannot_be_pushed_apart_are_an_overlap(model, packing_of):
    packing = packing_of(14, "e", 0)
    folded = replace(packing, cell=np.diag([0.6, 9.0, 12.0]))
    end = approach(folded, model, SETTINGS)
    assert end.status is Status.OVERLAP
    assert end.lattice_energy > 1000.0


def test_first_relaxation_starts_where_the_press_ends(model, packing_of):
    packing = packing_of(14, "e", 2, volume_factors=(0.6, 0.6))
    without_press = RelaxationSettings(press_evaluations=0)
    expected = approach(press(packing, model, SETTINGS), model, without_press)
    assert approach(packing, model, SETTINGS).to_row() == expected.to_row()
    assert approach(packing, model, without_press).to_row() != expected.to_row()


def test_press_of_no_evaluations_changes_nothing(model, packing_of):
    packing = packing_of(14, "e", 0)
    pressed = press(packing, model, RelaxationSettings(press_evaluations=0))
    assert_array_equal(pressed.cell, packing.cell)
    assert_array_equal(pressed.rotation, packing.rotation)
    assert_array_equal(pressed.centre, packing.centre)


def test_energy_of_the_conformer_is_part_of_the_lattice_energy(model, packing_of):
    strained = replace(model.molecule.conformer, relative_energy=7.5)
    molecule = replace(model.molecule, conformer=strained)
    other = replace(model, molecule=molecule)
    packing = packing_of(14, "e", 0)
    for relaxed in (
        lambda m: approach(packing, m, SETTINGS),
        lambda m: refined(packing, m),
    ):
        difference = relaxed(other).lattice_energy - relaxed(model).lattice_energy
        assert_allclose(difference, 7.5, rtol=1e-12)


def test_refinement_keeps_the_names_of_all_draws_that_ended_there(model, packing_of):
    first = approach(packing_of(14, "e", 0), model, SETTINGS)
    merged = replace(first, draws=("sg014-e-000000", "sg014-e-000007"))
    assert refine(merged, model, SETTINGS).draws == merged.draws


def test_refinement_of_what_has_no_symmetry_is_refused(model, packing_of):
    first = approach(packing_of(1, "a", 0), model, SETTINGS)
    packing = first.packing
    free = FreePacking(
        packing.key,
        packing.conformer,
        packing.cell,
        packing.centre[None],
        packing.rotation[None],
    )
    with pytest.raises(TypeError, match="without symmetry is refined already"):
        refine(replace(first, packing=free), model, SETTINGS)


def test_first_relaxation_ends_at_its_own_gradient(model, packing_of):
    packing = packing_of(14, "e", 0)
    ends = [
        approach(packing, model, RelaxationSettings(first_gradient=limit))
        for limit in (0.5, 0.005)
    ]
    assert [end.status for end in ends] == [Status.CONVERGED] * 2
    assert ends[0].n_evaluations < ends[1].n_evaluations
    assert ends[1].largest_gradient < 0.005 < ends[0].largest_gradient < 0.5


def test_first_relaxation_has_point_charges_and_short_sums(model):
    potential = model.full[1].settings
    wide = potential.model_copy(update={"cutoff": 14.0, "ewald_cutoff": 6.0})
    other = force_field_model(model.molecule, wide, RelaxationSettings())
    body, tables = other.charges
    assert (body.rank, other.full[0].rank) == (0, 4)
    # the first relaxation's own cutoff is 9 Å; a shorter one of the settings holds
    assert (tables.settings.cutoff, tables.settings.ewald_cutoff) == (9.0, 6.0)
    assert other.full[1].settings == wide
    plain = wide.model_copy(update={"electrostatics": "charges"})
    charged = force_field_model(model.molecule, plain, RelaxationSettings())
    assert charged.full[0].rank == 0
    assert_array_equal(charged.full[0].charges, model.molecule.charges)
