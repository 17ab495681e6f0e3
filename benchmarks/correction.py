"""Error of corrected energies against what was paid for them.

    python benchmarks/correction.py LANDSCAPE LEVEL [FIGURE.png]

LANDSCAPE is the folder of a run with reference energies at LEVEL (csp reference run or
import). Of the structures computed there some are learned from, in the order of a few
policies, and the error is that of the others; structures that only a level below has
may be chosen at that one. Cost is the CPU time of the reference
energies, as part of what the whole landscape would take at LEVEL. The policies: what
csp correct chooses (of any level that LEVEL builds on), the same at LEVEL alone, at
random, and the lowest of the force field first, both at LEVEL. There are ten repeats;
in each a sixth of the structures, others every time, is only predicted.
"""

import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csp.arrays import Indices, Matrix, Scalars
from csp.corrected.knowledge import chain_of
from csp.corrected.landscape import described
from csp.corrected.loop import known_levels
from csp.correction.acquisition import Ladder, choose, first_choice
from csp.correction.fidelity import Correction, LevelData
from csp.reference.campaign import Campaign
from csp.reference.levels import built_in_levels, level_named
from csp.reference_source import open_source

N_REPEATS = 10
FIRST, FIRST_HIGH = 8, 4
N_AT_ONCE = 4
WINDOW = 10.0
HIDDEN = 1 / 6
HIGHEST_PART = 0.12
"""Of the cost of the whole landscape, where a curve ends."""
LABEL_ERROR = 0.1
"""kJ/mol."""


@dataclass(frozen=True, slots=True)
class Data:
    """The computed part of a landscape.

    Attributes:
        features: Φ.
        cheap: Energies of the force field, kJ/mol.
        density: g/cm³.
        energies: Of each level, the highest last, one row a level, kJ/mol; not a
            number where they were not computed, at infinite cost.
        changes: From level to level, of the isolated molecules, kJ/mol.
        costs: Of each level, given the ones below, CPU seconds.
        whole_cost: Of every structure of the landscape, those that were not computed by
            the cost model, CPU seconds.
    """

    features: np.ndarray
    cheap: Scalars
    density: Scalars
    energies: Matrix
    changes: Matrix
    costs: Matrix
    whole_cost: float

    @property
    def truth(self) -> Scalars:
        """Energies of the highest level, kJ/mol."""
        return np.asarray(self.energies[-1])

    @property
    def without_levels_below(self) -> "Data":
        """The highest level alone; its cost holds that of those below."""
        return replace(
            self,
            energies=self.energies[-1:],
            changes=self.changes.sum(axis=0)[None],
            costs=self.costs.sum(axis=0)[None],
        )


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def read(folder: Path, name: str) -> Data:
    """The structures of a landscape that are computed at a level."""
    levels = built_in_levels()
    level = level_named(name, levels)
    source = open_source([folder], None, [])
    chain = [Campaign(folder, item, levels) for item in chain_of(level, levels)]
    known = known_levels(source, chain)
    if len(known) < len(chain):
        raise SystemExit(f"no energies at {level.name} in {folder}")
    tables = [
        dict(zip(item.data.rows.tolist(), item.data.energies.tolist(), strict=True))
        for item in known
    ]
    rows = sorted(set().union(*tables))
    chosen = [source.candidates[row] for row in rows]
    landscape = described(chosen, folder / "descriptors", quiet)
    costs = np.zeros((len(chain), len(rows)))
    whole = 0.0
    for k, campaign in enumerate(chain):
        model = campaign.cost_model()
        for row, candidate in enumerate(source.candidates):
            found = campaign.results.find(candidate.subject)
            if found is not None and found.cost is not None:
                cost = found.cost.cpu_seconds
            else:
                cost = campaign.expected_cpu_seconds(candidate.subject, model)
            whole += cost
            if row in rows:
                costs[k, rows.index(row)] = cost if row in tables[k] else np.inf
    return Data(
        landscape.features,
        landscape.baseline,
        landscape.linear[:, 0],
        np.array([[table.get(row, np.nan) for row in rows] for table in tables]),
        np.array([_known_change(item.data)[rows] for item in known]),
        costs,
        whole,
    )


def _known_change(data: LevelData) -> Scalars:
    """Of the isolated molecules of all crystals."""
    if data.known_change is None:
        raise SystemExit("gas energies of the conformers are missing")
    return data.known_change


@dataclass(frozen=True, slots=True)
class Paid:
    """What was computed.

    Attributes:
        hidden: Crystals that are only predicted.
        order: Crystals and levels, as they were computed: (row, height).
        data: Of the levels that were used.
    """

    data: Data
    hidden: np.ndarray
    order: tuple[tuple[int, int], ...]

    @property
    def heights(self) -> Indices:
        """At how many levels each crystal is computed."""
        found = np.zeros(len(self.data.cheap), dtype=int)
        for row, height in self.order:
            found[row] = max(found[row], height)
        return found

    @property
    def part(self) -> float:
        """Cost, of the whole landscape's."""
        levels = np.arange(len(self.data.costs))[:, None]
        is_paid = levels < self.heights
        return float(self.data.costs[is_paid].sum() / self.data.whole_cost)

    @property
    def correction(self) -> Correction:
        """What is learned from it."""
        levels = {}
        for k, energies in enumerate(self.data.energies):
            rows = np.flatnonzero(self.heights > k)
            errors = np.full(len(rows), LABEL_ERROR)
            change = self.data.changes[k]
            levels[f"level {k}"] = LevelData(rows, energies[rows], errors, change)
        return Correction.fit(
            self.data.features,
            self.data.cheap,
            levels,
            linear=self.data.density[:, None],
        )

    @property
    def open_costs(self) -> Matrix:
        """Infinite for what is only predicted."""
        return np.where(self.hidden, np.inf, self.data.costs)

    @property
    def left(self) -> Indices:
        """Crystals that may be computed and are not."""
        is_open = np.isfinite(self.open_costs).all(axis=0)
        return np.flatnonzero((self.heights == 0) & is_open)

    def and_more(self, more: Sequence[tuple[int, int]]) -> "Paid":
        """After further calculations."""
        return replace(self, order=(*self.order, *more))


Policy = Callable[[Paid, np.random.Generator], list[tuple[int, int]]]


def chosen_by_csp(paid: Paid, generator: np.random.Generator) -> list[tuple[int, int]]:
    """What csp correct would compute."""
    data = paid.data
    highest = len(data.costs)
    if not paid.order:
        costs = paid.open_costs.sum(axis=0)
        first = first_choice(data.features, data.cheap, costs, len(costs))
        first = first[np.isfinite(costs[first])][:FIRST]
        return [
            (row, highest if k < FIRST_HIGH else 1)
            for k, row in enumerate(first.tolist())
        ]
    correction = paid.correction
    ladder = Ladder(
        correction.posterior.mean,
        tuple(step.posterior for step in correction.steps),
        paid.open_costs,
        paid.heights,
    )
    return [(item.row, item.height) for item in choose(ladder, N_AT_ONCE, generator)]


def at_random(paid: Paid, generator: np.random.Generator) -> list[tuple[int, int]]:
    """Any."""
    n = N_AT_ONCE if paid.order else FIRST
    return [(int(row), 1) for row in generator.permutation(paid.left)[:n]]


def lowest_first(paid: Paid, generator: np.random.Generator) -> list[tuple[int, int]]:
    """By the force field."""
    del generator
    n = N_AT_ONCE if paid.order else FIRST
    lowest = paid.left[np.argsort(paid.data.cheap[paid.left])]
    return [(int(row), 1) for row in lowest[:n]]


def curve(data: Data, policy: Policy, repeat: int) -> list[tuple[float, ...]]:
    """Part of the cost, structures computed, error of the others, of the low ones."""
    generator = np.random.default_rng(repeat)
    hidden = generator.random(len(data.cheap)) < HIDDEN
    paid = Paid(data, hidden, ())
    truth = data.truth
    found: list[tuple[float, ...]] = []
    while True:
        more = policy(paid, generator)
        paid = paid.and_more(more)
        others = np.flatnonzero((paid.heights < len(data.costs)) & np.isfinite(truth))
        low = others[truth[others] <= np.nanmin(truth) + WINDOW]
        if not more or paid.part > HIGHEST_PART or len(low) < FIRST:
            return found
        errors = np.abs(paid.correction.posterior.mean - truth)
        found.append(
            (
                paid.part,
                float(np.count_nonzero(paid.heights)),
                float(errors[others].mean()),
                float(errors[low].mean()),
            )
        )


def averaged(curves: Sequence[Sequence[tuple[float, ...]]]) -> Matrix:
    """Means over repeats at equal numbers of batches, with spreads of the errors."""
    n = min(len(one) for one in curves)
    stack = np.array([one[:n] for one in curves])
    return np.hstack([stack.mean(axis=0), stack[:, :, 2:].std(axis=0)])


def main(folder: Path, level: str, figure: Path | None) -> None:
    """Print the table, draw the figure."""
    data = read(folder, level)
    spent = data.costs[np.isfinite(data.costs)].sum() / 3600.0
    print(
        f"{np.isfinite(data.truth).sum()} structures at {level}, {spent:.2f} CPU-h; "
        f"the whole landscape would take {data.whole_cost / 3600.0:.1f}"
    )
    shift = (data.truth - data.cheap)[np.isfinite(data.truth)]
    print(f"force field, its mean shifted: {np.abs(shift - shift.mean()).mean():.2f}")
    alone = data.without_levels_below
    policies: dict[str, tuple[Data, Policy]] = {
        "csp": (data, chosen_by_csp),
        "csp, one level": (alone, chosen_by_csp),
        "random": (alone, at_random),
        "lowest first": (alone, lowest_first),
    }
    if len(data.costs) == 1:
        del policies["csp, one level"]
    curves = {}
    for name, (used, policy) in policies.items():
        print(f"\n{name}\n cost %   computed   error   within {WINDOW:g} kJ/mol")
        found = averaged([curve(used, policy, k) for k in range(N_REPEATS)])
        for part, n, error, low, *_ in found:
            print(f"{100 * part:7.1f} {n:10.0f} {error:7.2f} {low:8.2f}", flush=True)
        curves[name] = found
    if figure is not None:
        figure.write_bytes(picture(curves, level))
        print(f"\nwrote {figure}")


def picture(curves: dict[str, Matrix], level: str) -> bytes:
    """Error against cost, one line a policy."""
    canvas = Figure(figsize=(9.0, 4.2), layout="constrained")
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(1, 2, sharex=True)
    titles = ("all others", f"those within {WINDOW:g} kJ/mol of the lowest")
    colours = ("#0072b2", "#009e73", "#999999", "#d55e00")
    for column, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        for (name, table), colour in zip(curves.items(), colours, strict=False):
            axes.errorbar(
                100.0 * table[:, 0],
                table[:, 2 + column],
                table[:, 4 + column],
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
