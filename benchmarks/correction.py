"""Error of corrected energies against what was paid for them.

    python benchmarks/correction.py LANDSCAPE LEVEL [FIGURE.png]

LANDSCAPE is the folder of a run with reference energies at LEVEL (csp reference run or
import). Of the computed structures some are learned from, in the order of three
policies, and the error is that of the others. Cost is the CPU time of the reference
energies, as part of what the whole landscape would take. The policies: what csp correct
chooses (cost-aware), random, and the lowest of the force field first. Random orders and
first choices differ in five repeats; all share one set of structures.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csp.arrays import Indices, Scalars
from csp.corrected.knowledge import chain_of, knowledge_of
from csp.corrected.landscape import described
from csp.correction.acquisition import choose, first_choice
from csp.correction.fidelity import Correction, LevelData
from csp.reference.campaign import Campaign
from csp.reference.levels import built_in_levels, level_named
from csp.reference_source import open_source

N_REPEATS = 5
FIRST = 6
STEPS = (6, 8, 10, 12, 16, 20, 25, 30, 40, 50)
WINDOW = 10.0


@dataclass(frozen=True, slots=True)
class Data:
    """The computed part of a landscape.

    Attributes:
        features: Φ.
        cheap: Energies of the force field, kJ/mol.
        density: g/cm³.
        truth: Energies of the level, kJ/mol.
        costs: CPU seconds.
        whole_cost: Of every structure of the landscape, those that were not computed by
            the cost model, CPU seconds.
    """

    features: np.ndarray
    cheap: Scalars
    density: Scalars
    truth: Scalars
    costs: Scalars
    whole_cost: float


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def read(folder: Path, name: str) -> Data:
    """The computed structures of a landscape."""
    levels = built_in_levels()
    level = level_named(name, levels)
    source = open_source([folder], None, [])
    campaign = Campaign(folder, level, levels)
    knowledge = knowledge_of(campaign, source)
    if knowledge is None:
        raise SystemExit(f"no energies at {level.name} in {folder}")
    rows = knowledge.data.rows
    chosen = [source.candidates[row] for row in rows]
    landscape = described(chosen, folder / "descriptors", quiet)
    costs = np.zeros(len(rows))
    for item in chain_of(level, levels):
        for place, candidate in enumerate(chosen):
            found = Campaign(folder, item, levels).results.find(candidate.subject)
            if found is not None and found.cost is not None:
                costs[place] += found.cost.cpu_seconds
    model = campaign.cost_model()
    others = set(range(len(source.candidates))) - set(rows.tolist())
    expected = sum(
        campaign.expected_cpu_seconds(source.candidates[row].subject, model)
        for row in others
    )
    return Data(
        landscape.features,
        landscape.baseline,
        landscape.linear[:, 0],
        np.array(knowledge.data.energies),
        costs,
        float(costs.sum() + expected),
    )


def fit(data: Data, rows: Indices) -> Correction:
    """The model of some structures."""
    labels = LevelData(rows, data.truth[rows], np.full(len(rows), 0.1))
    return Correction.fit(
        data.features, data.cheap, {"level": labels}, linear=data.density[:, None]
    )


def cost_aware(data: Data, n: int, generator: np.random.Generator) -> Indices:
    """What csp correct would compute, from first choices that differ a little."""
    jitter = data.costs * generator.uniform(0.9, 1.1, len(data.costs))
    known = list(first_choice(data.features, data.cheap, jitter, FIRST))
    while len(known) < n:
        posterior = fit(data, np.array(known)).posterior
        known += list(choose(posterior, data.costs, np.array(known), 2, generator))
    return np.array(known[:n])


def at_random(data: Data, n: int, generator: np.random.Generator) -> Indices:
    """Any."""
    return generator.permutation(len(data.truth))[:n]


def lowest_first(data: Data, n: int, generator: np.random.Generator) -> Indices:
    """By the force field."""
    del generator
    return np.argsort(data.cheap)[:n]


POLICIES: dict[str, Callable[[Data, int, np.random.Generator], Indices]] = {
    "cost-aware": cost_aware,
    "random": at_random,
    "lowest first": lowest_first,
}


def error(data: Data, rows: Indices) -> tuple[float, float, float]:
    """Cost (part of the whole landscape's), error of the others, of the low ones."""
    correction = fit(data, rows)
    others = np.setdiff1d(np.arange(len(data.truth)), rows)
    errors = np.abs(correction.posterior.mean - data.truth)
    low = others[data.truth[others] <= data.truth.min() + WINDOW]
    return (
        float(data.costs[rows].sum() / data.whole_cost),
        float(errors[others].mean()),
        float(errors[low].mean()) if len(low) else float("nan"),
    )


def main(folder: Path, level: str, figure: Path | None) -> None:
    """Print the table, draw the figure."""
    data = read(folder, level)
    n_all = len(data.truth)
    print(
        f"{n_all} structures at {level}, {data.costs.sum() / 3600.0:.2f} CPU-hours; "
        f"the whole landscape would take {data.whole_cost / 3600.0:.1f}"
    )
    shift = data.truth - data.cheap
    print(f"force field, its mean shifted: {np.abs(shift - shift.mean()).mean():.2f}")
    curves: dict[str, list[Sequence[float]]] = {}
    for name, policy in POLICIES.items():
        print(f"\n{name}\n   n   cost %   error   within {WINDOW:g} kJ/mol")
        curves[name] = []
        for n in (step for step in STEPS if step <= 0.8 * n_all):
            found = np.array(
                [
                    error(data, policy(data, n, np.random.default_rng(repeat)))
                    for repeat in range(N_REPEATS)
                ]
            )
            mean = np.nanmean(found, axis=0)
            curves[name].append([*mean, *np.nanstd(found[:, 1:], axis=0)])
            print(f"{n:4d} {100 * mean[0]:8.1f} {mean[1]:7.2f} {mean[2]:8.2f}")
    if figure is not None:
        figure.write_bytes(picture(curves, level))
        print(f"\nwrote {figure}")


def picture(curves: dict[str, list[Sequence[float]]], level: str) -> bytes:
    """Error against cost, one line a policy."""
    import io

    canvas = Figure(figsize=(9.0, 4.2), layout="constrained")
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(1, 2, sharex=True)
    titles = ("all others", f"those within {WINDOW:g} kJ/mol of the lowest")
    for column, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        for (name, rows), colour in zip(
            curves.items(), ("#0072b2", "#999999", "#d55e00"), strict=True
        ):
            table = np.array(rows)
            axes.errorbar(
                100.0 * table[:, 0],
                table[:, 1 + column],
                table[:, 3 + column],
                label=name,
                color=colour,
                marker="o",
                markersize=4,
                capsize=2,
            )
        axes.set_ylim(bottom=0.0)
        axes.set_title(title)
    canvas.supxlabel("CPU time of the reference energies, % of the whole landscape's")
    panels[0].set_ylabel(f"mean absolute error at {level}, kJ/mol")
    panels[0].legend()
    stream = io.BytesIO()
    canvas.savefig(stream, dpi=150, format="png")
    return stream.getvalue()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(
        Path(sys.argv[1]),
        sys.argv[2],
        Path(sys.argv[3]) if len(sys.argv) > 3 else None,
    )
