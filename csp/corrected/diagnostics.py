"""What a corrected landscape was learned from and how good it is: ``ranking.json``."""

import json
from collections.abc import Sequence
from typing import Any

from csp.corrected.loop import Improved
from csp.correction.fidelity import Step
from csp.correction.learning_curve import Point
from csp.correction.validation import LEVELS


def diagnostics_json(improved: Improved, curve: Sequence[Point]) -> str:
    """Levels, their energies, labels as predicted without them, and learning curve.

    Energies are in kJ/mol per formula unit. Labels are what is learned: the difference
    to the level below, of each structure computed.
    """
    landscape = improved.landscape
    identities = [item.subject.id for item in landscape.described.candidates]
    levels = [
        {
            "level": item.level,
            "n_computed": len(item.data.rows),
            "are_lattice_energies": item.are_lattice_energies,
            "cpu_hours": round(item.cpu_seconds / 3600.0, 3),
            "ids": [identities[row] for row in item.data.rows.tolist()],
            "energies": _rounded(item.data.energies.tolist()),
            "left_out": _left_out(step),
        }
        for item, step in zip(
            landscape.knowledge, landscape.correction.steps, strict=True
        )
    ]
    written = {
        "level": landscape.level,
        "ending": improved.ending,
        "levels": levels,
        "learning_curve": [_point(point) for point in curve],
    }
    return json.dumps(written, ensure_ascii=False, indent=1) + "\n"


def _left_out(step: Step) -> dict[str, list[float]]:
    left_out = step.left_out
    deviations = step.inflation * left_out.standard_deviations
    return {
        "labels": _rounded(left_out.values.tolist()),
        "predicted": _rounded(left_out.means.tolist()),
        "sigma": _rounded(deviations.tolist()),
    }


def _point(point: Point) -> dict[str, Any]:
    return {
        "n_train": point.n_train,
        "mae": round(point.quality.mae, 4),
        "mae_error": round(point.mae_error, 4),
        "mae_constant": round(point.mae_constant, 4),
        "mae_density": round(point.mae_density, 4),
        "coverage": {
            str(level): round(point.quality.coverage[level], 4) for level in LEVELS
        },
    }


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]
