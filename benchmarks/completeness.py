"""What the estimate of completeness claims against the truth of a longer search.

Searches of the settings files given are run, or read if they are finished. Of each, all
tenth parts of the draws in every stream (space group and site) are taken for searches
of their own, and smaller parts down to a two-hundredth. What such a part claims to have
seen of the minima in each window of energy is set against the share that it has of the
minima that the whole search found:

    python benchmarks/completeness.py FOLDER SETTINGS.toml [SETTINGS.toml …]

This is done for the landscape, and for the minima of the first relaxations with point
charges, which are many more and much harder to find. FOLDER gets ``completeness.csv``,
``completeness.png``, and of each search the curve that a report shows. The whole search
is not complete either: its own estimate is printed beside it.
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csp import stages
from csp.course import finalists, finished_course, relaxations_of
from csp.landscape import distinct
from csp.packing.accumulation import accumulate, in_step
from csp.packing.completeness import WINDOWS, Completeness, estimate_completeness
from csp.packing.stop_rule import StopRule
from csp.report.completeness_figure import completeness_png
from csp.report.completeness_text import completeness_sentences
from csp.runs import open_run
from csp.search import Search, prepare

PARTS = (200, 100, 40, 20, 10)
LANDSCAPE, FIRST = "landscape", "first relaxations"


class Draw(NamedTuple):
    """Where a draw ended: stream, index in it, minimum (−1: none), its energy."""

    stream: str
    index: int
    minimum: int
    energy: float


class Claim(NamedTuple):
    """What a part of a search says of itself, and what is true by the whole of it."""

    search: str
    part: int
    estimate: Completeness
    fraction_seen: float
    coverage: float


def told(stage: str, done: int, total: int) -> None:
    """Progress, a line whenever a stage is finished."""
    if done == total:
        print(f"{stage}: {total} done", flush=True)


def draws_of(search: Search, which: str) -> Iterator[Draw]:
    """Of every draw of a finished search, the distinct minimum it ended in.

    This is all that the benchmark knows of how searches are stored.
    """
    settings = search.run.settings
    course = finished_course(search, told)
    if which == FIRST:
        minima = list(course.first.founders.values())
        draws = course.first.members()
        minimum_of = {
            draw: i for i, end in enumerate(minima) for draw in draws[end.name]
        }
    else:
        minima = distinct(
            relaxations_of(search, [part.name for part in finalists(search, course)]),
            search.unit,
            settings.comparison,
            settings.landscape.energy_window_kj_per_mol,
            told,
        )
        minimum_of = {name: i for i, end in enumerate(minima) for name in end.draws}
    for key in course.draws:
        minimum = minimum_of.get(str(key), -1)
        energy = minima[minimum].lattice_energy if minimum >= 0 else 0.0
        yield Draw(f"{key.space_group}{key.sites}", key.draw, minimum, energy)


def claims(search: str, draws: list[Draw], energies: np.ndarray) -> Iterator[Claim]:
    """Of all parts of a search."""
    minima = np.array([draw.minimum for draw in draws])
    index = np.array([draw.index for draw in draws])
    streams, stream = np.unique([draw.stream for draw in draws], return_inverse=True)
    sizes = np.array([index[stream == i].max() + 1 for i in range(len(streams))])
    for part in PARTS:
        block = index * part // sizes[stream]
        for number in range(part):
            is_own = block == number
            for estimate in estimate_completeness(minima[is_own], energies, WINDOWS):
                inside = np.flatnonzero(energies - energies.min() <= estimate.window)
                others = minima[~is_own & np.isin(minima, inside)]
                own = np.unique(minima[is_own])
                yield Claim(
                    search,
                    part,
                    estimate,
                    float(np.isin(inside, own).mean()),
                    float(np.isin(others, own).mean()),
                )


def summary(found: list[Claim]) -> Iterator[str]:
    """Rows of a Markdown table: means of the parts of one size."""
    yield (
        "| search | draws | window | seen, truly | by Chao's bound | claimed (mean "
        "interval) | truth in interval | truth below it | coverage, truly | claimed "
        "| truth in interval |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    groups: dict[tuple[str, int, float], list[Claim]] = defaultdict(list)
    for claim in found:
        groups[claim.search, claim.part, claim.estimate.window].append(claim)
    for (search, _, window), own in groups.items():
        seen = [claim.estimate.fraction_seen for claim in own]
        known = [claim.estimate.coverage for claim in own]
        true_seen = [claim.fraction_seen for claim in own]
        true_known = [claim.coverage for claim in own]
        bound = np.mean(
            [
                claim.estimate.n_seen
                / max(claim.estimate.n_seen + claim.estimate.least_unseen, 1)
                for claim in own
            ]
        )
        n_draws = np.mean([claim.estimate.n_draws for claim in own])
        pairs = list(zip(seen, true_seen, strict=True))
        inside = np.mean([item.low <= true <= item.high for item, true in pairs])
        below = np.mean([true < item.low for item, true in pairs])
        known_inside = np.mean(
            [a.low <= true <= a.high for a, true in zip(known, true_known, strict=True)]
        )
        bounds = [
            100.0 * np.mean([getattr(item, name) for item in seen])
            for name in ("value", "low", "high")
        ]
        yield (
            f"| {search} | {n_draws:.0f} | {window:g} | "
            f"{100.0 * np.mean(true_seen):.0f} % | {100.0 * bound:.0f} % | "
            f"{bounds[0]:.0f} % ({bounds[1]:.0f}–{bounds[2]:.0f}) | "
            f"{100.0 * inside:.0f} % | {100.0 * below:.0f} % | "
            f"{100.0 * np.mean(true_known):.1f} % | "
            f"{100.0 * np.mean([item.value for item in known]):.1f} % | "
            f"{100.0 * known_inside:.0f} % |"
        )


def rules_met(found: list[Claim]) -> Iterator[str]:
    """What is true where a stop rule is met, and where the plain estimate meets it."""
    for search in dict.fromkeys(claim.search for claim in found):
        all_parts = [claim for claim in found if claim.search == search]
        for percent in (80.0, 90.0, 95.0):
            for who in ("rule", "plain estimate"):
                met = [
                    claim.fraction_seen
                    for claim in all_parts
                    if (
                        StopRule(percent, claim.estimate.window).is_met(
                            [claim.estimate]
                        )
                        if who == "rule"
                        else 100.0 * claim.estimate.fraction_seen.value >= percent
                    )
                ]
                if met:
                    less = np.mean(np.array(met) < percent / 100.0)
                    yield (
                        f"{search}: {percent:g} % by the {who} in {len(met)} of "
                        f"{len(all_parts)} parts and windows; truly seen on average "
                        f"{100.0 * np.mean(met):.1f} %, less than that in {less:.0%}"
                    )


def calibration_figure(found: list[Claim], file: Path) -> None:
    """Claimed against true share of minima seen: means of the parts of each size."""
    searches = list(dict.fromkeys(claim.search for claim in found))
    n_rows = -(-len(searches) // 2)
    figure = Figure(figsize=(8.4, 4.2 * n_rows), layout="constrained")
    FigureCanvasAgg(figure)
    for panel, search in enumerate(searches, start=1):
        axes = figure.add_subplot(n_rows, 2, panel)
        axes.plot([0, 100], [0, 100], color="0.6", linewidth=0.8)
        for index, window in enumerate(WINDOWS):
            points = []
            for part in PARTS:
                own = [
                    claim
                    for claim in found
                    if (claim.search, claim.part, claim.estimate.window)
                    == (search, part, window)
                ]
                seen = [claim.estimate.fraction_seen for claim in own]
                rows = [(item.value, item.low, item.high) for item in seen]
                true = np.mean([claim.fraction_seen for claim in own])
                points.append([true, *np.mean(rows, axis=0)])
            true, value, low, high = 100.0 * np.array(points).T
            axes.errorbar(
                true + 0.4 * (index - 1),  # beside one another where all are complete
                value,
                yerr=[value - low, high - value],
                fmt="o-",
                color=f"C{index}",
                markersize=4,
                linewidth=0.9,
                label=f"within {window:g} kJ/mol",
            )
        axes.set_xlim(0.0, 104.0)
        axes.set_ylim(0.0, 104.0)
        axes.set_title(search, fontsize="medium")
        axes.set_xlabel("seen, of the minima of the whole search, %")
        axes.set_ylabel("claimed (95 % interval), %")
        axes.legend(fontsize="small", loc="upper left")
    figure.savefig(file, dpi=90, metadata={"Software": None})


def write_table(found: list[Claim], file: Path) -> None:
    """All claims as CSV."""
    ends = ("value", "low", "high")
    columns = [f"claimed_{what}_{end}" for what in ("seen", "coverage") for end in ends]
    heads = ["search", "part", "window_kj_per_mol", "draws", "hits", "minima_seen"]
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*heads, *columns, "true_seen", "true_coverage"])
        for claim in found:
            own = claim.estimate
            claimed = [
                f"{getattr(item, end):.4f}"
                for item in (own.fraction_seen, own.coverage)
                for end in ends
            ]
            first = [claim.search, f"1/{claim.part}", own.window]
            counts = [own.n_draws, own.n_hits, own.n_seen]
            true = [f"{claim.fraction_seen:.4f}", f"{claim.coverage:.4f}"]
            writer.writerow([*first, *counts, *claimed, *true])


def examined(name: str, draws: list[Draw], picture: Path) -> list[Claim]:
    """Claims of the parts of a search; its own are printed and drawn."""
    energies = np.zeros(1 + max(draw.minimum for draw in draws))
    for draw in draws:
        if draw.minimum >= 0:
            energies[draw.minimum] = draw.energy
    order = in_step(
        [draw.stream for draw in draws], np.array([draw.index for draw in draws])
    )
    minima = np.array([draw.minimum for draw in draws])[order]
    print(f"{name}, the whole search of {len(draws)} draws:")
    for sentence in completeness_sentences(estimate_completeness(minima, energies)):
        print(f"  {sentence}")
    picture.write_bytes(completeness_png(accumulate(minima, energies), name))
    return list(claims(name, draws, energies))


def main(folder: Path, settings_files: list[Path]) -> None:
    """Search, take apart, print and plot."""
    found: list[Claim] = []
    for settings_file in settings_files:
        run = open_run(settings_file, folder / settings_file.stem)
        if not (run.output / "landscape.csv").exists():
            stages.predict(run, told)
        search = prepare(run, told)
        for which in (LANDSCAPE, FIRST):
            name = f"{run.settings.molecule.name}, {which}"
            own = list(draws_of(search, which))
            picture = (
                folder / f"curve_{settings_file.stem}_{which.replace(' ', '_')}.png"
            )
            found += examined(name, own, picture)
    print("\n".join(summary(found)))
    print("\n".join(rules_met(found)))
    write_table(found, folder / "completeness.csv")
    calibration_figure(found, folder / "completeness.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
