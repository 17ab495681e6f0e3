"""The picture of how complete a search is: minima seen and estimated against draws."""

import io
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csp.packing.accumulation import Accumulation

_HEADROOM = 1.6
"""Of the picture above the minima estimated at the end."""


def completeness_png(curves: Sequence[Accumulation], title: str) -> bytes:
    """Minima seen (solid) and all estimated (dashed, 95 % band), a colour a window.

    Bands reach to what ten times the draws may find: one decade further on. Early ones
    go beyond the picture.
    """
    figure = Figure(figsize=(7.5, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colours = mpl.colormaps["tab10"]
    for index, curve in enumerate(curves):
        colour = colours(index % colours.N)
        axes.fill_between(
            curve.n_draws, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0
        )
        axes.plot(curve.n_draws, curve.total, color=colour, linestyle="--")
        axes.plot(curve.n_draws, curve.expected, color=colour, linestyle=":")
        label = f"within {curve.window:g} kJ/mol"
        axes.plot(curve.n_draws, curve.n_seen, color=colour, label=label)
    largest = max((float(curve.total[-1]) for curve in curves), default=0.0)
    axes.set_ylim(0.0, max(1.0, _HEADROOM * largest))
    axes.set_xscale("log")
    axes.set_xlabel("draws")
    axes.set_ylabel("distinct minima")
    axes.set_title(title)
    for style, meaning in (
        ("-", "seen"),
        (":", "expected of as many random draws"),
        ("--", "seen and estimated not to be"),
    ):
        axes.plot([], [], color="0.4", linestyle=style, label=meaning)
    axes.legend(fontsize="small", loc="upper left")
    stream = io.BytesIO()
    figure.savefig(stream, dpi=150, format="png", metadata={"Software": None})
    return stream.getvalue()
