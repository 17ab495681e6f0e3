"""A pool to learn on: crystals with energies per formula unit, and what was assumed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from csp.arrays import AtomicNumbers, Indices, Matrix, Scalars, read_only
from csp.conformers.graph import formula_of
from csp.correction.feature_store import digest_of
from csp.correction.structures import Frame, check_key, crystal_of, number_of
from csp.crystal import Crystal
from csp.errors import InputError
from csp.records import Progress
from csp.units import KJ_PER_MOL_PER_EV

FEWEST = 8
"""Crystals that a learning curve needs."""
_FAR = 12.0
"""Energies further from the median, in units of their usual distance, are doubtful."""
_SUSPICIOUS = 5.0
"""By how much the spread would be smaller if the energies were given otherwise."""
_NAMED = 3


class Per(StrEnum):
    """What an energy of a file belongs to."""

    CELL = "cell"
    MOLECULE = "molecule"


class Unit(StrEnum):
    """What an energy of a file is given in."""

    EV = "ev"
    KJ = "kj"

    @property
    def factor(self) -> float:
        """kJ/mol."""
        return KJ_PER_MOL_PER_EV if self is Unit.EV else 1.0


@dataclass(frozen=True, slots=True)
class Energies:
    """Which numbers of a structure are its energies.

    Attributes:
        target: Key of the energy to be learned.
        baseline: Key of the energy that it is a correction of; None for none.
        per: What both belong to.
        unit: What both are given in.
    """

    target: str
    baseline: str | None = None
    per: Per = Per.CELL
    unit: Unit = Unit.KJ


@dataclass(frozen=True, eq=False, slots=True)
class Pool:
    """Crystals with energies.

    Attributes:
        names: Of each crystal.
        crystals: Their formula units counted.
        targets: kJ/mol per formula unit.
        baselines: kJ/mol per formula unit; zero where there is none.
        notes: What was assumed or left out, one sentence each.
    """

    names: tuple[str, ...]
    crystals: tuple[Crystal, ...]
    targets: Scalars
    baselines: Scalars
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", read_only(self.targets))
        object.__setattr__(self, "baselines", read_only(self.baselines))

    @property
    def densities(self) -> Scalars:
        """g/cm³."""
        return np.array([crystal.density for crystal in self.crystals])

    @property
    def n_units(self) -> Scalars:
        """Formula units in each cell."""
        return np.array([crystal.n_formula_units for crystal in self.crystals], float)

    @property
    def composition(self) -> Matrix:
        """Atoms of each element in a formula unit, one row a crystal."""
        elements = np.unique(np.concatenate([c.atomic_numbers for c in self.crystals]))
        counts = [
            [np.sum(c.atomic_numbers == z) for z in elements] for c in self.crystals
        ]
        return np.asarray(np.array(counts, dtype=float) / self.n_units[:, None])

    @property
    def deviations(self) -> Scalars:
        """Target minus baseline, what is linear in the composition left out."""
        everyone = np.arange(len(self.names))
        differences = self.targets - self.baselines
        return without_composition(differences, self.composition, everyone)

    def chosen(self, rows: Sequence[int]) -> "Pool":
        """Some of the crystals."""
        return Pool(
            tuple(self.names[i] for i in rows),
            tuple(self.crystals[i] for i in rows),
            self.targets[list(rows)],
            self.baselines[list(rows)],
            self.notes,
        )

    def noting(self, *notes: str) -> "Pool":
        """The same with more to be said."""
        return replace(self, notes=self.notes + notes)


def make_pool(
    frames: tuple[Frame, ...], energies: Energies, progress: Progress
) -> Pool:
    """The crystals of a file that have the wanted energies.

    Structures that are given twice count once. Where bonds join what are separate
    molecules in the other structures, formula units are counted by the elements.

    Raises:
        InputError: If a structure is no crystal, or too few are left.
    """
    check_key(frames, energies.target, "--target")
    if energies.baseline is not None:
        check_key(frames, energies.baseline, "--baseline")
    pool = _counted(_once(_with_energies(frames, energies, progress)))
    factor = energies.unit.factor / (pool.n_units if energies.per is Per.CELL else 1.0)
    pool = replace(
        pool, targets=factor * pool.targets, baselines=factor * pool.baselines
    )
    pool = _without_zeros(pool, energies)
    if len(pool.names) < FEWEST:
        raise InputError(
            f"{len(pool.names)} crystals with {energies.target} are too few to learn "
            f"from, at least {FEWEST} are needed: "
            f"{'; '.join(pool.notes) or 'give more'}"
        )
    return pool.noting(*_compounds(pool), *_doubts(pool, energies))


def _with_energies(
    frames: tuple[Frame, ...], energies: Energies, progress: Progress
) -> Pool:
    """Frames that are crystals of molecules and have all energies, as given."""
    names, crystals, numbers = [], [], []
    n_missing = n_networks = 0
    for done, frame in enumerate(frames, 1):
        target = number_of(frame, energies.target)
        key = energies.baseline
        base = 0.0 if key is None else number_of(frame, key)
        progress("reading", done, len(frames))
        if target is None or base is None:
            n_missing += 1
            continue
        crystal = crystal_of(frame)
        if crystal is None:
            n_networks += 1
            continue
        names.append(frame.name)
        crystals.append(crystal)
        numbers.append((target, base))
    notes = []
    if n_missing:
        wanted = energies.target + (f" or {energies.baseline}" if key else "")
        notes.append(f"{structures(n_missing)} without {wanted} left out")
    if n_networks:
        notes.append(
            f"{structures(n_networks)} left out whose bonds go on from cell to cell: "
            "not separate molecules"
        )
    table = np.array(numbers, dtype=float).reshape(-1, 2)
    return Pool(tuple(names), tuple(crystals), table[:, 0], table[:, 1], tuple(notes))


def structures(n: int) -> str:
    """So many structures, in words."""
    return "1 structure" if n == 1 else f"{n} structures"


def _once(pool: Pool) -> Pool:
    """The first of structures that are the same to the last digit."""
    first: dict[str, int] = {}
    for index, crystal in enumerate(pool.crystals):
        first.setdefault(digest_of(crystal, ""), index)
    n_repeated = len(pool.names) - len(first)
    kept = pool.chosen(sorted(first.values()))
    if not n_repeated:
        return kept
    return kept.noting(f"{structures(n_repeated)} given twice counted once")


def _counted(pool: Pool) -> Pool:
    """Crystals of one composition with formula units of one size."""
    ratios = [_ratio(crystal.atomic_numbers) for crystal in pool.crystals]
    sizes: dict[object, Counter[int]] = {ratio: Counter() for ratio in ratios}
    for crystal, ratio in zip(pool.crystals, ratios, strict=True):
        sizes[ratio][len(crystal.atomic_numbers) // crystal.n_formula_units] += 1
    found, n_changed = [], 0
    for crystal, ratio in zip(pool.crystals, ratios, strict=True):
        counts = sizes[ratio]
        usual = min(counts, key=lambda size: (-counts[size], size))
        n_units, rest = divmod(len(crystal.atomic_numbers), usual)
        is_other = rest == 0 and n_units != crystal.n_formula_units
        n_changed += is_other
        found.append(replace(crystal, n_formula_units=n_units) if is_other else crystal)
    counted = replace(pool, crystals=tuple(found))
    if not n_changed:
        return counted
    return counted.noting(
        f"{structures(n_changed)} with other bonds than most: formula units counted by "
        "their elements"
    )


def _ratio(atomic_numbers: AtomicNumbers) -> tuple[tuple[int, int], ...]:
    """Elements and their smallest whole ratio."""
    elements, counts = np.unique(atomic_numbers, return_counts=True)
    smallest = counts // np.gcd.reduce(counts)
    return tuple(zip(elements.tolist(), smallest.tolist(), strict=True))


def _without_zeros(pool: Pool, energies: Energies) -> Pool:
    """Without structures whose energy is exactly zero, far from all others.

    Files of searches write 0.000 for energies that were not computed.
    """
    if len(pool.names) < FEWEST:
        return pool
    is_zero = (pool.targets == 0.0) & _are_far(pool.targets)
    if not is_zero.any():
        return pool
    n_zero = int(is_zero.sum())
    return pool.chosen(np.flatnonzero(~is_zero).tolist()).noting(
        f"{structures(n_zero)} left out whose {energies.target} is exactly 0, far from "
        "the others: taken as not computed"
    )


def _are_far(energies: Scalars) -> np.ndarray:
    """Which are so far from the median that they hardly belong."""
    distances = np.abs(energies - np.median(energies))
    return np.asarray(
        distances > _FAR * 1.4826 * max(float(np.median(distances)), 1e-6)
    )


def _compounds(pool: Pool) -> list[str]:
    counts = Counter(_formula_unit(crystal) for crystal in pool.crystals)
    if len(counts) == 1:
        return []
    named = ", ".join(f"{kind} ({n})" for kind, n in counts.most_common(_NAMED))
    rest = len(counts) - _NAMED
    return [
        f"{len(counts)} compositions: {named}"
        f"{f' and {rest} more' if rest > 0 else ''}; corrections are "
        "learned above a baseline that is linear in the composition"
    ]


def _formula_unit(crystal: Crystal) -> str:
    """Formula of a formula unit."""
    elements, counts = np.unique(crystal.atomic_numbers, return_counts=True)
    return formula_of(np.repeat(elements, counts // crystal.n_formula_units))


def _doubts(pool: Pool, energies: Energies) -> list[str]:
    """What looks like a mistake of the one who asks."""
    notes = []
    rest = pool.deviations
    factor = pool.n_units if energies.per is Per.CELL else 1.0 / pool.n_units
    otherwise = replace(
        pool, targets=factor * pool.targets, baselines=factor * pool.baselines
    ).deviations
    if np.ptp(pool.n_units) and _SUSPICIOUS * otherwise.std() < rest.std():
        instead = Per.MOLECULE if energies.per is Per.CELL else Per.CELL
        notes.append(
            f"energies taken as per {energies.per} spread by {rest.std():.1f} kJ/mol, "
            f"as per {instead} by {otherwise.std():.1f}: check --per"
        )
    if "ev" in energies.target.lower().split("_") and energies.unit is Unit.KJ:
        notes.append(f"{energies.target} is taken as kJ/mol: check --unit")
    far = np.flatnonzero(_are_far(rest))
    notes += [
        f"{pool.names[i]} lies {rest[i] - np.median(rest):+.1f} kJ/mol from the "
        "median: check it"
        for i in far[:_NAMED]
    ]
    if len(far) > _NAMED:
        notes.append(f"{len(far) - _NAMED} more lie as far from the median")
    return notes


def without_composition(
    energies: Scalars, composition: Matrix, known: Indices
) -> Scalars:
    """Energies minus their least-squares fit, linear in the composition.

    With one compound that is the mean.

    Args:
        energies: Of all crystals.
        composition: Atoms of each element, one row a crystal.
        known: Rows that the fit may see.
    """
    columns = np.column_stack([np.ones(len(energies)), composition])
    fit, *_ = np.linalg.lstsq(columns[known], energies[known], rcond=None)
    return np.asarray(energies - columns @ fit)
