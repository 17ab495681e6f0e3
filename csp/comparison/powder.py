"""X-ray powder patterns and how alike two of them are."""

import math
from dataclasses import dataclass

import numpy as np
from pymatgen.analysis.diffraction.xrd import XRDCalculator

from csp.arrays import Scalars, read_only
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import volume

RADIATION = "CuKa1"
FIRST_ANGLE, LAST_ANGLE, STEP = 5.0, 50.0, 0.02
"""Where patterns are compared, degrees 2θ."""
PEAK_WIDTH = 0.2
"""Full width of a reflection at half its height, degrees 2θ."""
LORENTZIAN_PART = 0.5
"""Of the pseudo-Voigt profile; the rest is Gaussian."""
TRIANGLE_WIDTH = 2.0
"""Shifts of reflections up to this are tolerated, less the larger, degrees 2θ."""


@dataclass(frozen=True, eq=False, slots=True)
class PowderPattern:
    """A pattern as a diffractometer would record it, Cu Kα₁.

    Attributes:
        angles: 2θ, degrees, from 5 to 50 in steps of 0.02.
        intensities: In arbitrary units, the same for any cell of a crystal.
    """

    angles: Scalars
    intensities: Scalars

    def __post_init__(self) -> None:
        object.__setattr__(self, "angles", read_only(self.angles))
        object.__setattr__(self, "intensities", read_only(self.intensities))


def powder_pattern(crystal: Crystal) -> PowderPattern:
    """The calculated powder pattern of a crystal without thermal motion.

    Reflections have the structure factors, multiplicities and Lorentz-polarisation
    factors of pymatgen, and pseudo-Voigt profiles of one width. Any cell of a crystal
    gives the same pattern.

    Args:
        crystal: Any cell of it.

    Raises:
        InputError: If no reflection lies between 5 and 50 degrees.
    """
    margin = 2.0 * PEAK_WIDTH
    limits = (FIRST_ANGLE - margin, LAST_ANGLE + margin)
    try:
        sticks = XRDCalculator(wavelength=RADIATION).get_pattern(
            crystal.to_pymatgen(), scaled=False, two_theta_range=limits
        )
    except ValueError as error:  # no lattice planes so near
        raise InputError(
            f"the crystal has no reflection between {FIRST_ANGLE:g} and "
            f"{LAST_ANGLE:g} degrees 2θ (Cu Kα): check its cell lengths"
        ) from error
    angles = np.arange(FIRST_ANGLE, LAST_ANGLE + 0.5 * STEP, STEP)
    # |F|² grows with the square of the cell's contents
    weights = np.asarray(sticks.y) / volume(crystal.cell) ** 2
    profiles = _pseudo_voigt(angles[:, None] - np.asarray(sticks.x))
    return PowderPattern(angles, profiles @ weights)


def _pseudo_voigt(shifts: np.ndarray) -> np.ndarray:
    """Profile of a reflection of unit area at these distances from it, per degree."""
    half = 0.5 * PEAK_WIDTH
    lorentzian = half / np.pi / (shifts**2 + half**2)
    gaussian = (
        np.sqrt(np.log(2.0) / np.pi)
        / half
        * np.exp(-np.log(2.0) * (shifts / half) ** 2)
    )
    return np.asarray(LORENTZIAN_PART * lorentzian + (1.0 - LORENTZIAN_PART) * gaussian)


def powder_similarity(
    first: PowderPattern, second: PowderPattern, width: float = TRIANGLE_WIDTH
) -> float:
    """How alike two patterns are, 1 for the same; reflections may be shifted.

    S = C₁₂ / √(C₁₁ C₂₂), with C_fg = ∫∫ w(r) f(x) g(x + r) dx dr and the triangle
    w(r) = 1 − |r|/width. It does not depend on which pattern is the first, nor on
    their scale.

    Args:
        first: A pattern.
        second: Another.
        width: Shift that is not tolerated any more, degrees 2θ.

    Raises:
        InputError: If the width is not between 0 and the length of the patterns.

    References:
        de Gelder, Wehrens & Hageman, J. Comput. Chem. 22, 273 (2001).
    """
    if not 0.0 < width <= LAST_ANGLE - FIRST_ANGLE:
        raise InputError(
            "the width of the triangle must lie between 0 and "
            f"{LAST_ANGLE - FIRST_ANGLE:g} degrees 2θ, got {width}"
        )
    reach = int(width / STEP)
    triangle = 1.0 - np.abs(np.arange(-reach, reach + 1)) * STEP / width

    def correlation(f: np.ndarray, g: np.ndarray) -> float:
        return float(f @ np.convolve(g, triangle)[reach : reach + len(g)])

    f, g = first.intensities, second.intensities
    norm = math.sqrt(correlation(f, f) * correlation(g, g))
    return min(1.0, correlation(f, g) / norm)
