r"""How reference energies of a crystal converge: one setting of a level at a time.

    python benchmarks/reference_convergence.py FOLDER CRYSTAL.cif GAS.xyz LEVEL \
        KEY=VALUE,VALUE… [KEY=VALUE,…]

A key ``base.cutoff_rydberg`` is one of the level that an embedding builds on. Results
are kept in FOLDER as those of ``csp reference run``, so that what is known is not
computed again; one core. One table a key, energies in kJ/mol per formula unit. Example:

    … pbe0-d4-qe dimer_cutoff_angstrom=3,4,5 base.k_spacing=0.65,0.5,0.4
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csp.reference.calculation import Calculation
from csp.reference.campaign import Campaign, Limits, energy_of
from csp.reference.lattice_energies import gas_energies, lattice_energy
from csp.reference.levels import (
    EmbeddingLevel,
    Level,
    built_in_levels,
    level_named,
    levels_from,
)
from csp.reference.subjects import Subject
from csp.reference_source import Source, open_source

LIMITS = Limits(cores=1, cores_each=1, memory=12.0)
PARTS = {
    "base and monomers": ("electronic", "monomers", "counterpoise"),
    "dimers": ("dimers",),
    "distant": ("distant",),
    "dispersion": ("dispersion",),
}
"""Columns, and the parts of an energy in each: the molecules that an embedding puts in
are those that it takes out of its base."""


def variant(level: Level, key: str, value: Any) -> tuple[Level, dict[str, Level]]:  # noqa: ANN401
    """The level with another value, and all levels that it builds on."""
    known = dict(built_in_levels())
    if key.startswith("base."):
        assert isinstance(level, EmbeddingLevel)
        base = level_named(level.base, known)
        changed, known = variant(base, key.removeprefix("base."), value)
        changes = {"base": changed.name}
    else:
        changes = {key: value}
    unchanged = level.model_dump(mode="json")
    if unchanged | changes == unchanged:
        return level, known
    name = f"{level.name}-{key}-{value}"
    new = levels_from({name: unchanged | changes | {"name": name}})[name]
    return new, known | {name: new}


def lattice_energies(
    source: Source, level: Level, known: dict[str, Level]
) -> tuple[float, dict[str, float]]:
    """Lattice energy and its parts."""
    campaign = Campaign(source.folder, level, known)
    (crystal,) = [item.subject for item in source.candidates]
    campaign.run([*source.molecules, crystal], LIMITS, lambda *_: None)
    gas = [found(campaign, item) for item in source.molecules]
    whole = found(campaign, crystal)
    total = lattice_energy(whole, gas_energies(gas))
    assert total is not None  # found() raises where an energy is missing
    lowest = min(gas, key=lambda item: energy_of(item).energy)
    units = crystal.n_formula_units
    own, alone = energy_of(whole).parts, energy_of(lowest).parts
    parts = {
        column: sum(own.get(n, 0.0) / units - alone.get(n, 0.0) for n in names)
        for column, names in PARTS.items()
    }
    return total, parts


def found(campaign: Campaign, subject: Subject) -> Calculation:
    """The result for a subject; raises StoreError if it has no energy."""
    calculation = campaign.results.find(subject)
    energy_of(calculation)
    assert calculation is not None  # energy_of() raises
    return calculation


def table(source: Source, name: str, key: str, values: list[Any]) -> Iterator[str]:
    """Lines of one table, as they become known."""
    level = level_named(name, built_in_levels())
    yield f"\n| {key} | lattice energy | {' | '.join(PARTS)} |"
    yield "| --- | --- |" + " --- |" * len(PARTS)
    for value in values:
        total, parts = lattice_energies(source, *variant(level, key, value))
        cells = [f"{parts[column]:.2f}" for column in PARTS]
        yield f"| {value} | {total:.2f} | {' | '.join(cells)} |"


def value_of(text: str) -> Any:  # noqa: ANN401
    """A number where the text is one, else the text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def main(folder: Path, crystal: Path, gas: Path, name: str, *wanted: str) -> None:
    """Print a table for each key."""
    source = open_source([crystal], folder, [gas])
    print(f"{crystal.stem} at {name}")
    for item in wanted:
        key, _, values = item.partition("=")
        for line in table(source, name, key, [*map(value_of, values.split(","))]):
            print(line, flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), *sys.argv[4:])
