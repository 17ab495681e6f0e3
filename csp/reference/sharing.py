"""Reference energies as a file: shipped, published, and taken over elsewhere."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from csp.crystal import Crystal
from csp.errors import InputError
from csp.files import write_atomically
from csp.molecule import Molecule
from csp.reference.calculation import Calculation
from csp.reference.convergence import SUFFIX, doubled_subject
from csp.reference.engine import Energy
from csp.reference.matching import found_again
from csp.reference.records import Results
from csp.reference.subjects import Subject

FORMAT = "csp reference energies 1"


@dataclass(frozen=True, slots=True)
class Adopted:
    """Energies of a file that belong to known structures.

    Attributes:
        calculations: With the names of the structures here.
        n_foreign: Energies of structures that are not here.
    """

    calculations: tuple[Calculation, ...]
    n_foreign: int


def write_records(path: Path, calculations: Sequence[Calculation]) -> None:
    """Write calculations with geometries and provenance, one JSON object a line."""
    rows = [{"format": FORMAT, "n_calculations": len(calculations)}]
    rows += [item.to_row() for item in calculations]
    write_atomically(path, "".join(f"{json.dumps(row)}\n" for row in rows))


def read_records(path: Path) -> list[Calculation]:
    """What :func:`write_records` wrote.

    Raises:
        InputError: If the file cannot be read or is no file of reference energies.
    """
    try:
        head, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if head["format"] != FORMAT or head["n_calculations"] != len(rows):
            raise InputError(
                f"{path} is damaged or of another format: it says {head}, and holds "
                f"{len(rows)} calculations; export it again"
            )
        return [Calculation.from_row(row) for row in rows]
    except OSError as error:
        raise InputError(
            f"the reference energies {path} cannot be read ({error.strerror}): write "
            "them with csp reference export"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} is no file of reference energies ({error!r}): write one with csp "
            "reference export --format records"
        ) from error


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What became of the energies of a file.

    Attributes:
        counts: Energies that belong to structures here, by level.
        notes: Why others do not, one sentence each.
    """

    counts: Mapping[str, int]
    notes: tuple[str, ...]


def take_over(
    calculations: Sequence[Calculation],
    results: Mapping[str, Results],
    subjects: Sequence[Subject],
    source: str,
) -> TakenOver:
    """Record the energies of a file that belong to structures here.

    Args:
        calculations: From the file.
        results: Where those of each level are kept, by its name.
        subjects: The structures and molecules here.
        source: Name of the file, for the records.
    """
    counts: dict[str, int] = {}
    notes = []
    for name in sorted({item.level for item in calculations}):
        own = [item for item in calculations if item.level == name]
        if name not in results:
            notes.append(f"{len(own)} energies at {name} are not asked for")
            continue
        same = [item for item in own if item.digest == results[name].digest]
        if len(same) < len(own):
            notes.append(
                f"{len(own) - len(same)} energies are of another definition of {name}: "
                "not used"
            )
        found = adopt(same, subjects, source)
        if found.n_foreign:
            notes.append(
                f"{found.n_foreign} energies at {name} are of other structures"
            )
        for item in found.calculations:
            if results[name].find(item.subject) is None:
                results[name].write(item)
        if found.calculations:
            counts[name] = len(found.calculations)
    return TakenOver(counts, tuple(notes))


def adopt(
    calculations: Sequence[Calculation], subjects: Sequence[Subject], source: str
) -> Adopted:
    """The energies of structures and molecules that are known here.

    Structures are found again by their geometry, so that a landscape made elsewhere, or
    with more packings, takes over what was computed. Energies are scaled to the cell.

    Args:
        calculations: From a file.
        subjects: The structures and molecules here.
        source: Name of the file, for the records.
    """
    crystals = {s.id: s.system for s in subjects if isinstance(s.system, Crystal)}
    theirs = {
        str(index): item.subject.system
        for index, item in enumerate(calculations)
        if isinstance(item.subject.system, Crystal)
        and not item.subject.id.endswith(SUFFIX)
    }
    pairs = _by_geometry(theirs, crystals)
    pairs |= _molecules(calculations, subjects)
    here = {subject.id: subject for subject in subjects}
    adopted = [
        _renamed(item, here[pairs[str(index)]], source)
        for index, item in enumerate(calculations)
        if str(index) in pairs
    ]
    adopted += _doubles(calculations, adopted, source)
    return Adopted(tuple(adopted), len(calculations) - len(adopted))


def _doubles(
    calculations: Sequence[Calculation], adopted: Sequence[Calculation], source: str
) -> list[Calculation]:
    """Checks of the cell: energies in doubled cells of structures that are here."""
    singles = {(item.level, item.origin["id_there"]): item.subject for item in adopted}
    found = []
    for item in calculations:
        single = singles.get((item.level, item.subject.id.removesuffix(SUFFIX)))
        if item.subject.id.endswith(SUFFIX) and single is not None:
            found.append(_renamed(item, doubled_subject(single), source))
    return found


def _by_geometry(
    theirs: Mapping[str, Crystal], ours: Mapping[str, Crystal]
) -> dict[str, str]:
    return found_again(theirs, ours)


def _molecules(
    calculations: Sequence[Calculation], subjects: Sequence[Subject]
) -> dict[str, str]:
    """Isolated molecules are the same if they have the same name and atoms."""
    known = {s.name: s.id for s in subjects if isinstance(s.system, Molecule)}
    return {
        str(index): known[item.subject.name]
        for index, item in enumerate(calculations)
        if isinstance(item.subject.system, Molecule) and item.subject.name in known
    }


def _renamed(item: Calculation, subject: Subject, source: str) -> Calculation:
    outcome = item.outcome
    if isinstance(outcome, Energy):
        factor = subject.n_formula_units / item.subject.n_formula_units
        outcome = Energy(
            factor * outcome.energy,
            {name: factor * part for name, part in outcome.parts.items()},
            outcome.provenance,
        )
    taken = {"taken_from": source, "id_there": item.subject.id}
    return replace(
        item, subject=subject, outcome=outcome, origin={**item.origin, **taken}
    )
