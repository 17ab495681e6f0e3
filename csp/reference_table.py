"""Reference energies as tables: what ``csp reference status`` shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from csp.reference.calculation import Calculation
from csp.reference.campaign import Campaign
from csp.reference.engine import Failure
from csp.reference.lattice_energies import (
    energy_per_formula_unit,
    gas_energies,
    lattice_energy,
)
from csp.reference_source import Source
from csp.terminal import table_of


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """One structure at one level.

    Attributes:
        id: Of the structure.
        n_atoms: In the primitive cell.
        lattice_energy: kJ/mol per formula unit; None where a gas energy is missing.
        relative_energy: Above the lowest computed at this level, kJ/mol.
        relative_cheap: Above the lowest of the landscape at the cheap level, kJ/mol.
        observed_form: Its name, or "".
        cpu_seconds: What it cost; None for an imported energy.
        total: kJ/mol per formula unit.
    """

    id: str
    n_atoms: int
    lattice_energy: float | None
    relative_energy: float
    relative_cheap: float
    observed_form: str
    cpu_seconds: float | None
    total: float


@dataclass(frozen=True, slots=True)
class LevelReport:
    """Everything computed at one level.

    Attributes:
        level: Its full name.
        rows: The lowest first.
        failures: Ids with reasons.
        running: Ids that somebody computes now.
        cpu_seconds: Of all calculations, molecules and failures included.
        gas_note: Where gas energies come from.
    """

    level: str
    rows: Sequence[EnergyRow]
    failures: Sequence[tuple[str, Failure]]
    running: Sequence[str]
    cpu_seconds: float
    gas_note: str

    @property
    def n_computed(self) -> int:
        """Crystals with an energy."""
        return len(self.rows)

    def table(self, number: int) -> Table:
        """The first rows and the observed forms."""
        shown = [
            row for i, row in enumerate(self.rows) if i < number or row.observed_form
        ]
        return table_of(
            f"{self.level}: {len(self.rows)} structures, the lowest first",
            (
                "id",
                "atoms",
                "lattice energy kJ/mol",
                "above lowest",
                "force field",
                "CPU s",
                "observed form",
            ),
            [_cells(row) for row in shown],
        )

    def sentences(self) -> list[str]:
        """What the table does not say."""
        lines = [f"{self.cpu_seconds / 60.0:.1f} CPU-minutes; {self.gas_note}"]
        reasons = Counter(failure.reason.value for _, failure in self.failures)
        lines += [f"set aside: {count} {why}" for why, count in sorted(reasons.items())]
        lines += [f"  {name}: {item.message}" for name, item in self.failures]
        if self.running:
            lines.append(f"being computed: {', '.join(self.running)}")
        return lines

    def to_document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "level": self.level,
            "cpu_seconds": round(self.cpu_seconds, 1),
            "structures": [
                {
                    "id": row.id,
                    "n_atoms": row.n_atoms,
                    "lattice_energy_kj_per_mol": row.lattice_energy,
                    "relative_energy_kj_per_mol": row.relative_energy,
                    "energy_kj_per_mol_per_formula_unit": row.total,
                    "forcefield_relative_energy_kj_per_mol": row.relative_cheap,
                    "observed_form": row.observed_form,
                    "cpu_seconds": row.cpu_seconds,
                }
                for row in self.rows
            ],
            "failures": [
                {"id": name, "reason": item.reason.value, "message": item.message}
                for name, item in self.failures
            ],
            "running": list(self.running),
        }


def level_report(campaign: Campaign, source: Source) -> LevelReport:
    """What a folder holds at one level, for the structures of a source."""
    molecules = [campaign.results.find(item) for item in source.molecules]
    gas = gas_energies([item for item in molecules if item is not None])
    known: list[tuple[Calculation, float, str]] = []
    running = []
    for item in source.candidates:
        found = campaign.results.find(item.subject)
        if found is not None:
            known.append((found, item.relative_energy, item.observed_form))
        elif campaign.is_claimed(item.subject):
            running.append(item.subject.id)
    totals = {
        found.subject.id: total
        for found, _, _ in known
        if (total := energy_per_formula_unit(found)) is not None
    }
    lowest = _lowest(known, totals)
    rows = [
        EnergyRow(
            id=found.subject.id,
            n_atoms=found.subject.n_atoms,
            lattice_energy=lattice_energy(found, gas),
            relative_energy=totals[found.subject.id] - lowest[_contents(found)],
            relative_cheap=cheap,
            observed_form=form,
            cpu_seconds=None if found.cost is None else found.cost.cpu_seconds,
            total=totals[found.subject.id],
        )
        for found, cheap, form in known
        if found.subject.id in totals
    ]
    everything = [found for found, _, _ in known] + [
        item for item in molecules if item is not None
    ]
    return LevelReport(
        level=campaign.level.name,
        rows=sorted(rows, key=lambda row: row.total),
        failures=[
            (item.subject.id, item.outcome)
            for item in everything
            if isinstance(item.outcome, Failure)
        ],
        running=running,
        cpu_seconds=sum(
            (item.cost.cpu_seconds for item in everything if item.cost), 0.0
        ),
        gas_note=source.gas_note,
    )


def _contents(calculation: Calculation) -> tuple[tuple[int, int], ...]:
    """Atoms of each element in a formula unit: what may be compared."""
    subject = calculation.subject
    counts = Counter(subject.system.atomic_numbers.tolist())
    return tuple(
        (element, count // subject.n_formula_units)
        for element, count in sorted(counts.items())
    )


def _lowest(
    known: Sequence[tuple[Calculation, float, str]], totals: Mapping[str, float]
) -> dict[tuple[tuple[int, int], ...], float]:
    """The lowest energy of each compound."""
    lowest: dict[tuple[tuple[int, int], ...], float] = {}
    for found, _, _ in known:
        if found.subject.id in totals:
            contents, total = _contents(found), totals[found.subject.id]
            lowest[contents] = min(total, lowest.get(contents, total))
    return lowest


def _cells(row: EnergyRow) -> tuple[str, ...]:
    return (
        row.id,
        str(row.n_atoms),
        "" if row.lattice_energy is None else f"{row.lattice_energy:.2f}",
        f"{row.relative_energy:.2f}",
        f"{row.relative_cheap:.2f}",
        "" if row.cpu_seconds is None else f"{row.cpu_seconds:.0f}",
        row.observed_form,
    )
