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
from csp.potentials.bodies import FormulaUnit
from csp.potentials.exp6 import parameter_set
from csp.potentials.force_field import cell_energy, images_of
from csp.potentials.rigid_crystal import (
    crystal_energy,
    expanded,
    rigid_crystal,
    tables_of,
)
from csp.potentials.solid_harmonics import powers_of
from csp.records import CrystalKey, Status
from csp.relaxation.minimisation import freedom_of
from csp.relaxation.rigid_body import (
    BodyModel,
    approach,
    crystal_of_bodies,
    force_field_model,
    press,
    refine,
    settle,
)
from csp.relaxation.settings import RelaxationSettings
from csp.spacegroups import (
    Operations,
    cartesian_rotations,
    space_group,
    strain_basis,
)

SETTINGS = RelaxationSettings()
LIMIT = SETTINGS.largest_gradient_kj_per_mol_per_angstrom
PLACES = [(14, "e"), (14, "a"), (2, "i"), (19, "a"), (61, "a"), (15, "e"), (12, "i")]
PLACES += [(33, "a"), (1, "a")]
"""General positions, inversion centres, a two-fold axis and a mirror."""


def refined(packing, model, settings=SETTINGS):
    return refine(approach(packing, model, settings), model, settings)


def molecule_of(model):
    """The one conformer of a model."""
    (molecule,) = model.unit.molecules.values()
    return molecule


def with_molecule(model, molecule):
    """The same model, its one conformer changed."""
    (component,) = model.unit.components
    unit = FormulaUnit((replace(component, molecules=(molecule,)),))
    return replace(model, unit=unit, made={})


def energy_at(packing, tables):
    """By a path of its own: energy and gradient of the cell."""
    group = space_group(packing.space_group)
    sites = [group.site(letter) for letter in packing.sites]
    images = images_of(group, sites, packing.cell)
    return cell_energy(
        packing.cell,
        packing.centres,
        packing.rotations,
        images,
        tables.with_reach(images),
    )


def energy_per_molecule(packing, tables):
    group = space_group(packing.space_group)
    n = sum(group.site(letter).multiplicity for letter in packing.sites)
    return energy_at(packing, tables).energy / n


def largest_gradient(packing, model, tables):
    """Along strains, moves and turns that the symmetry allows, kJ/mol/Å a molecule."""
    group = space_group(packing.space_group)
    site = group.site(packing.sites)
    rotations = cartesian_rotations(group, packing.cell)[site.stabiliser]
    result = energy_at(packing, tables)
    per_strain = volume(packing.cell) ** (1.0 / 3.0) * site.multiplicity
    gyration = np.sqrt((molecule_of(model).sites ** 2).sum(axis=1).mean())
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
        for start, found, tables, limit in (
            (pressed, first, model.charges.tables, SETTINGS.first_gradient),
            (first.packing, end, model.full.tables, LIMIT),
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
        group.rotations[site.stabiliser] @ end.centres[0]
        + group.translations[site.stabiliser]
        - end.centres[0]
    )
    assert_allclose(fixed, np.rint(fixed), rtol=0, atol=1e-6)
    (rotation,) = end.rotations
    assert_allclose(rotation @ rotation.T, np.eye(3), rtol=0, atol=1e-9)
    cartesian = cartesian_rotations(group, end.cell)
    assert_allclose(
        cartesian @ np.swapaxes(cartesian, 1, 2),
        np.broadcast_to(np.eye(3), cartesian.shape),
        rtol=0,
        atol=1e-9,
    )
    # the molecule on its site, turned by the site's operations, is the same molecule
    sites = molecule_of(model).sites @ rotation.T
    for turn in cartesian[site.stabiliser]:
        apart = np.linalg.norm((sites @ turn.T)[:, None] - sites, axis=2)
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
    bodies, tables = model.full.bodies, model.full.tables
    whole = expanded(crystal_of_bodies(end.packing, bodies))
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
    key = CrystalKey(number, letter, 0)
    packing = replace(general, key=key, sites=letter)
    freedom = freedom_of(crystal_of_bodies(packing, model.charges.bodies))
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
        tables = model.charges.tables
        return sum(energy_at(item, tables).terms["wall"] != 0.0 for item in packings)

    assert n_overlaps(raw) >= 10
    assert n_overlaps(pressed) <= 2
    # spheres stiff enough to stand the pressure: near what binds a crystal
    energies = [energy_per_molecule(item, model.charges.tables) for item in pressed]
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
    bodies, tables = model.charges.bodies, model.charges.tables
    pairs = tables.pairs._replace(dispersion=-tables.pairs.dispersion)
    charges = BodyModel(bodies, replace(tables, pairs=pairs))
    repelling = replace(model, charges=charges, made={})
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
    assert_array_equal(pressed.rotations, packing.rotations)
    assert_array_equal(pressed.centres, packing.centres)


def test_energy_of_the_conformer_is_part_of_the_lattice_energy(model, packing_of):
    molecule = molecule_of(model)
    strained = replace(molecule.conformer, relative_energy=7.5)
    other = with_molecule(model, replace(molecule, conformer=strained))
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
    potential = model.full.tables.settings
    wide = potential.model_copy(update={"cutoff": 14.0, "ewald_cutoff": 6.0})
    other = force_field_model(model.unit, wide, RelaxationSettings())
    (body,), tables = other.charges.bodies, other.charges.tables
    assert (body.rank, other.full.bodies[0].rank) == (0, 4)
    # the first relaxation's own cutoff is 9 Å; a shorter one of the settings holds
    assert (tables.settings.cutoff, tables.settings.ewald_cutoff) == (9.0, 6.0)
    assert other.full.tables.settings == wide
    plain = wide.model_copy(update={"electrostatics": "charges"})
    charged = force_field_model(model.unit, plain, RelaxationSettings())
    assert charged.full.bodies[0].rank == 0
    assert_array_equal(charged.full.bodies[0].charges, molecule_of(model).charges)


# --------------------------------------------------------------- several molecules

TOGETHER = [(14, "a.e"), (2, "i.ii"), (19, "a.aa"), (15, "e.ee")]


def turned_inside_out(body):
    """By the definition: odd ranks change sign."""
    odd = np.repeat([False, True, False, True, False], [1, 3, 5, 7, 9])
    return replace(
        body, sites=-body.sites, moments=np.where(odd, -body.moments, body.moments)
    )


def in_p1(packing, model, *, full=True):
    """Energy of a cell with all molecules written out by hand, tables of its own.

    The bodies, the force field's parameters and the operations are put together anew;
    no copy, mirror image or table of the model is used.
    """
    group = space_group(packing.space_group)
    cartesian = cartesian_rotations(group, packing.cell)
    own = model.full if full else model.charges
    bodies, centres, rotations, gas_energy, n = [], [], [], 0.0, 0
    for letter, label, centre, rotation in zip(
        packing.sites,
        packing.conformers,
        packing.centres,
        packing.rotations,
        strict=True,
    ):
        molecule = model.unit.molecules[label]
        body = molecule.with_multipoles() if full else molecule.with_charges()
        for image in group.site(letter).images:
            turn = cartesian[image] @ rotation
            is_improper = np.linalg.det(turn) < 0.0
            bodies.append(turned_inside_out(body) if is_improper else body)
            rotations.append(-turn if is_improper else turn)
            centres.append(group.rotations[image] @ centre + group.translations[image])
            gas_energy += molecule.conformer.relative_energy
            n += 1
    identity = Operations(np.eye(3)[None], np.zeros((1, 3)))
    whole = rigid_crystal(
        bodies, packing.cell, np.array(centres), np.array(rotations), identity
    )
    settings = own.tables.settings
    tables = tables_of(bodies, parameter_set(settings.force_field), settings)
    result = crystal_energy(whole, tables)
    return (result.energy + gas_energy) / (n / model.unit.n_molecules)


@pytest.mark.parametrize(("number", "sites"), TOGETHER)
def test_energy_of_two_kinds_is_that_of_all_molecules_written_out(
    dihydrate, packing_of, number, sites
):
    """Per formula unit: an acid and two waters, with what they cost in the gas."""
    n_converged = 0
    for draw in range(3):
        packing = packing_of(number, sites, draw, model=dihydrate)
        first = approach(packing, dihydrate, SETTINGS)
        expected = in_p1(first.packing, dihydrate, full=False)
        assert_allclose(first.lattice_energy, expected, rtol=1e-9)
        end = refine(first, dihydrate, SETTINGS)
        expected = in_p1(end.packing, dihydrate)
        assert_allclose(end.lattice_energy, expected, rtol=1e-9)
        assert end.packing.conformers == packing.conformers
        assert end.packing.sites == packing.sites
        n_converged += end.status is Status.CONVERGED
    assert n_converged >= 2


def test_gas_energies_count_for_each_molecule_of_the_formula_unit(
    dihydrate, packing_of
):
    """The waters' 2.5 kJ/mol twice; the second acid's own once, where it is."""
    unit = dihydrate.unit
    flat = tuple(
        replace(
            component,
            molecules=tuple(
                replace(m, conformer=replace(m.conformer, relative_energy=0.0))
                for m in component.molecules
            ),
        )
        for component in unit.components
    )
    without = replace(dihydrate, unit=FormulaUnit(flat), made={})
    labels = set()
    for draw in range(6):
        packing = packing_of(2, "i.ii", draw, model=dihydrate)
        energies = [
            approach(packing, model, SETTINGS).lattice_energy
            for model in (dihydrate, without)
        ]
        acid = unit.molecules[packing.conformers[0]].conformer.relative_energy
        assert_allclose(energies[0] - energies[1], acid + 2 * 2.5, rtol=0, atol=1e-9)
        labels.add(packing.conformers[0])
    assert labels == {"A1", "A2"}


def test_mirrored_molecules_have_the_energy_of_the_mirror_image(twisted, packing_of):
    """A crystal and its mirror image, every orientation turned inside out."""
    hands = set()
    for number, sites, draw in (
        (19, "aa", 0),
        (19, "aa", 1),
        (1, "aa", 0),
        (1, "aa", 1),
    ):
        packing = packing_of(number, sites, draw, model=twisted)
        signs = np.sign(np.linalg.det(packing.rotations))
        hands.add(tuple(signs))
        image = replace(packing, centres=-packing.centres, rotations=-packing.rotations)
        ends = []
        for each in (packing, image):
            end = approach(each, twisted, SETTINGS)
            written = in_p1(end.packing, twisted, full=False)
            assert_allclose(end.lattice_energy, written, rtol=1e-9)
            end = refine(end, twisted, SETTINGS)
            written = in_p1(end.packing, twisted)
            assert_allclose(end.lattice_energy, written, rtol=1e-9)
            ends.append(end)
        after = [np.sign(np.linalg.det(end.packing.rotations)) for end in ends]
        assert_array_equal(after, [signs, -signs])
        # turned inside out once more, the image has the energy of the crystal
        back = replace(
            ends[1].packing,
            centres=-ends[1].packing.centres,
            rotations=-ends[1].packing.rotations,
        )
        assert_allclose(in_p1(back, twisted), ends[1].lattice_energy, rtol=1e-9)
    assert len(hands) > 1


def test_a_molecule_and_its_mirror_image_make_a_centre_of_inversion(
    twisted, packing_of
):
    """P1 with a molecule and its inverse is P-1 with one: the same energy."""
    packing = packing_of(2, "i", 0, model=twisted)
    pair = replace(
        packing,
        space_group=1,
        sites="aa",
        conformers=packing.conformers * 2,
        centres=np.vstack([packing.centres, -packing.centres]),
        rotations=np.concatenate([packing.rotations, -packing.rotations]),
    )
    first, second = (approach(each, twisted, SETTINGS) for each in (packing, pair))
    assert_allclose(in_p1(packing, twisted), in_p1(pair, twisted), rtol=1e-9)
    assert_allclose(second.lattice_energy, first.lattice_energy, rtol=0, atol=0.5)
    alike = replace(pair, rotations=np.concatenate([packing.rotations] * 2))
    assert abs(in_p1(alike, twisted) - in_p1(pair, twisted)) > 1e-3


@pytest.mark.parametrize(("number", "sites"), TOGETHER)
def test_two_kinds_are_settled_with_the_right_conformers_and_hands(
    dihydrate, packing_of, number, sites
):
    """Whether or not it was a saddle point: the energy is that of what is kept."""
    for draw in range(2):
        packing = packing_of(number, sites, draw, model=dihydrate)
        start = refine(approach(packing, dihydrate, SETTINGS), dihydrate, SETTINGS)
        end = settle(start, dihydrate, SETTINGS)
        assert_allclose(end.lattice_energy, in_p1(end.packing, dihydrate), rtol=1e-9)
        if end.packing.has_left_symmetry:
            group = space_group(number)
            copies = [group.site(x).multiplicity for x in packing.sites]
            labels = np.repeat(packing.conformers, copies).tolist()
            assert sorted(end.packing.conformers) == sorted(labels)
            assert end.lattice_energy < start.lattice_energy
        else:
            assert end.packing is start.packing


def test_what_left_its_symmetry_is_refined_and_settled_like_any_other(
    models, packing_of
):
    model = models("3")
    packing = packing_of(61, "a", 1, model=model)
    start = refine(approach(packing, model, SETTINGS), model, SETTINGS)
    left = settle(start, model, SETTINGS)
    assert left.packing.has_left_symmetry
    again = refine(left, model, SETTINGS)
    assert again.status is Status.CONVERGED
    assert_allclose(again.lattice_energy, left.lattice_energy, rtol=0, atol=1e-4)
    assert again.packing.has_left_symmetry
    assert again.packing.key == packing.key


def test_models_of_an_asymmetric_unit_are_made_once(dihydrate, packing_of):
    packing = packing_of(14, "a.e", 0, model=dihydrate)
    model = replace(dihydrate, made={})
    assert model.of(packing) is model.of(packing)
    assert len(model.made) == 1
    other = replace(packing, rotations=-packing.rotations)
    mirrored = model.of(other)
    assert mirrored is not model.of(packing)
    for body, image in zip(
        model.of(packing).full.bodies, mirrored.full.bodies, strict=True
    ):
        assert_array_equal(image.sites, -body.sites)
        assert_array_equal(image.moments, body.moments * powers_of(-1.0))


def test_the_crystal_of_two_kinds_is_theirs(dihydrate, packing_of):
    """The contents of the model and the atoms of the cell are in one order."""
    packing = packing_of(14, "e.ee", 0, model=dihydrate)
    content = dihydrate.of(packing)
    types = [body.types for body in content.full.bodies]
    molecules = dihydrate.unit.molecules
    assert types == [molecules[label].types for label in packing.conformers]
    assert [len(own) for own in types] == [8, 3, 3]
    assert crystal_of_bodies(packing, content.full.bodies).n_molecules == 12
