"""CPU time of reference energies by the number of atoms in the cell.

    python benchmarks/reference_costs.py data/oxalic_acid/reference_energies.jsonl

Medians and ranges of what the programs needed for one crystal. An embedding counts its
base and those fragments that no earlier structure had; what was found again is free.
"""

import statistics
import sys
from collections import defaultdict
from pathlib import Path

from csp.crystal import Crystal
from csp.reference.engine import Energy
from csp.reference.sharing import read_records


def seconds_of(energy: Energy) -> float:
    """CPU time that the programs report: of the base and of new fragments."""
    base = energy.provenance.get("base", energy.provenance)
    fragments = energy.provenance.get("fragment_cpu_seconds", 0.0)
    return float(base["cpu_seconds"]) + float(fragments)


def main(path: Path) -> None:
    """Print a row for each level and size."""
    times = defaultdict(list)
    for record in read_records(path):
        system, energy = record.subject.system, record.outcome
        if isinstance(system, Crystal) and isinstance(energy, Energy):
            times[record.level, len(system.atomic_numbers)].append(seconds_of(energy))
    print("| level | atoms in the cell | crystals | CPU minutes, median | range |")
    print("| --- | --- | --- | --- | --- |")
    for (level, n_atoms), own in sorted(times.items()):
        low, middle, high = min(own), statistics.median(own), max(own)
        print(
            f"| {level} | {n_atoms} | {len(own)} | {middle / 60:.1f} "
            f"| {low / 60:.1f} to {high / 60:.1f} |"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
