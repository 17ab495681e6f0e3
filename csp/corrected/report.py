"""What is said of a corrected landscape besides its table."""

from collections.abc import Sequence

import numpy as np

from csp.corrected.landscape import CorrectedLandscape, crystal_of
from csp.corrected.tables import HEADINGS, RankingRow, cells
from csp.correction.domain import near_duplicates
from csp.correction.fidelity import Step
from csp.correction.learning_curve import (
    CurveSettings,
    Point,
    learning_curve,
    possible_sizes,
)
from csp.correction.pool import Pool
from csp.correction.validation import LEVELS, Quality, quality_of
from csp.records import Progress
from csp.report.tables import markdown_table

N_SHOWN = 20
FEWEST_FOR_CURVE = 12
SIZES = (5, 10, 20, 40, 80)


def validation_of(step: Step) -> Quality:
    """How well each label is predicted from the others of its level."""
    left_out = step.left_out
    return quality_of(
        left_out.values,
        left_out.means,
        step.inflation * left_out.standard_deviations,
    )


def curve_of(landscape: CorrectedLandscape, progress: Progress) -> tuple[Point, ...]:
    """Learning curve on the computed structures of the highest level.

    The force field below, near-duplicates on one side; empty if there are too few.
    """
    data = landscape.knowledge[-1].data
    features = landscape.described.features[data.rows]
    groups = near_duplicates(features)
    n_distinct = len(np.unique(groups))
    if n_distinct < FEWEST_FOR_CURVE:
        return ()
    candidates = [landscape.described.candidates[row] for row in data.rows]
    pool = Pool(
        tuple(item.subject.id for item in candidates),
        tuple(crystal_of(item) for item in candidates),
        np.array(data.energies),
        landscape.described.baseline[data.rows],
    )
    sizes, _ = possible_sizes(SIZES, n_distinct)
    return learning_curve(pool, features, groups, CurveSettings(sizes=sizes), progress)


def sentences(landscape: CorrectedLandscape) -> list[str]:
    """What was learned from, how good it is, and what is not to be trusted."""
    lines = []
    n_all = len(landscape.described.candidates)
    for item, step in zip(landscape.knowledge, landscape.correction.steps, strict=True):
        quality = validation_of(step)
        cover = ", ".join(
            f"{100.0 * quality.coverage[level]:.0f} % in the {level} % interval"
            for level in LEVELS
        )
        lines.append(
            f"{item.level}: {len(item.data.rows)} of {n_all} structures computed, "
            f"{item.cpu_seconds / 3600.0:.2f} CPU-hours; each left out and predicted "
            f"from the others: mean absolute error {quality.mae:.2f} kJ/mol ({cover})"
        )
        lines += item.doubts
    lines += landscape.correction.warnings
    n_unlike = int(landscape.is_unlike.sum())
    if n_unlike:
        lines.append(
            f"{n_unlike} structures (marked ?) are unlike all computed ones: their "
            "corrections are extrapolations"
        )
    check = landscape.check
    lines.append(
        f"the probability that a structure that was not computed lies below the best "
        f"computed one is {100.0 * check.probability_lower:.0f} %, by more than 1 "
        f"kJ/mol {100.0 * check.probability_clearly_lower:.0f} %"
    )
    return lines


def ranking_markdown(
    landscape: CorrectedLandscape,
    rows: Sequence[RankingRow],
    curve: Sequence[Point],
    ending: str,
) -> str:
    """The report of a correction."""
    shown = [row for i, row in enumerate(rows) if i < N_SHOWN or row.observed_form]
    kind = (
        "Lattice energies"
        if landscape.knowledge[-1].are_lattice_energies
        else "Energies relative to the lowest computed; gas energies are missing"
    )
    parts = [
        f"# Corrected landscape: {landscape.level}",
        "![energy against density](ranking.png)",
        f"{kind}, kJ/mol per formula unit, at the geometries of the force field: no "
        "structure was relaxed at the higher level. σ is one standard deviation. No "
        "vibrations, no temperature.",
        "\n".join(f"- {line}" for line in [*sentences(landscape), ending]),
        markdown_table(HEADINGS, [cells(row) for row in shown]),
    ]
    if curve:
        parts += [
            "## Learning curve",
            "On the computed structures: some learned from, the others predicted; "
            "near-duplicates on one side. Mean absolute errors in kJ/mol.",
            markdown_table(
                (
                    "learned from",
                    "error",
                    "constant correction",
                    "linear in density",
                    "in 68 %",
                    "in 95 %",
                ),
                [
                    (
                        str(point.n_train),
                        f"{point.quality.mae:.2f}",
                        f"{point.mae_constant:.2f}",
                        f"{point.mae_density:.2f}",
                        f"{100.0 * point.quality.coverage[68]:.0f} %",
                        f"{100.0 * point.quality.coverage[95]:.0f} %",
                    )
                    for point in curve
                ],
            ),
        ]
    return "\n\n".join(parts) + "\n"
