"""Parameters of DMACRYS's suite that its JSON form lacks, and whose they are."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import combinations_with_replacement
from typing import Any

from csp.potentials.exp6 import (
    Anisotropy,
    Exp6,
    ForceFieldName,
    ParameterSet,
    parameter_set,
)

Rows = Mapping[frozenset[str], Sequence[Exp6]]
"""Rows of a case by the elements of their pair."""

_SAME = 2e-3
"""Relative; print precision of parameters and of their combinations."""


def is_close(first: Exp6, second: Exp6) -> bool:
    """Whether two sets of parameters agree to the precision of print."""
    return bool(
        abs(first.repulsion - second.repulsion) <= _SAME * second.repulsion + 1e-3
        and abs(first.exponent - second.exponent) <= _SAME * second.exponent
        and abs(first.dispersion - second.dispersion)
        <= _SAME * second.dispersion + 1e-2
    )


def bare(kind: str) -> str:
    """The name of a type without underscores, in capitals."""
    return kind.replace("_", "").upper()


def suite_set(
    elements: Mapping[str, str], ions: frozenset[str], rows: Rows
) -> ParameterSet | None:
    """The set of the suite that completes a case, in the names of the case's types.

    It has all types of the case, one of its own among them, and every row of the case.

    Args:
        elements: Element of each type of the case.
        ions: Types of single atoms.
        rows: What the case has.
    """
    for table in _tables().values():
        known = _in_names_of(elements, table)
        own = {bare(kind) for kind in table["types"]}
        lacking = {kind for kind in elements if bare(kind) in own}
        if len(known.types) < len(elements) or not lacking:
            continue
        if table.get("of_ions", False) and not lacking <= ions:
            continue
        if _has_all(known, elements, rows):
            return known
    return None


def _has_all(known: ParameterSet, elements: Mapping[str, str], rows: Rows) -> bool:
    """Whether every row of a case is one of the set's, of the same elements."""
    own: dict[frozenset[str], list[Exp6]] = {}
    for one, other in combinations_with_replacement(known.types, 2):
        key = frozenset((elements[one], elements[other]))
        own.setdefault(key, []).append(known.pair(one, other))
    return all(
        any(is_close(row, mine) for mine in own.get(key, []))
        for key, given in rows.items()
        for row in given
    )


def _in_names_of(elements: Mapping[str, str], table: dict[str, Any]) -> ParameterSet:
    base = table.get("base")
    types = dict(parameter_set(ForceFieldName(base)).types) if base else {}
    own = {key: Exp6.from_published(*row) for key, row in table["types"].items()}
    names = {bare(kind): kind for kind in elements}
    found = {
        names[bare(kind)]: row
        for kind, row in (types | own).items()
        if bare(kind) in names
    }
    pairs = {
        frozenset(names[bare(kind)] for kind in key.split()): Exp6.from_published(*row)
        for key, row in table.get("pairs", {}).items()
        if all(bare(kind) in names for kind in key.split())
    }
    turning = {
        names[bare(kind)]: Anisotropy(*row)
        for kind, row in table.get("anisotropy", {}).items()
        if bare(kind) in names
    }
    return ParameterSet(
        title=table["title"],
        reference=table["reference"],
        foreshortening=0.0,
        types=found,
        pairs=pairs,
        anisotropy={
            (kind, other): row for kind, row in turning.items() for other in found
        },
    )


@cache
def _tables() -> dict[str, Any]:
    text = resources.files("csp.lattice").joinpath("tables/suite.toml").read_text()
    return tomllib.loads(text)
