"""The space group of a crystal, its conventional cell and its reduced cell."""

from dataclasses import dataclass

from csp.arrays import CellParameters, RotationMatrices, Vectors, read_only
from csp.comparison.reduction import reduced_cell
from csp.comparison.standard_setting import (
    primitive_cell,
    standard_form,
    standard_operations,
    standardised,
)
from csp.crystal import Crystal
from csp.errors import InputError
from csp.spacegroups import readable_symbol

FINEST_TOLERANCE = 1e-4
"""No symmetry is sought below this tolerance, Å."""


@dataclass(frozen=True, eq=False, slots=True)
class CrystalSymmetry:
    """What spglib says of a crystal, in the standard setting of its space group.

    Attributes:
        number: International number of the space group.
        symbol: Short Hermann–Mauguin symbol as spglib writes it, like ``P2_1/c``.
        z_prime: Formula units in the asymmetric unit.
        rotations: Of the operations of the conventional cell, fractional.
        translations: Of the same operations, fractional.
        conventional: The symmetrised crystal in the standard setting.
        reduced: Niggli-reduced parameters of the primitive cell, Å and degrees.
        tolerance: The tolerance that worked, Å.
    """

    number: int
    symbol: str
    z_prime: float
    rotations: RotationMatrices
    translations: Vectors
    conventional: Crystal
    reduced: CellParameters
    tolerance: float

    @property
    def n_operations(self) -> int:
        """Points of the general position in the conventional cell."""
        return len(self.rotations)

    @property
    def display_symbol(self) -> str:
        """The symbol for reading, like ``P2₁/c``."""
        return readable_symbol(self.symbol)


def find_symmetry(crystal: Crystal, tolerance: float = 0.05) -> CrystalSymmetry:
    """All the symmetry a crystal has, whatever it was made in.

    A crystal drawn in P2₁ with Z′ = 1 that has relaxed to P2₁/c with Z′ = ½ is
    returned as the latter. Where spglib finds nothing consistent, the tolerance is
    halved and it is asked again; the result says which one worked.

    Args:
        crystal: Any cell of it.
        tolerance: Largest distance of an atom from its symmetric place, Å.

    Raises:
        InputError: If no tolerance works, as for atoms that lie on one another.

    References:
        Togo, Shinohara & Tanaka, Sci. Technol. Adv. Mater. Methods 4, 2384822 (2024).
    """
    if not FINEST_TOLERANCE <= tolerance <= 1.0:
        raise InputError(
            f"tolerance must lie between {FINEST_TOLERANCE} and 1 Å, got {tolerance}"
        )
    while tolerance >= FINEST_TOLERANCE:
        form = standard_form(crystal, tolerance)
        conventional = None if form is None else standardised(crystal, form)
        if form is not None and conventional is not None:
            rotations, translations = standard_operations(form.number)
            return CrystalSymmetry(
                number=form.number,
                symbol=form.symbol,
                z_prime=conventional.n_formula_units / len(rotations),
                rotations=read_only(rotations),
                translations=read_only(translations),
                conventional=conventional,
                reduced=reduced_cell(primitive_cell(conventional.cell, form.number)),
                tolerance=tolerance,
            )
        tolerance /= 2.0
    raise InputError(
        "no symmetry, not even P1, was found for the crystal: check that no two atoms "
        "lie on one another"
    )
