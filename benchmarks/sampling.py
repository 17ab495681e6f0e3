"""Sobol points against pseudo-random ones: distinct minima found against draws.

The molecule of a settings file is drawn with both kinds of points, several seeds each,
and relaxed with point charges; all ends are compared together, so that a minimum has
one name whoever found it. Every stream (space group and site) goes forward evenly:

    python benchmarks/sampling.py SETTINGS.toml FOLDER [--draws 512] [--seeds 8]
        [--window 10] [--set packing.space_groups=[14,2]]

``--set packing.n_draws_special=0`` leaves special positions out. FOLDER gets
``sampling.csv`` and ``sampling.png``; finished seeds are kept there.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csp.landscape import distinct
from csp.packing.placement import place, places_of
from csp.packing.sampling import as_point, sobol_points
from csp.randomness import generator_of
from csp.records import CrystalKey, Relaxation
from csp.relaxation.rigid_body import approach
from csp.runs import open_run
from csp.search import Search, prepare

_DIMENSIONS = 13
"""Of a draw of one molecule."""
KINDS = ("Sobol", "pseudo-random")


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def points(kind: str, seed: int, stream: str, n_draws: int) -> np.ndarray:
    """The rows of one stream, of either kind."""
    if kind == "Sobol":
        return sobol_points(seed, stream, 0, n_draws)
    return generator_of(kind, seed, stream).random((n_draws, _DIMENSIONS))


def ends(
    search: Search, kind: str, seed: int, n_draws: int, first: int
) -> Iterator[Relaxation]:
    """Relaxed draws of all streams; their keys count on from ``first``."""
    settings = search.run.settings
    for slot in search.slots:
        number, sites = slot.occupation.space_group, slot.occupation.sites
        places = places_of(slot.occupation, search.unit)
        rows = points(kind, seed, f"{number}{sites}", n_draws)
        for draw, row in enumerate(rows, start=first):
            key = CrystalKey(number, sites, draw)
            packing = place(key, as_point(row), places, settings.packing)
            yield approach(packing, search.model, settings.relaxation)


def minima_of_draws(
    search: Search, n_draws: int, n_seeds: int, window: float
) -> dict[str, list[list[int]]]:
    """Of each kind and seed, the minimum of each draw, streams going forward evenly.

    Draws that end outside the window, or in no minimum, have −1.
    """
    store = search.run.store
    relaxed: list[Relaxation] = []
    for seed in range(n_seeds):
        for index, kind in enumerate(KINDS):
            name = f"sampling/{kind}-{seed:03d}-{n_draws}"
            first = (2 * seed + index) * n_draws
            if not store.has(name):
                own = ends(search, kind, seed, n_draws, first)
                store.write(name, (end.to_row() for end in own))
            relaxed += map(Relaxation.from_row, store.read(name))
            print(f"{kind} points, seed {seed}: done", flush=True)
    comparison = search.run.settings.comparison
    found = distinct(relaxed, search.unit, comparison, window, silent)
    minimum_of = {name: i for i, end in enumerate(found) for name in end.draws}
    result: dict[str, list[list[int]]] = {
        kind: [[] for _ in range(n_seeds)] for kind in KINDS
    }
    for end in sorted(relaxed, key=lambda end: end.packing.key.draw):
        seed, index = divmod(end.packing.key.draw // n_draws, len(KINDS))
        minimum = minimum_of.get(str(end.packing.key), -1)
        result[KINDS[index]][seed].append(minimum)
    return result


def found_after(minima: list[int]) -> np.ndarray:
    """Distinct minima after each draw."""
    seen: set[int] = {-1}
    counts = []
    for minimum in minima:
        seen.add(minimum)
        counts.append(len(seen) - 1)
    return np.array(counts)


def draw_figure(
    curves: dict[str, np.ndarray], total: int, title: str, file: Path
) -> None:
    """Mean and standard deviation over the seeds, and the difference below."""
    figure = Figure(figsize=(7.5, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    for index, (kind, counts) in enumerate(curves.items()):
        mean, deviation = counts.mean(axis=0), counts.std(axis=0, ddof=1)
        draws = np.arange(1, counts.shape[1] + 1)
        colour = f"C{index}"
        upper.plot(draws, mean, color=colour, label=f"{kind}, {len(counts)} seeds")
        upper.fill_between(
            draws, mean - deviation, mean + deviation, color=colour, alpha=0.2, lw=0
        )
    difference = curves[KINDS[0]].mean(axis=0) - curves[KINDS[1]].mean(axis=0)
    error = np.sqrt(
        sum(item.var(axis=0, ddof=1) / len(item) for item in curves.values())
    )
    lower.plot(draws, difference, color="black")
    lower.fill_between(
        draws,
        difference - 2 * error,
        difference + 2 * error,
        color="black",
        alpha=0.2,
        lw=0,
    )
    lower.axhline(0.0, color="0.6", lw=0.8)
    upper.axhline(total, color="0.6", lw=0.8, ls=":", label="all searches together")
    upper.set_ylabel("distinct minima found")
    lower.set_ylabel("difference\n± 2 standard errors")
    lower.set_xlabel("draws")
    upper.set_title(title)
    upper.legend(fontsize="small")
    figure.savefig(file, dpi=100, metadata={"Software": None})


def main() -> None:
    """Draw, relax, compare, plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=512, help="of each stream")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--window", type=float, default=10.0, help="kJ/mol")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    wanted = parser.parse_args()
    run = open_run(wanted.settings, wanted.folder / "run", tuple(wanted.overrides))
    search = prepare(run, silent)
    minima = minima_of_draws(search, wanted.draws, wanted.seeds, wanted.window)
    curves = {
        kind: np.array([found_after(item) for item in minima[kind]]) for kind in KINDS
    }
    total = len({i for kind in KINDS for item in minima[kind] for i in item} - {-1})
    n_draws = curves[KINDS[0]].shape[1]
    with (wanted.folder / "sampling.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["points", "seed", "draws", "minima found"])
        for kind, counts in curves.items():
            for seed, row in enumerate(counts):
                for n in (n_draws // 16, n_draws // 4, n_draws // 2, n_draws):
                    writer.writerow([kind, seed, n, row[n - 1]])
    for n in (n_draws // 16, n_draws // 4, n_draws // 2, n_draws):
        parts = []
        for kind, counts in curves.items():
            at = counts[:, n - 1]
            error = at.std(ddof=1) / np.sqrt(len(at))
            parts.append(f"{kind} {at.mean():.1f} ± {error:.1f}")
        print(f"{n} draws: minima found (mean and its error): {', '.join(parts)}")
    name = run.settings.molecule.name
    title = f"{name}: minima within {wanted.window:g} kJ/mol, point charges"
    draw_figure(curves, total, title, wanted.folder / "sampling.png")


if __name__ == "__main__":
    main()
