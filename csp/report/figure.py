"""The picture of a landscape: lattice energy against density."""

import io
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csp.report.tables import LandscapeRow

_N_COLOURS = 7
_MARKERS = "osD^v<>ph"


def landscape_png(rows: Sequence[LandscapeRow], title: str) -> bytes:
    """Energy against density, one point a structure, observed forms marked.

    The space groups with most structures have a colour and a marker each.
    """
    figure = Figure(figsize=(7.5, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    groups = sorted(
        {row.space_group for row in rows},
        key=lambda group: (-sum(row.space_group == group for row in rows), group),
    )
    colours = mpl.colormaps["tab10"]
    for index, group in enumerate([*groups[:_N_COLOURS], None]):
        chosen = [
            row
            for row in rows
            if row.space_group == group
            or (group is None and row.space_group not in groups[:_N_COLOURS])
        ]
        if chosen:
            axes.scatter(
                [row.density_g_per_cm3 for row in chosen],
                [row.lattice_energy_kj_per_mol for row in chosen],
                s=22,
                marker=_MARKERS[index],
                color="0.6" if group is None else colours(index),
                alpha=0.8,
                linewidths=0,
                label=group or "other",
            )
    for row in rows:
        if row.observed_form:
            point = (row.density_g_per_cm3, row.lattice_energy_kj_per_mol)
            axes.scatter(
                *point, s=150, facecolors="none", edgecolors="black", linewidths=1.5
            )
            axes.annotate(
                row.observed_form,
                point,
                xytext=(9, -4),
                textcoords="offset points",
                fontweight="bold",
            )
    axes.set_xlabel("density (g/cm³)")
    axes.set_ylabel("lattice energy (kJ/mol)")
    axes.set_title(title)
    figure.legend(title="space group", fontsize="small", loc="outside right upper")
    stream = io.BytesIO()
    figure.savefig(stream, dpi=150, format="png", metadata={"Software": None})
    return stream.getvalue()
