"""How the minima of a search came in, as rows of ``completeness.csv``."""

import csv
import io
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from csp.errors import InputError
from csp.packing.accumulation import Accumulation

_COLUMNS = (
    "window_kj_per_mol",
    "n_draws",
    "n_seen",
    "expected",
    "total",
    "low",
    "high",
)


def completeness_csv(curves: Sequence[Accumulation]) -> str:
    """The curves as CSV with a header, one row a point."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for curve in curves:
        bounds = (curve.expected, curve.total, curve.low, curve.high)
        for point, (n_draws, n_seen) in enumerate(
            zip(curve.n_draws.tolist(), curve.n_seen.tolist(), strict=True)
        ):
            numbers = [f"{values[point]:.3f}" for values in bounds]
            writer.writerow([f"{curve.window:g}", n_draws, n_seen, *numbers])
    return stream.getvalue()


def read_completeness(path: Path) -> tuple[Accumulation, ...]:
    """The curves of a ``completeness.csv``, none if there is no such file.

    Raises:
        InputError: If it was not written by this program.
    """
    if not path.exists():
        return ()
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [
                [float(row[name]) for name in _COLUMNS]
                for row in csv.DictReader(stream)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} is no table of completeness ({error!r}): the same csp run command "
            "makes it again"
        ) from error
    return tuple(
        _curve(window, np.array(list(points)))
        for window, points in groupby(rows, key=lambda row: row[0])
    )


def _curve(window: float, points: np.ndarray) -> Accumulation:
    _, draws, seen, expected, total, low, high = points.T
    return Accumulation(
        window, draws.astype(int), seen.astype(int), expected, total, low, high
    )
