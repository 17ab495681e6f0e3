"""Points in a terminal, by the dots of Braille letters: two by four a letter."""

import numpy as np

from csp.arrays import Scalars

_FIRST = 0x2800
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""Of a letter's dots, by row and column."""


def dots(across: Scalars, up: Scalars, size: tuple[int, int]) -> list[str]:
    """Lines of Braille letters, the uppermost first.

    Args:
        across: Where each point lies, 0 at the left and 1 at the right.
        up: Likewise, 0 at the bottom and 1 at the top; others are left out.
        size: Letters in a line, and lines.

    >>> dots(np.array([0.0, 1.0]), np.array([0.0, 1.0]), (2, 1))
    ['⡀⠈']
    """
    width, height = size
    grid = np.zeros((height, width), dtype=int)
    inside = (across >= 0.0) & (across <= 1.0) & (up >= 0.0) & (up <= 1.0)
    columns = np.rint(across[inside] * (2 * width - 1)).astype(int)
    rows = np.rint((1.0 - up[inside]) * (4 * height - 1)).astype(int)
    np.bitwise_or.at(grid, (rows // 4, columns // 2), _BITS[rows % 4, columns % 2])
    return ["".join(chr(_FIRST + code) for code in line) for line in grid.tolist()]
