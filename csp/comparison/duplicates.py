"""Duplicates: the many minima of a search, each counted once."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from csp.arrays import Matrix, Scalars, read_only
from csp.comparison.overlay import compare_packings
from csp.comparison.settings import ComparisonSettings
from csp.comparison.shells import Hydrogens, PackingShells, packing_shells
from csp.crystal import Crystal
from csp.errors import InputError

REMEMBERED = 1000
"""Crystals whose shells are kept at a time."""


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """What is compared first of a minimum.

    Attributes:
        key: Its name, unique in the search.
        lattice_energy: kJ/mol per formula unit.
        density: g/cm³.
        invariant: From :func:`csp.comparison.invariants.average_minimum_distances`, Å.
        draws: Names of the draws that led to it; its key alone if left empty.
    """

    key: str
    lattice_energy: float
    density: float
    invariant: Scalars
    draws: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "invariant", read_only(self.invariant))
        object.__setattr__(self, "draws", self.draws or (self.key,))


@dataclass(frozen=True, eq=False, slots=True)
class DuplicateGroup:
    """Minima that are one crystal.

    Attributes:
        representative: The lowest in energy, the first key among equals.
        keys: Of all members, and of the draws that led to them, sorted.
    """

    representative: Candidate
    keys: tuple[str, ...]

    @property
    def times_found(self) -> int:
        """Members of the group."""
        return len(self.keys)


def unique(
    candidates: Iterable[Candidate],
    crystal_of: Callable[[str], Crystal],
    settings: ComparisonSettings,
) -> tuple[DuplicateGroup, ...]:
    """The distinct crystals among many minima, lowest energy first.

    From the lowest energy up, every minimum joins the first group whose representative
    it duplicates, or else founds one. Duplicates lie within the windows of energy and
    density, and their average minimum distances agree; in the band between sure and
    impossible the packings are overlaid. The result does not depend on the order of
    the candidates, and the representatives by themselves are all distinct.

    Args:
        candidates: The minima.
        crystal_of: Gives the crystal of a key; asked only where in doubt.
        settings: The thresholds.

    Raises:
        InputError: If two candidates share a key, or an energy or density is no
            number.
    """
    return extend((), candidates, crystal_of, settings)


def extend(
    groups: Sequence[DuplicateGroup],
    candidates: Iterable[Candidate],
    crystal_of: Callable[[str], Crystal],
    settings: ComparisonSettings,
) -> tuple[DuplicateGroup, ...]:
    """Groups with new minima added; representatives known to differ are not compared.

    A new minimum may take over one or more groups whose representatives it duplicates
    from below in energy. Where three minima are duplicates only in pairs, the result
    can differ from that of :func:`unique` on all minima at once.

    Args:
        groups: From :func:`unique` or this function, by the same settings.
        candidates: The new minima.
        crystal_of: Gives the crystal of a key, a representative's or a new one's.
        settings: The thresholds.

    Raises:
        InputError: If two minima share a key, or an energy or density is no number.
    """
    known = {group.representative.key for group in groups}
    entering = [
        *groups,
        *(DuplicateGroup(candidate, candidate.draws) for candidate in candidates),
    ]
    _check(entering)
    entering.sort(key=lambda g: (g.representative.lattice_energy, g.representative.key))
    same_packing = _packing_test(crystal_of, settings)
    sweep = _Sweep.of([group.representative for group in entering], settings)
    founders: list[int] = []
    new_founders: list[int] = []
    members: dict[int, list[str]] = {}
    for index, group in enumerate(entering):
        key = group.representative.key
        is_known = key in known
        for founder, gap in sweep.similar(
            index, new_founders if is_known else founders
        ):
            other = entering[founder].representative.key
            if gap <= settings.surely_same_angstrom or same_packing(other, key):
                members[founder] += group.keys
                break
        else:
            founders.append(index)
            new_founders += [] if is_known else [index]
            members[index] = list(group.keys)
    return tuple(
        DuplicateGroup(entering[i].representative, tuple(sorted(members[i])))
        for i in founders
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Sweep:
    """Columns of all minima, energies ascending, and the windows around each."""

    energies: Scalars
    densities: Scalars
    invariants: Matrix
    settings: ComparisonSettings

    @classmethod
    def of(cls, minima: Sequence[Candidate], settings: ComparisonSettings) -> "_Sweep":
        width = len(minima[0].invariant) if minima else 0
        invariants = [minimum.invariant for minimum in minima]
        return cls(
            np.array([minimum.lattice_energy for minimum in minima], dtype=float),
            np.array([minimum.density for minimum in minima], dtype=float),
            np.array(invariants, dtype=float).reshape(len(minima), width),
            settings,
        )

    def similar(self, index: int, founders: list[int]) -> list[tuple[int, float]]:
        """Founders in all windows of a minimum, and the gaps of their invariants, Å."""
        lowest = self.energies[index] - self.settings.energy_window_kj_per_mol
        first = bisect_left(founders, lowest, key=lambda i: float(self.energies[i]))
        near = np.array(founders[first:], dtype=int)
        density = self.densities[index]
        window = self.settings.density_window_percent / 100.0 * density
        near = near[np.abs(self.densities[near] - density) <= window]
        if len(near) == 0:
            return []
        gaps = np.abs(self.invariants[near] - self.invariants[index]).max(axis=1)
        alike = gaps <= self.settings.surely_different_angstrom
        return list(zip(near[alike].tolist(), gaps[alike].tolist(), strict=True))


def _packing_test(
    crystal_of: Callable[[str], Crystal], settings: ComparisonSettings
) -> Callable[[str, str], bool]:
    """Whether the crystals of two keys overlay, polar hydrogens included."""

    @lru_cache(maxsize=REMEMBERED)
    def shells(key: str) -> PackingShells:
        return packing_shells(crystal_of(key), settings.n_molecules, Hydrogens.POLAR)

    def same_packing(first: str, second: str) -> bool:
        match = compare_packings(shells(first), shells(second), settings.tolerances)
        return match.same and match.rmsd <= settings.duplicate_rmsd_angstrom

    return same_packing


def _check(groups: Sequence[DuplicateGroup]) -> None:
    seen: set[str] = set()
    for group in groups:
        minimum = group.representative
        if repeated := seen.intersection(group.keys):
            raise InputError(
                f"the key {min(repeated)!r} names two minima: give each its own"
            )
        seen.update(group.keys)
        if not np.isfinite([minimum.lattice_energy, minimum.density]).all():
            raise InputError(
                f"{minimum.key!r} has lattice energy {minimum.lattice_energy} kJ/mol "
                f"and density {minimum.density} g/cm³: leave out what did not converge"
            )
        if minimum.invariant.shape != groups[0].representative.invariant.shape:
            raise InputError(
                f"the invariant of {minimum.key!r} has {len(minimum.invariant)} "
                "numbers, not as many as the others: use one n_neighbours and one "
                "compound"
            )
