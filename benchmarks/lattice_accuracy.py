"""Lattice energies and cells of experimental crystals after relaxation.

Every CIF file of a folder is minimised with FIT and with revised W99, multipoles
computed from its molecules; its lattice energy is set beside a reference (a CSV file
with the columns ``system`` and ``Expt_2025``, kJ/mol), its cell beside the experimental
one:

    python benchmarks/lattice_accuracy.py FOLDER [REFERENCE.csv]

Finished rows are kept in ``lattice_accuracy.jsonl`` in the current folder, so that the
command goes on where it was stopped. The energies are those of rigid molecules in the
conformation of the crystal; what it costs to leave the lowest gas-phase conformation is
not in them (19 kJ/mol for oxalic acid), and neither are the temperature and zero-point
motion of the experimental cells.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

FORCE_FIELDS = ("fit", "revised-w99")
KEPT = Path("lattice_accuracy.jsonl")


def minimised(crystal: Path, force_field: str) -> dict:
    """What ``csp minimise --json`` says of a crystal."""
    command = [sys.executable, "-m", "csp", "minimise", str(crystal)]
    command += ["--json", "--force-field", force_field]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failure": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout)


def known() -> dict[tuple[str, str], dict]:
    """Rows of an earlier run."""
    if not KEPT.exists():
        return {}
    rows = [json.loads(line) for line in KEPT.read_text().splitlines()]
    return {(row["crystal"], row["force_field"]): row for row in rows}


def references(path: Path | None) -> dict[str, float]:
    """Reference lattice energies by system, kJ/mol."""
    if path is None:
        return {}
    with path.open(encoding="utf-8") as file:
        return {row["system"]: float(row["Expt_2025"]) for row in csv.DictReader(file)}


def line(name: str, rows: dict[str, dict], reference: float | None) -> str:
    """A row of the table."""
    cells = [name, "–" if reference is None else f"{reference:.1f}"]
    for force_field in FORCE_FIELDS:
        row = rows[force_field]
        if "failure" in row:
            cells += [row["failure"], ""]
            continue
        lengths = zip(row["cell"][:3], row["initial"]["cell"][:3], strict=True)
        off = ", ".join(f"{100.0 * (end / start - 1.0):+.1f}" for end, start in lengths)
        status = "" if row["status"] == "converged" else f" ({row['status']})"
        cells += [f"{row['lattice_energy_kj_per_mol']:.1f}{status}", off]
    return "| " + " | ".join(cells) + " |"


def main(folder: Path, reference: Path | None) -> None:
    """Minimise, keep and print."""
    energies, rows = references(reference), known()
    lines = []
    for crystal in sorted(folder.glob("*.cif")):
        name = crystal.stem
        for force_field in FORCE_FIELDS:
            if (name, force_field) not in rows:
                row = minimised(crystal, force_field)
                row |= {"crystal": name, "force_field": force_field}
                rows[name, force_field] = row
                with KEPT.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
        own = {key: rows[name, key] for key in FORCE_FIELDS}
        lines.append(line(name, own, energies.get(name)))
        print(lines[-1], flush=True)
    print(
        "\n| crystal | reference kJ/mol | FIT kJ/mol | a, b, c off by, % | "
        "revised W99 kJ/mol | a, b, c off by, % |\n|---|---|---|---|---|---|"
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
