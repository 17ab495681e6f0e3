"""Rows of pairs: the data of up to 64 pairs of sites, laid out for the vector unit.

All rows of a block lie in one flat array, row ``k`` at ``k · WIDTH``. Loops that read
and write one array at constant distances are turned into vector instructions by LLVM;
loops over many arrays are not.
"""

from csp.compiled import compiled
from csp.potentials.kernels.tables import Array, Pairs, Placed
from csp.potentials.solid_harmonics import MAX_RANK, N_DERIVATIVES, N_MOMENTS

WIDTH = 64
"""Pairs in a block; its rows stay in the processor's second-level cache."""


def _row(k: int) -> int:
    return k * WIDTH


# what a pair is: offset of A's site less that of B's, exp-6, wall
OFFSET_X, OFFSET_Y, OFFSET_Z = _row(0), _row(1), _row(2)
REPULSION, EXPONENT, DISPERSION, WALL = _row(3), _row(4), _row(5), _row(6)
# where it is for one separation of the molecules: r from B to A; 1 outside the wall
X, Y, Z, OUTSIDE = _row(7), _row(8), _row(9), _row(10)
# what the sums over separations gather: dE/dx and ∂E/∂μ of A's site
SLOPE_X, SLOPE_Y, SLOPE_Z = _row(11), _row(12), _row(13)
FIELD_X, FIELD_Y, FIELD_Z = _row(14), _row(15), _row(16)
# operators of A and B; B's are reflected: P(−∇)
A, B = _row(17), _row(17 + N_MOMENTS)
# derivatives of the energy by A's operators
FIELD = _row(17 + 2 * N_MOMENTS)
# irregular harmonics, their sum over separations, the product of both operators, and
# its three derivatives
HARMONICS = _row(17 + 3 * N_MOMENTS)
TOTAL = HARMONICS + _row(N_DERIVATIVES)
PRODUCT = TOTAL + _row(N_DERIVATIVES)
FORCE = PRODUCT + _row(N_DERIVATIVES)
SIZE = FORCE + _row(3 * N_DERIVATIVES)


@compiled()
def fill(
    rows: Array,
    block: tuple[int, int],
    one: tuple[int, int],
    other: tuple[int, int],
    crystal: Placed,
    pairs: Pairs,
) -> None:
    """Lay out the pairs numbered ``block[0]`` to ``block[1]`` of two molecules."""
    start_a, start_b = crystal.start[one[0]], crystal.start[other[0]]
    n_b = crystal.start[other[0] + 1] - start_b
    rows[:] = 0.0
    for p in range(block[1] - block[0]):
        i, j = (block[0] + p) // n_b, (block[0] + p) % n_b
        at_a, at_b, a, b = start_a + i, start_b + j, one[1] + i, other[1] + j
        for k in range(3):
            rows[OFFSET_X + k * WIDTH + p] = (
                crystal.offsets[at_a, k] - crystal.offsets[at_b, k]
            )
        rows[REPULSION + p] = pairs.repulsion[a, b]
        rows[EXPONENT + p] = pairs.exponent[a, b]
        rows[DISPERSION + p] = pairs.dispersion[a, b]
        rows[WALL + p] = pairs.wall[a, b]
        for rank in range(MAX_RANK + 1):
            sign = -1.0 if rank % 2 else 1.0
            for s in range(rank * rank, (rank + 1) ** 2):
                rows[A + s * WIDTH + p] = crystal.operators[at_a, s]
                rows[B + s * WIDTH + p] = sign * crystal.operators[at_b, s]


@compiled()
def place(rows: Array, n: int, x: float, y: float, z: float) -> float:
    """Separate the molecules by (x, y, z); returns how many pairs are inside walls.

    Those are put out of the way, at 1 Å and with weight 0.
    """
    inside = 0.0
    for p in range(n):
        dx = rows[OFFSET_X + p] - x
        dy = rows[OFFSET_Y + p] - y
        dz = rows[OFFSET_Z + p] - z
        wall = rows[WALL + p]
        outside = 1.0 if dx * dx + dy * dy + dz * dz >= wall * wall else 0.0
        rows[X + p] = outside * dx + (1.0 - outside)
        rows[Y + p] = outside * dy
        rows[Z + p] = outside * dz
        rows[OUTSIDE + p] = outside
        inside += 1.0 - outside
    return inside
