"""Cells, rotations and overlays, against SciPy and against planted answers."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from csp.geometry import (
    cell_from_parameters,
    centre_of,
    cosines,
    overlay,
    parameters_from_cell,
    quaternion_from_uniform,
    rotation_from_quaternion,
    rotation_from_vector,
    volume,
)

LENGTHS = st.tuples(*[st.floats(2.0, 50.0)] * 3)
ANGLES = st.tuples(*[st.floats(35.0, 145.0)] * 3)
UNIT = st.floats(0.0, 1.0, exclude_max=True)
SEEDS = st.integers(0, 2**32 - 1)


def flatness(angles):
    cos = np.cos(np.radians(angles))
    return 1.0 - cos @ cos + 2.0 * cos.prod()


@given(lengths=LENGTHS, angles=ANGLES)
def test_cell_has_its_parameters_volume_and_orientation(lengths, angles):
    # a flatter cell loses its angles to rounding
    assume(flatness(angles) > 0.01)
    parameters = np.array([*lengths, *angles])
    cell = cell_from_parameters(parameters)
    assert_allclose(parameters_from_cell(cell), parameters, rtol=1e-9, atol=0)
    assert cell[0, 1] == cell[0, 2] == cell[1, 2] == 0.0
    assert (np.diag(cell) > 0.0).all()
    expected = np.prod(lengths) * np.sqrt(flatness(angles))
    assert_allclose(volume(cell), expected, rtol=1e-9)
    assert_allclose(volume(cell[[1, 0, 2]]), expected, rtol=1e-9)


def test_right_angles_are_exact():
    assert cosines(np.array([90.0, 60.0])).tolist()[0] == 0.0
    cell = cell_from_parameters(np.array([3.0, 4.0, 5.0, 90.0, 90.0, 90.0]))
    assert (cell == np.diag([3.0, 4.0, 5.0])).all()


@given(st.tuples(*[st.floats(-7.0, 7.0)] * 3))
def test_rotation_of_a_vector_is_scipys(vector):
    assert_allclose(
        rotation_from_vector(np.array(vector)),
        Rotation.from_rotvec(vector).as_matrix(),
        rtol=0,
        atol=1e-14,
    )


@given(st.tuples(UNIT, UNIT, UNIT))
def test_quaternion_of_any_point_is_the_rotation_scipy_makes_of_it(uniform):
    quaternion = quaternion_from_uniform(np.array(uniform))
    assert_allclose(np.linalg.norm(quaternion), 1.0, rtol=1e-14)
    assert_allclose(
        rotation_from_quaternion(quaternion),
        Rotation.from_quat(np.roll(quaternion, -1)).as_matrix(),
        rtol=0,
        atol=1e-14,
    )


def test_uniform_points_give_uniform_rotations():
    """⟨D_ij D_kl⟩ = δ_ik δ_jl / 3, and the angle's density is (1 − cos θ)/π."""
    n = 16
    ticks = (np.arange(n) + 0.5) / n
    grid = np.stack(np.meshgrid(ticks, ticks, ticks), axis=-1).reshape(-1, 3)
    rotations = np.array(
        [rotation_from_quaternion(quaternion_from_uniform(u)) for u in grid]
    )
    flat = rotations.reshape(-1, 9)
    # the midpoint rule is exact for these trigonometric polynomials
    assert_allclose(flat.mean(axis=0), 0.0, rtol=0, atol=1e-12)
    assert_allclose(flat.T @ flat / len(flat), np.eye(9) / 3.0, rtol=0, atol=2e-3)
    half_turned = np.mean(np.trace(rotations, axis1=1, axis2=2) < 1.0)
    # P(θ > 90°) = 1/2 + 1/π; 4096 points resolve the surface to about 1 %
    assert_allclose(half_turned, 0.5 + 1.0 / np.pi, rtol=0, atol=0.01)


@given(seed=SEEDS, n=st.integers(4, 9), improper=st.booleans())
def test_overlay_finds_the_planted_motion(seed, n, improper):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 3))
    planted = Rotation.random(rng=rng).as_matrix() * (-1.0 if improper else 1.0)
    translation = rng.normal(scale=5.0, size=3)
    target = points @ planted.T + translation
    found = overlay(points, target, improper=improper)
    # an almost flat set fixes its mirror only to rounding over its thickness
    assume(np.linalg.svd(points - points.mean(axis=0))[1][-1] > 1e-2)
    assert_allclose(found.rotation, planted, rtol=0, atol=1e-9)
    assert_allclose(found.translation, translation, rtol=0, atol=1e-8)
    assert found.rmsd < 1e-9
    other = overlay(points, target, improper=not improper)
    assert other.rmsd > 1e-3
    assert_allclose(
        np.linalg.det(other.rotation), 1.0 if improper else -1.0, rtol=1e-12
    )


@given(seed=SEEDS, improper=st.booleans())
def test_no_small_turn_or_shift_improves_an_overlay(seed, improper):
    rng = np.random.default_rng(seed)
    points, target = rng.normal(size=(2, 6, 3))
    best = overlay(points, target, improper=improper)

    def rmsd(rotation, translation):
        difference = points @ rotation.T + translation - target
        return np.sqrt(np.mean(np.sum(difference**2, axis=1)))

    assert_allclose(best.rmsd, rmsd(best.rotation, best.translation), rtol=1e-12)
    for _ in range(10):
        turn = rotation_from_vector(rng.normal(scale=0.05, size=3))
        turned = turn @ best.rotation
        centre = points.mean(axis=0)
        follows = target.mean(axis=0) - turned @ centre
        assert rmsd(turned, follows) >= best.rmsd
        shift = rng.normal(scale=0.05, size=3)
        assert rmsd(best.rotation, best.translation + shift) >= best.rmsd


def test_centre_weighs_the_points():
    positions = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 8.0]])
    assert_allclose(
        centre_of(positions, np.array([1.0, 3.0])), [3.0, 0.0, 6.0], rtol=1e-15
    )
