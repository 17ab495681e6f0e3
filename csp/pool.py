"""Distinct minima that grow in number round by round, the earlier ones kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from csp.comparison.duplicates import Candidate, DuplicateGroup, extend
from csp.comparison.settings import ComparisonSettings
from csp.crystal import Crystal
from csp.landscape import candidate_of
from csp.packing.expansion import crystal_of
from csp.potentials.bodies import FormulaUnit
from csp.records import Progress, Relaxation, Status


@dataclass(eq=False, slots=True)
class Pool:
    """Distinct minima of one level of theory.

    A minimum that was the first of its kind stands for all that are like it, also for
    those that come later and lie a rounding error lower: what was computed for it need
    not be computed again. New minima are compared with those that are there and with
    one another; what is there is not compared again.

    Attributes:
        unit: What the crystals are made of.
        settings: When two crystals are one.
        founders: The distinct minima by name, in the order of their finding.
        founder_of: For every minimum that was added the founder it is like.
    """

    unit: FormulaUnit
    settings: ComparisonSettings
    founders: dict[str, Relaxation] = field(default_factory=dict)
    founder_of: dict[str, str] = field(default_factory=dict)
    _candidates: dict[str, Candidate] = field(default_factory=dict)

    @property
    def lowest(self) -> float:
        """The lowest lattice energy, kJ/mol; infinite in an empty pool."""
        return min(
            (own.lattice_energy for own in self.founders.values()), default=float("inf")
        )

    def add(
        self, ends: Iterable[Relaxation], window: float, progress: Progress
    ) -> list[Relaxation]:
        """Add what converged within a window above the lowest of all.

        Args:
            ends: Relaxations of new names.
            window: kJ/mol per formula unit.
            progress: Told how far it is.

        Returns:
            The new founders, the lowest in energy first.
        """
        converged = [end for end in ends if end.status is Status.CONVERGED]
        lowest = min([self.lowest, *(end.lattice_energy for end in converged)])
        new = {
            end.name: end for end in converged if end.lattice_energy - lowest <= window
        }
        total = len(new)
        for done, (name, end) in enumerate(sorted(new.items()), start=1):
            self._candidates[name] = self._candidate(end)
            progress("comparing", done, total)
        groups = extend(
            [self._group(name) for name in self.founders],
            [_alone(self._candidates[name]) for name in sorted(new)],
            lambda name: self._crystal(name, new),
            self.settings,
        )
        fresh = []
        for group in groups:
            old = [name for name in group.keys if name in self.founders]
            founder = old[0] if old else group.representative.key
            if not old:
                fresh.append(founder)
            self.founder_of |= {
                name: founder for name in group.keys if name not in self.founders
            }
        self.founders |= {name: new[name] for name in fresh}
        for name in new.keys() - set(fresh):
            del self._candidates[name]
        return [new[name] for name in fresh]

    def _group(self, name: str) -> DuplicateGroup:
        if name not in self._candidates:  # recalled from a store
            self._candidates[name] = self._candidate(self.founders[name])
        return DuplicateGroup(_alone(self._candidates[name]), (name,))

    def _candidate(self, end: Relaxation) -> Candidate:
        return candidate_of(end, crystal_of(end.packing, self.unit))

    def _crystal(self, name: str, new: dict[str, Relaxation]) -> Crystal:
        end = new[name] if name in new else self.founders[name]
        return crystal_of(end.packing, self.unit)

    def members(self) -> dict[str, list[str]]:
        """Of each founder the names of all minima that are like it, sorted."""
        found: dict[str, list[str]] = {name: [] for name in self.founders}
        for name, founder in self.founder_of.items():
            found[founder].append(name)
        return {name: sorted(own) for name, own in found.items()}

    def recall(
        self, founders: Iterable[Relaxation], founder_of: Mapping[str, str]
    ) -> None:
        """Add the outcome of an earlier :meth:`add`."""
        self.founders |= {end.name: end for end in founders}
        self.founder_of |= founder_of


def _alone(candidate: Candidate) -> Candidate:
    """A candidate that stands for itself, not for the draws that led to it."""
    return replace(candidate, draws=(candidate.key,))
