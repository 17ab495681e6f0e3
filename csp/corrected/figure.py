"""The corrected landscape as a picture."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csp.corrected.landscape import CorrectedLandscape, crystal_of

BLUE, GREY, ORANGE = "#0072b2", "#999999", "#d55e00"
"""Okabe and Ito's colours, told apart by the colour-blind."""


def ranking_png(landscape: CorrectedLandscape, title: str) -> bytes:
    """Energy against density, by the force field and corrected, side by side.

    Both relative to the lowest; error bars are one standard deviation; computed
    structures are filled, observed forms marked.
    """
    candidates = landscape.described.candidates
    densities = np.array([crystal_of(item).density for item in candidates])
    energies = landscape.energies - landscape.energies.min()
    is_computed = np.array([bool(level) for level in landscape.computed_at])
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    left.scatter(
        densities, landscape.described.baseline, s=10, color=GREY, linewidths=0
    )
    right.errorbar(
        densities[~is_computed],
        energies[~is_computed],
        landscape.errors[~is_computed],
        fmt="o",
        markersize=3,
        color=GREY,
        elinewidth=0.5,
        markerfacecolor="none",
        markeredgewidth=0.7,
        label="corrected, ± σ",
    )
    right.scatter(
        densities[is_computed],
        energies[is_computed],
        s=16,
        color=BLUE,
        linewidths=0,
        zorder=3,
        label="computed",
    )
    for row, item in enumerate(candidates):
        if item.observed_form:
            for axes, value in ((left, item.relative_energy), (right, energies[row])):
                place = (float(densities[row]), float(value))
                axes.scatter(*place, s=70, marker="D", facecolor="none", color=ORANGE)
                axes.annotate(
                    item.observed_form, place, xytext=(7, 3), textcoords="offset points"
                )
    left.set_title("force field")
    right.set_title(landscape.level)
    left.set_ylabel("energy above the lowest, kJ/mol per formula unit")
    for axes in (left, right):
        axes.set_xlabel("density, g/cm³")
    right.legend(loc="lower left")
    figure.suptitle(title)
    stream = io.BytesIO()
    figure.savefig(stream, dpi=150, format="png", metadata={"Software": None})
    return stream.getvalue()
