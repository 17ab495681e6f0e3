"""Direct sum of the interactions that involve a quadrupole or higher.

Between site a of molecule A and site b of B the energy is ``Σ_s W_s S_s(r)`` with the
product W of both operators and the irregular harmonics S. W is the same for every
lattice translation of B, so that only S is computed for each of them; fields and site
forces follow from the sum of S over the translations. The rank of a product is at most
4.
"""

from csp.compiled import compiled
from csp.potentials.kernels.harmonics import (
    FIRST_HIGHER,
    HIGHER_ADJOINTS,
    HIGHER_PRODUCTS,
    HIGHER_VALUES,
    add_derivatives,
    add_products,
    add_twist,
    irregular_harmonics,
)
from csp.potentials.kernels.rows import (
    FIELD,
    FORCE,
    HARMONICS,
    OUTSIDE,
    PRODUCT,
    SLOPE_X,
    TOTAL,
    WIDTH,
    A,
    B,
)
from csp.potentials.kernels.tables import Array
from csp.potentials.solid_harmonics import N_DERIVATIVES, N_MOMENTS
from csp.units import COULOMB_CONSTANT

_FAST = {"reassoc", "contract", "nsz"}
_LOW = FIRST_HIGHER * WIDTH
_MIDDLE = (FIRST_HIGHER + 5) * WIDTH
_TOP = N_MOMENTS * WIDTH
_END = N_DERIVATIVES * WIDTH


@compiled()
def start_higher(rows: Array, n: int) -> None:
    """Products of the operators of a block, and their derivatives."""
    add_products(HIGHER_PRODUCTS, HIGHER_VALUES, rows, n, (PRODUCT, A, B))
    add_derivatives(rows, n)


@compiled(fastmath=_FAST)
def _energy(rows: Array, base: int) -> float:
    """``Σ W S`` of a block, with the harmonics (or their sum) at ``base``."""
    total = 0.0
    for p in range(_LOW, _TOP):
        total += rows[PRODUCT + p] * rows[base + p]
    return COULOMB_CONSTANT * total


@compiled(fastmath=_FAST)
def _force(rows: Array) -> tuple[float, float, float]:
    """Sum of dE/dx over A's sites, of one separation."""
    fx, fy, fz = 0.0, 0.0, 0.0
    for p in range(_MIDDLE, _END):
        s = rows[HARMONICS + p]
        fx += rows[FORCE + p] * s
        fy += rows[FORCE + _END + p] * s
        fz += rows[FORCE + 2 * _END + p] * s
    return fx, fy, fz


@compiled(fastmath=_FAST)
def _add_to_total(rows: Array, weight: float) -> None:
    for p in range(_LOW, _END):
        rows[TOTAL + p] += weight * rows[HARMONICS + p]


@compiled()
def _leave_out_overlaps(rows: Array, n: int) -> None:
    for s in range(N_DERIVATIVES):
        for p in range(n):
            rows[HARMONICS + s * WIDTH + p] *= rows[OUTSIDE + p]


@compiled()
def add_higher(
    rows: Array,
    n: int,
    weight: float,
    overlaps: bool,  # noqa: FBT001
    is_switching: bool,  # noqa: FBT001
) -> tuple[float, float, float, float]:
    """Add the higher interactions of a block at one separation of its molecules.

    Args:
        rows: The block, placed.
        n: Pairs in it.
        weight: Of the two molecules at this separation.
        overlaps: Whether some pairs are inside their wall.
        is_switching: Whether the unweighted energy is needed.

    Returns:
        Sum of dE/dx over A's sites, and the unweighted energy if it is needed.
    """
    irregular_harmonics(rows, n)
    if overlaps:
        _leave_out_overlaps(rows, n)
    _add_to_total(rows, weight)
    fx, fy, fz = _force(rows)
    k = COULOMB_CONSTANT * weight
    return k * fx, k * fy, k * fz, _energy(rows, HARMONICS) if is_switching else 0.0


@compiled()
def end_higher(rows: Array, n: int, twist: Array) -> float:
    """Site forces and torque of the sum over separations; returns its energy.

    Args:
        rows: The block; dE/dx of its sites is added to.
        n: Pairs in it.
        twist: Gets dE/dω.
    """
    for axis in range(3):
        for s in range(_MIDDLE, _END, WIDTH):
            for p in range(n):
                rows[SLOPE_X + axis * WIDTH + p] += COULOMB_CONSTANT * (
                    rows[FORCE + axis * _END + s + p] * rows[TOTAL + s + p]
                )
    add_products(HIGHER_ADJOINTS, HIGHER_VALUES, rows, n, (FIELD, TOTAL, B))
    add_twist(rows, n, twist)
    return float(_energy(rows, TOTAL))
