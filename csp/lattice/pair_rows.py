"""Which exp-6 row of a DMACRYS case belongs to which pair of types.

Rows may name the elements alone. Rows of one pair of elements are then told apart by
the combining rules (geometric means of A and C, arithmetic mean of 1/ρ) and, where
several ways remain, by the published parameters of types of the same name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, combinations_with_replacement, permutations, product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from csp.lattice.case_file import CasePair
from csp.lattice.suite_parameters import bare, is_close, suite_set
from csp.potentials.exp6 import Anisotropy, Exp6, ForceFieldName, parameter_set

Pairs = dict[frozenset[str], Exp6]

NOTHING = Exp6(0.0, 1.0, 0.0)
"""The parameters of sites that do not meet."""


class PairRows(NamedTuple):
    """Parameters of all pairs of types.

    Attributes:
        pairs: ``NOTHING`` where there are none.
        borrowed: Types whose parameters are the published ones.
        missing: Types without parameters.
        unclear: Types of which the rows do not say which is which.
        source: The set of DMACRYS's suite that the borrowed parameters are from.
        anisotropy: Of the repulsion of the first type's site towards the second type.
    """

    pairs: Pairs
    borrowed: tuple[str, ...]
    missing: tuple[str, ...]
    unclear: tuple[str, ...]
    source: str = ""
    anisotropy: Mapping[tuple[str, str], Anisotropy] = MappingProxyType({})


def pair_rows(
    elements: dict[str, str],
    rows: Sequence[CasePair],
    ions: frozenset[str] = frozenset(),
) -> PairRows:
    """Parameters of all pairs of the types.

    Args:
        elements: Element of each type.
        rows: Of the case.
        ions: Types of single atoms.
    """
    completed = _from_suite(elements, rows, ions)
    if completed is not None:
        return completed
    has_names = any(row.type1 is not None for row in rows)
    pairs, unclear = (_named(rows), ()) if has_names else _of_elements(elements, rows)
    present = {kind for pair in pairs for kind in pair} | set(unclear)
    missing = [kind for kind in elements if kind not in present]
    published = _published(missing, pairs)
    selves = {kind: pairs.get(frozenset((kind,))) for kind in elements} | published
    for one, other in combinations(elements, 2):
        first, second = selves[one], selves[other]
        if {one, other} & published.keys() and first and second:
            pairs[frozenset((one, other))] = first.combined_with(second)
    pairs |= {frozenset((kind,)): found for kind, found in published.items()}
    complete = {
        frozenset(pair): pairs.get(frozenset(pair), NOTHING)
        for pair in product(elements, repeat=2)
    }
    return PairRows(
        complete,
        tuple(published),
        tuple(kind for kind in missing if kind not in published),
        unclear,
    )


def _from_suite(
    elements: dict[str, str], rows: Sequence[CasePair], ions: frozenset[str]
) -> PairRows | None:
    """The case's rows completed by a set of the suite, if there is one that fits."""
    if any(row.type1 is not None for row in rows):
        return None
    given = _by_elements(rows)
    known = suite_set(elements, ions, given)
    if known is None:
        return None
    present = {symbol for key in given for symbol in key}
    counts = Counter(elements.values())
    lacking = [
        kind
        for kind, symbol in elements.items()
        if symbol not in present or (known.anisotropy and counts[symbol] > 1)
    ]
    if not lacking:
        return None
    pairs = {
        frozenset(pair): known.pair(*pair)
        for pair in combinations_with_replacement(elements, 2)
    }
    source = f"{known.title} ({known.reference})"
    return PairRows(pairs, tuple(lacking), (), (), source, known.anisotropy)


def _exp6(row: CasePair) -> Exp6:
    return Exp6.from_published(row.repulsion_ev, row.rho, row.dispersion_ev)


def _named(rows: Sequence[CasePair]) -> Pairs:
    return {
        frozenset((str(row.type1), str(row.type2))): _exp6(row)
        for row in rows
        if row.type1 is not None and row.type2 is not None
    }


def _by_elements(rows: Sequence[CasePair]) -> dict[frozenset[str], list[Exp6]]:
    by_elements: dict[frozenset[str], list[Exp6]] = {}
    for row in rows:
        key = frozenset((str(row.el1), str(row.el2)))
        by_elements.setdefault(key, []).append(_exp6(row))
    return by_elements


def _of_elements(
    elements: dict[str, str], rows: Sequence[CasePair]
) -> tuple[Pairs, tuple[str, ...]]:
    """Parameters of rows that name elements, and the types they leave unclear."""
    by_elements = _by_elements(rows)
    selves = {next(iter(key)) for key in by_elements if len(key) == 1}
    types = [kind for kind, element in elements.items() if element in selves]
    ways = list(_ways(types, elements, by_elements))
    scores = [_strangeness(way) for way in ways]
    best = [
        way for way, score in zip(ways, scores, strict=True) if score == min(scores)
    ]
    if best and all(_is_same(best[0], other) for other in best[1:]):
        return best[0], ()
    counts = [elements[kind] for kind in types]
    single = [kind for kind in types if counts.count(elements[kind]) == 1]
    simple = next(_ways(single, elements, by_elements), {})
    return simple, tuple(kind for kind in types if kind not in single)


def _ways(
    types: Sequence[str],
    elements: dict[str, str],
    by_elements: dict[frozenset[str], list[Exp6]],
) -> Iterator[Pairs]:
    """All ways to give the rows to pairs of types that agree with the rules."""
    groups: dict[str, list[str]] = {}
    for kind in types:
        groups.setdefault(elements[kind], []).append(kind)
    choices = [
        [
            dict(zip(group, chosen, strict=True))
            for chosen in permutations(by_elements[frozenset((element,))], len(group))
        ]
        for element, group in groups.items()
    ]
    for choice in product(*choices):
        selves = {kind: found for part in choice for kind, found in part.items()}
        way = _completed(selves, elements, by_elements)
        if way is not None:
            yield way


def _completed(
    selves: dict[str, Exp6],
    elements: dict[str, str],
    by_elements: dict[frozenset[str], list[Exp6]],
) -> Pairs | None:
    """The unlike pairs for given like ones, if the rows have them and no others."""
    left = {key: list(found) for key, found in by_elements.items()}
    way: Pairs = {}
    for kind, found in selves.items():
        left[frozenset((elements[kind],))].remove(found)
        way[frozenset((kind,))] = found
    for one, other in combinations(selves, 2):
        rows = left.get(frozenset((elements[one], elements[other])), [])
        wanted = selves[one].combined_with(selves[other])
        fitting = [row for row in rows if is_close(row, wanted)]
        is_only = len(rows) == 1 and _is_alone(one, other, selves, elements)
        if not fitting and not is_only:
            return None
        chosen = fitting[0] if fitting else rows[0]
        rows.remove(chosen)
        way[frozenset((one, other))] = chosen
    known = {elements[kind] for kind in selves}
    return None if any(rows for key, rows in left.items() if key <= known) else way


def _is_alone(
    one: str, other: str, selves: dict[str, Exp6], elements: dict[str, str]
) -> bool:
    """Whether no other pair of types has the elements of this one."""
    counts = [elements[kind] for kind in selves]
    return counts.count(elements[one]) == 1 == counts.count(elements[other])


def _is_same(first: Pairs, second: Pairs) -> bool:
    return all(is_close(found, second[key]) for key, found in first.items())


def _known() -> dict[str, tuple[ForceFieldName, Exp6]]:
    """Published parameters by the bare name of the type."""
    return {
        bare(kind): (name, found)
        for name in (ForceFieldName.FIT, ForceFieldName.W99)
        for kind, found in parameter_set(name).types.items()
    }


def _strangeness(way: Pairs) -> float:
    """How far types are from published ones of the same name, rounded to print."""
    known = _known()
    total = 0.0
    for pair, found in way.items():
        kind = bare(next(iter(pair)))
        if len(pair) == 1 and kind in known and found.repulsion > 0.0:
            there = known[kind][1]
            total += abs(float(np.log(found.repulsion / there.repulsion)))
    return round(total, 2)


def _published(missing: Sequence[str], pairs: Pairs) -> dict[str, Exp6]:
    """Published parameters of missing types whose set the other types are from."""
    known = _known()
    sets = {
        known[bare(kind)][0]
        for pair, found in pairs.items()
        for kind in pair
        if len(pair) == 1
        and bare(kind) in known
        and is_close(found, known[bare(kind)][1])
    }
    return {
        kind: known[bare(kind)][1]
        for kind in missing
        if bare(kind) in known and known[bare(kind)][0] in sets
    }
