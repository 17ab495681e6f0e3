"""The Hessian, what is read from it, and what becomes of saddle points."""

from dataclasses import replace
from functools import cache
from itertools import combinations, product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from csp.geometry import volume
from csp.potentials.exp6 import parameter_set
from csp.potentials.rigid_crystal import (
    crystal_energy,
    expanded,
    orthogonal_rotations,
    rigid_crystal,
    tables_of,
)
from csp.records import Status
from csp.relaxation.minimisation import minimised
from csp.relaxation.moves import carried, overlap_of, turned_move
from csp.relaxation.rigid_body import (
    approach,
    crystal_of_bodies,
    refine,
    settle,
    settle_all_ways,
)
from csp.relaxation.settings import RelaxationSettings
from csp.relaxation.stability import stability
from csp.relaxation.ways_down import distinct_ways, ways_down
from csp.spacegroups import Operations
from csp.units import KJ_PER_MOL_PER_GPA_ANGSTROM3

SETTINGS = RelaxationSettings()
TIGHT = RelaxationSettings(
    largest_gradient_kj_per_mol_per_angstrom=5e-5, n_evaluations=2000
)
MINIMA = [("1", 14, "a", 2), ("1", 61, "a", 1), ("2", 19, "a", 1), ("4", 2, "i", 0)]
SADDLES = [
    ("1", 15, "e", 1),
    ("3", 61, "a", 1),
    ("4", 15, "e", 1),
    ("3", 19, "a", 2),
    ("4", 14, "e", 2),
]
"""Conformer, space group, Wyckoff letter, draw: found by trying, see the tests."""


@pytest.fixture(scope="session")
def refined(models, packing_of):
    """The end of a refinement within the symmetry, with its model."""

    @cache
    def make(label, number, letter, draw):
        model = models(label)
        packing = packing_of(number, letter, draw, model=model)
        first = approach(packing, model, SETTINGS)
        return refine(first, model, SETTINGS), model

    return make


@pytest.fixture(scope="session")
def precise(refined):
    """A minimum within the symmetry, with Ewald sums whose ends make no noise.

    At the usual accuracy, 1e-7, a pair of charges that crosses the cutoff during a
    difference changes a force constant by 0.01 kJ/mol/Å².
    """

    def make(*case):
        start, model = refined(*case)
        bodies, tables = model.full.bodies, model.full.tables
        exact = tables.settings.model_copy(update={"ewald_accuracy": 1e-13})
        tables = replace(tables, settings=exact)
        end = minimised(crystal_of_bodies(start.packing, bodies), tables, TIGHT)
        assert end.status is Status.CONVERGED
        return end.crystal, tables

    return make


def without_symmetry(crystal, tables):
    """All molecules of the cell, and tables made from these bodies alone."""
    whole = expanded(crystal)
    parameters = parameter_set(tables.settings.force_field)
    return whole, tables_of(whole.bodies, parameters, tables.settings)


def radii(crystal):
    return np.array(
        [np.sqrt(np.mean(np.sum(body.sites**2, axis=1))) for body in crystal.bodies]
    )


def turned(vector, rotation):
    """By a rotation vector: the exponential series of its cross product."""
    x, y, z = vector
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    out, term = np.eye(3), np.eye(3)
    for k in range(1, 20):
        term = term @ cross / k
        out = out + term
    return out @ rotation


VOIGT = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]


def strain_of(components):
    """Symmetric strain of orthonormal components in Voigt's order."""
    strain = np.zeros((3, 3))
    for value, (i, j) in zip(components, VOIGT, strict=True):
        strain[i, j] += value * (1.0 if i == j else np.sqrt(0.5))
        if i != j:
            strain[j, i] += value * np.sqrt(0.5)
    return strain


def at(whole, vector):
    """All molecules moved: shifts, turns (Å at the radius), strains (Å at V^⅓)."""
    n = whole.n_molecules
    size = np.cbrt(volume(whole.cell))
    cell = whole.cell @ (np.eye(3) + strain_of(vector[6 * n :] / size))
    shifts = vector[: 3 * n].reshape(n, 3) @ np.linalg.inv(cell)
    turns = vector[3 * n : 6 * n].reshape(n, 3) / radii(whole)[:, None]
    rotations = [
        turned(turn, rotation)
        for turn, rotation in zip(turns, whole.rotations, strict=True)
    ]
    return whole.at(cell, whole.centres + shifts, np.array(rotations))


def gradient_at(whole, tables, vector):
    found = crystal_energy(at(whole, vector), tables)
    size = np.cbrt(volume(whole.cell))
    strain = np.array(
        [
            found.strain[i, j]
            if i == j
            else (found.strain + found.strain.T)[i, j] / 2**0.5
            for i, j in VOIGT
        ]
    )
    turns = found.rotations / radii(whole)[:, None]
    return np.concatenate([found.centres.ravel(), turns.ravel(), strain / size])


def brute_force_hessian(whole, tables):
    """Every coordinate displaced, every gradient component taken."""
    size = 6 * whole.n_molecules + 6
    step = 2e-3
    rows = [
        gradient_at(whole, tables, step * unit)
        - gradient_at(whole, tables, -step * unit)
        for unit in np.eye(size)
    ]
    hessian = np.array(rows) / (2.0 * step)
    # turns do not commute: half of the torque is in the difference of rows and columns
    return 0.5 * (hessian + hessian.T)


CASES = [("1", 14, "a", 2), ("2", 19, "a", 1), ("1", 15, "e", 1), ("2", 2, "i", 0)]


@pytest.mark.parametrize("case", CASES)
def test_hessian_put_together_with_symmetry_is_that_of_all_molecules(precise, case):
    """General positions, inversion centres, an axis; proper and improper operations."""
    crystal, tables = precise(*case)
    found = stability(crystal, tables)
    expected = brute_force_hessian(*without_symmetry(crystal, tables))
    scale = np.abs(expected).max()
    # third derivatives make 1e-6 of a force constant over the step, squared
    assert_allclose(found.hessian, expected, rtol=0, atol=1e-5 * scale)
    n = crystal.n_molecules
    values = np.linalg.eigvalsh(expected) / n
    # three moves of the whole crystal cost nothing; all others are reported
    whole = np.zeros((6 * n + 6, 3))
    for k in range(3):
        whole[k : 3 * n : 3, k] = 1.0
    assert np.abs(expected @ whole).max() < 1e-5 * scale
    others = np.delete(values, np.argsort(np.abs(values))[:3])
    assert_allclose(found.curvatures, others, rtol=0, atol=1e-5 * scale / n)


def test_elastic_constants_are_those_of_the_relaxed_energy_under_strain(precise):
    """C_ij = d²E_min/dε_i dε_j / V at fixed cell, molecules free."""
    crystal, tables = precise("1", 2, "i", 0)
    found = stability(crystal, tables).elastic_constants()
    identity = Operations(np.eye(3)[None], np.zeros((1, 3)))
    whole, sums = without_symmetry(crystal, tables)

    def lowest(strain):
        moved = rigid_crystal(
            whole.bodies,
            whole.cell @ (np.eye(3) + strain),
            whole.centres,
            whole.rotations,
            identity,
        )
        fixed = replace(moved, strains=np.zeros((0, 3, 3)))
        end = minimised(fixed, sums, TIGHT)
        assert end.status is Status.CONVERGED
        return end.energy

    step = 2e-3

    def engineering(i, value):
        row, column = VOIGT[i]
        strain = np.zeros((3, 3))
        strain[row, column] += 0.5 * value
        strain[column, row] += 0.5 * value
        return strain

    volume_factor = volume(whole.cell) * KJ_PER_MOL_PER_GPA_ANGSTROM3
    middle = lowest(np.zeros((3, 3)))
    for i, j in (
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 4),
        (5, 5),
        (0, 1),
        (1, 2),
        (2, 4),
    ):
        if i == j:
            ends = [lowest(engineering(i, sign * step)) for sign in (1, -1)]
            second = (sum(ends) - 2.0 * middle) / step**2
        else:
            corners = [
                signs[0]
                * signs[1]
                * lowest(
                    engineering(i, signs[0] * step) + engineering(j, signs[1] * step)
                )
                for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1))
            ]
            second = sum(corners) / (4.0 * step**2)
        expected = second / volume_factor
        # fourth derivatives over the step, and gradients left at the minima
        assert_allclose(found[i, j], expected, rtol=2e-3, atol=0.02)
    assert_allclose(found, found.T, rtol=0, atol=1e-9 * np.abs(found).max())


@pytest.mark.parametrize("case", SADDLES)
def test_saddle_point_is_left_downhill_to_a_true_minimum(refined, case):
    start, model = refined(*case)
    start = replace(start, draws=("sg001-a-000000", *start.draws))
    (body,), tables = model.full.bodies, model.full.tables
    before = stability(crystal_of_bodies(start.packing, [body]), tables)
    assert start.status is Status.CONVERGED
    assert not before.is_minimum
    end = settle(start, model, SETTINGS)
    assert end.status is Status.CONVERGED
    assert end.packing.has_left_symmetry
    assert end.packing.key == start.packing.key
    assert end.draws == start.draws
    assert end.n_evaluations > start.n_evaluations
    assert end.lattice_energy < start.lattice_energy - 1e-3
    # by a path of its own: all molecules in P1
    packing = end.packing
    bodies, rotations = [], []
    for rotation in packing.rotations:
        is_improper = np.linalg.det(rotation) < 0.0
        bodies.append(mirrored(body) if is_improper else body)
        rotations.append(-rotation if is_improper else rotation)
    identity = Operations(np.eye(3)[None], np.zeros((1, 3)))
    whole = rigid_crystal(
        bodies, packing.cell, packing.centres, np.array(rotations), identity
    )
    parameters = parameter_set(tables.settings.force_field)
    sums = tables_of(bodies, parameters, tables.settings)
    result = crystal_energy(whole, sums)
    (molecule,) = model.unit.molecules.values()
    gas_energy = molecule.conformer.relative_energy
    energy = result.energy / len(bodies) + gas_energy
    assert_allclose(end.lattice_energy, energy, rtol=1e-9)
    after = np.linalg.eigvalsh(brute_force_hessian(whole, sums)) / len(bodies)
    assert after[0] > -0.05
    assert_allclose(np.sort(np.abs(after))[:3], 0.0, rtol=0, atol=0.01)
    others = np.delete(after, np.argsort(np.abs(after))[:3])
    assert_allclose(end.lowest_curvature, others[0], rtol=0, atol=0.01)
    slopes = gradient_at(whole, sums, np.zeros(6 * len(bodies) + 6)) / len(bodies)
    assert np.abs(slopes).max() < 5.0 * end.largest_gradient


def mirrored(body):
    """Inverted at the centre of mass: odd ranks change sign."""
    odd = np.repeat([False, True, False, True, False], [1, 3, 5, 7, 9])
    moments = np.where(odd, -body.moments, body.moments)
    return replace(body, sites=-body.sites, moments=moments)


@pytest.mark.parametrize("case", SADDLES[:3])
def test_energy_falls_along_the_way_down_as_the_curvature_says(precise, case):
    """E(s) − E(0) = n κ s²/2, both ways, by energies in P1 alone."""
    crystal, tables = precise(*case)
    found = stability(crystal, tables)
    whole, sums = without_symmetry(crystal, tables)
    move = found.downhill[0][0]
    n = whole.n_molecules
    size = np.cbrt(volume(whole.cell))
    length = np.sum(move.shifts**2) + np.sum((radii(whole)[:, None] * move.turns) ** 2)
    assert_allclose(length + np.sum((size * move.strain) ** 2), 1.0, rtol=1e-9)
    here = crystal_energy(whole, sums).energy
    step = 0.01
    changes = [
        crystal_energy(move.applied(whole, sign * step), sums).energy - here
        for sign in (1.0, -1.0)
    ]
    # the way is none that the symmetry allows, so both ends are lower
    assert max(changes) < 0.0
    assert found.curvatures[0] < -0.05
    # quartic terms: (0.01 Å)² of the width of a double well, some 0.1 Å
    assert_allclose(sum(changes) / step**2 / n, found.curvatures[0], rtol=0.02)


@pytest.mark.parametrize("case", MINIMA)
def test_true_minimum_is_returned_with_its_curvature_and_nothing_else(refined, case):
    start, model = refined(*case)
    start = replace(start, draws=("sg001-a-000000", *start.draws))
    end = settle(start, model, SETTINGS)
    assert not end.packing.has_left_symmetry
    assert end.packing is start.packing
    assert end.lowest_curvature > 0.0
    assert replace(end, lowest_curvature=None).to_row() == start.to_row()


def test_settled_packings_stay_settled(refined):
    start, model = refined(*SADDLES[0])
    end = settle(start, model, SETTINGS)
    again = settle(end, model, SETTINGS)
    assert again.packing is end.packing
    assert again.lattice_energy == end.lattice_energy
    assert_allclose(again.lowest_curvature, end.lowest_curvature, rtol=0, atol=0.01)


def test_what_did_not_converge_is_left_alone(refined):
    start, model = refined(*SADDLES[0])
    unfinished = replace(start, status=Status.STEP_LIMIT)
    end = settle(unfinished, model, SETTINGS)
    assert end.status is Status.STEP_LIMIT
    assert end.packing is start.packing
    assert end.lattice_energy == start.lattice_energy


def test_packing_settled_alone_and_after_others_is_the_same_bit_for_bit(refined):
    start, model = refined(*SADDLES[0])
    first, second = (settle(start, model, SETTINGS) for _ in range(2))
    assert first.to_row() == second.to_row()
    assert_array_equal(first.packing.cell, second.packing.cell)


@pytest.mark.parametrize("n_curvatures", [1, 2])
@pytest.mark.parametrize("case", SADDLES)
def test_ways_down_fall_as_their_curvatures_say_and_none_is_there_twice(
    precise, case, n_curvatures
):
    crystal, tables = precise(*case)
    found = stability(crystal, tables)
    whole, sums = without_symmetry(crystal, tables)
    ways = list(ways_down(crystal, found, n_curvatures))
    n_modes = int(np.sum(found.curvatures <= -0.05))
    assert n_modes == sum(map(len, found.downhill))
    n_kinds = len(found.downhill)
    least = {1: n_modes, 2: n_kinds * (n_kinds - 1) // 2}
    assert len(ways) >= least[n_curvatures]
    means = np.mean(list(combinations(found.curvatures, n_curvatures)), axis=1)
    here = crystal_energy(whole, sums).energy
    step = 0.01
    for way in ways:
        assert_allclose(overlap_of(way, way, whole), 1.0, rtol=1e-6)
        changes = [
            crystal_energy(way.applied(whole, sign * step), sums).energy - here
            for sign in (1.0, -1.0)
        ]
        second = sum(changes) / step**2 / whole.n_molecules
        # that of the modes of one curvature, the mean of two
        nearest = means[np.argmin(np.abs(means - second))]
        assert second < 0.0
        assert_allclose(second, nearest, rtol=0.05, atol=0.02)
    operations = crystal.operations
    matrices = orthogonal_rotations(operations, crystal.cell)
    for (number, way), (rotation, translation, matrix) in product(
        enumerate(ways), zip(*operations, matrices, strict=True)
    ):
        source = carried(whole, rotation, translation)
        image = turned_move(way, source, matrix)
        others = [*ways[:number], *ways[number + 1 :]]
        assert all(overlap_of(image, other, whole) < 0.999 for other in others)


def test_two_modes_that_a_square_turns_into_each_other_have_three_ways_down():
    """4mm on (x, y): along an axis, along a diagonal, and neither; not eight."""
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    mirror = np.diag([1.0, -1.0])
    turns = [np.linalg.matrix_power(quarter, k) for k in range(4)]
    group = np.array([*turns, *(turn @ mirror for turn in turns)])
    ways = distinct_ways(group)
    angles = sorted(float(np.degrees(np.arctan2(*sorted(np.abs(way))))) for way in ways)
    assert len(ways) == 3
    assert_allclose(angles[0], 0.0, atol=1e-6)
    assert_allclose(angles[2], 45.0, atol=1e-6)
    assert 5.0 < angles[1] < 40.0


@pytest.mark.parametrize(("image", "number"), [(-1.0, 1), (1.0, 2)])
def test_a_single_mode_has_two_ways_unless_symmetry_inverts_it(image, number):
    assert len(distinct_ways(np.array([[[1.0]], [[image]]]))) == number


@pytest.mark.parametrize("case", SADDLES)
def test_all_ways_down_end_in_other_true_minima(refined, case):
    start, model = refined(*case)
    start = replace(start, draws=("sg001-a-000000", *start.draws))
    ends = settle_all_ways(start, model, SETTINGS)
    steepest = settle(start, model, SETTINGS)
    assert ends[0].to_row() == steepest.to_row()
    assert len({end.name for end in ends}) == len(ends)
    draws = [draw for end in ends for draw in end.draws]
    assert len(set(draws)) == len(draws) == len(ends) * len(start.draws)
    for way, end in enumerate(ends[1:], start=1):
        assert end.packing.key == replace(start.packing.key, way=way)
        assert end.packing.has_left_symmetry
        assert end.status is Status.CONVERGED
        assert end.lattice_energy < start.lattice_energy - 1e-3
        assert end.lowest_curvature > -0.05
        # a minimum when it is written out and looked at anew
        again = settle(end, model, SETTINGS)
        assert again.packing is end.packing
        assert again.lattice_energy == end.lattice_energy
    energies = sorted(end.lattice_energy for end in ends)
    assert np.all(np.diff(energies) > 5e-4)
    rows = [end.to_row() for end in ends]
    assert [
        type(end).from_row(row).to_row() for end, row in zip(ends, rows, strict=True)
    ] == rows
    assert [end.to_row() for end in settle_all_ways(start, model, SETTINGS)] == rows


def test_a_minimum_has_no_way_down(refined):
    start, model = refined(*MINIMA[0])
    (end,) = settle_all_ways(start, model, SETTINGS)
    assert end.packing is start.packing
    found = stability(
        crystal_of_bodies(start.packing, model.full.bodies), model.full.tables
    )
    assert list(ways_down(found.crystal, found)) == []
