"""Exp-6 force fields by name or from a user's table."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from csp.errors import InputError
from csp.molecule import Molecule
from csp.potentials.atom_types import atom_types
from csp.potentials.exp6 import Exp6, ForceFieldName, ParameterSet, parameter_set

_N_NUMBERS = 3
_LONGEST_FORESHORTENING = 0.5


class ForceField(NamedTuple):
    """Parameters, and the rules by which atoms get their types.

    Attributes:
        parameters: Exp-6.
        typing: The published set whose types these are.
    """

    parameters: ParameterSet
    typing: ForceFieldName

    def types_of(self, molecule: Molecule) -> tuple[str, ...]:
        """The type of each atom.

        Raises:
            InputError: If the set has no parameters for some atoms; all are named.
        """
        types = atom_types(molecule, self.typing)
        missing = sorted(set(types) - self.parameters.types.keys())
        if missing:
            raise InputError(
                f"the force field {self.parameters.title!r} has no parameters for the "
                f"types {', '.join(missing)} of {molecule.name}: add them to its table"
            )
        return types


def force_field_of(name: str) -> ForceField:
    """A published force field by its name, or the one of a TOML file.

    Raises:
        InputError: If it is neither.
    """
    names = [known.value for known in ForceFieldName]
    if name in names:
        known = ForceFieldName(name)
        return ForceField(parameter_set(known), known)
    if not name.lower().endswith(".toml"):
        raise InputError(
            f"--force-field must be {', '.join(names)} or a .toml file, got {name!r}"
        )
    return _read(Path(name))


def _read(path: Path) -> ForceField:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"the force field {path} cannot be read ({error.strerror}): correct "
            "--force-field"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"the force field {path} is not valid TOML ({error}): correct it"
        ) from error
    sections = [value for value in table.values() if isinstance(value, dict)]
    if "types" not in table and len(table) == len(sections) == 1:
        table = sections[0]
    if not isinstance(table.get("types"), dict):
        raise InputError(
            f"the force field {path} has no [types]: give title, reference, "
            "foreshortening, [types] and [pairs] as in csp/potentials/tables/exp6.toml"
        )
    types = _rows(table["types"], path)
    pairs = {
        frozenset(key.split()): row
        for key, row in _rows(table.get("pairs", {}), path).items()
    }
    unknown = {kind for pair in pairs for kind in pair} - types.keys()
    if unknown:
        raise InputError(
            f"the force field {path} has pairs of {', '.join(sorted(unknown))}, which "
            "are not among its [types]: add them"
        )
    parameters = ParameterSet(
        title=str(table.get("title", path.stem)),
        reference=str(table.get("reference", path)),
        foreshortening=_foreshortening(table, path),
        types=types,
        pairs=pairs,
    )
    return ForceField(parameters, _typing(types, path))


def _rows(table: dict[str, Any], path: Path) -> dict[str, Exp6]:
    rows = {}
    for key, row in table.items():
        is_row = isinstance(row, list) and len(row) == _N_NUMBERS
        if not is_row or not all(_is_number(value) for value in row) or row[1] <= 0:
            raise InputError(
                f"the force field {path}: {key} must be [A eV, rho Å, C eV Å^6] with "
                f"A and C of at least 0 and rho above 0, got {row!r}"
            )
        rows[key] = Exp6.from_published(*map(float, row))
    return rows


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0.0 <= value < float("inf")
    )


def _foreshortening(table: dict[str, Any], path: Path) -> float:
    value = table.get("foreshortening", 0.0)
    if not _is_number(value) or value > _LONGEST_FORESHORTENING:
        raise InputError(
            f"the force field {path}: foreshortening must lie between 0 and "
            f"{_LONGEST_FORESHORTENING} Å, got {value!r}"
        )
    return float(value)


def _typing(types: dict[str, Exp6], path: Path) -> ForceFieldName:
    """The published set that has most of the types."""
    shared = {
        name: len(types.keys() & parameter_set(name).types.keys())
        for name in (ForceFieldName.W99, ForceFieldName.FIT)
    }
    best = max(shared, key=lambda name: shared[name])
    if shared[best] == 0:
        known = sorted(kind for name in shared for kind in parameter_set(name).types)
        raise InputError(
            f"the force field {path} has none of the types that atoms are given "
            f"({', '.join(known)}): name its types so"
        )
    return best
