"""The landscape as a figure for print."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csp.exports.selection import EnergyLevel, Exported, relative_energy
from csp.report.tables import printed_symbols

FORMATS = ("pdf", "png", "svg")
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, told apart by the colour-blind."""
_REST = "#999999"
_MARKERS = "os^DvP"
_STYLE: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.linewidth": 0.6,
    "pdf.fonttype": 42,  # letters stay letters
    "svg.fonttype": "none",
    "svg.hashsalt": "csp",
}
_HEIGHT = 3.2
_WIDTH = 3.5
"""Of one column of a journal, inches."""


def drawn(
    items: Sequence[Exported], levels: Sequence[EnergyLevel], file_format: str
) -> bytes:
    """Energy above the lowest against density, one panel a level.

    Space groups have a colour and a shape; observed forms are ringed and named;
    corrected energies have error bars of one standard deviation.

    Args:
        items: Structures to show.
        levels: One or both.
        file_format: One of :data:`FORMATS`.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH * len(levels), _HEIGHT), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(levels), sharey=True, squeeze=False)[0]
        for axes, level in zip(panels, levels, strict=True):
            _panel(axes, items, level)
        panels[0].set_ylabel("energy above the lowest (kJ/mol)")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=min(7, max(1, len(labels))),
            frameon=False,
            handletextpad=0.1,
            columnspacing=1.0,
        )
        stream = io.BytesIO()
        dates = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
        metadata = dates.get(file_format, {"Software": None})
        figure.savefig(stream, format=file_format, dpi=600, metadata=metadata)
    return stream.getvalue()


def _panel(axes: Axes, items: Sequence[Exported], level: EnergyLevel) -> None:
    groups = [item.stored.row.space_group for item in items]
    printed = printed_symbols()
    common = sorted(set(groups), key=lambda group: (-groups.count(group), group))
    for place, group in enumerate([*common[: len(_COLOURS)], ""]):
        own = [
            item
            for item, its_group in zip(items, groups, strict=True)
            if its_group == group
            or (not group and its_group in common[len(_COLOURS) :])
        ]
        if not own:
            continue
        colour = _COLOURS[place] if group else _REST
        densities = [item.stored.row.density_g_per_cm3 for item in own]
        energies = [relative_energy(item, level) for item in own]
        if level is EnergyLevel.CORRECTED:
            sigmas = [
                item.ranking.sigma_kj_per_mol if item.ranking else 0.0 for item in own
            ]
            axes.errorbar(
                densities, energies, sigmas, fmt="none", ecolor=colour, elinewidth=0.4
            )
        axes.scatter(
            densities,
            energies,
            s=10,
            marker=_MARKERS[place] if group else ".",
            color=colour,
            linewidths=0,
            label=printed.get(group, group) or "other",
            zorder=2,
        )
    for item in items:
        if item.stored.row.observed_form:
            _name(axes, item, relative_energy(item, level))
    axes.set_xlabel("density (g/cm³)")
    axes.set_title(level.value.replace("-", " "), fontsize=8.0)


def _name(axes: Axes, item: Exported, energy: float) -> None:
    point = (item.stored.row.density_g_per_cm3, energy)
    axes.scatter(
        *point, s=60, facecolors="none", edgecolors="black", linewidths=0.9, zorder=3
    )
    axes.annotate(
        item.stored.row.observed_form,
        point,
        xytext=(6, -3),
        textcoords="offset points",
        fontweight="bold",
    )
