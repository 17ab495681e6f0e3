"""Which structures of a landscape get a reference energy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.errors import InputError
from csp.reference.subjects import Subject


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """A structure that may be chosen.

    Attributes:
        subject: The structure.
        relative_energy: Above the lowest at the cheap level, kJ/mol.
        observed_form: Name of the observed form it is, or "".
    """

    subject: Subject
    relative_energy: float
    observed_form: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted of a landscape.

    Attributes:
        lowest: This many of the lowest.
        spread: This many more, evenly over the window, the smallest cells first.
        window: Of the spread ones, kJ/mol above the lowest.
        identities: These too.
        with_observed: And the observed forms.
    """

    lowest: int = 0
    spread: int = 0
    window: float = 25.0
    identities: tuple[str, ...] = ()
    with_observed: bool = True


def selected(candidates: Sequence[Candidate], selection: Selection) -> list[Candidate]:
    """The chosen structures in the order in which to compute them: cheap ones first.

    Args:
        candidates: The landscape, the lowest first.
        selection: What is wanted.

    Raises:
        InputError: If an id is not in the landscape.
    """
    known = {item.subject.id: item for item in candidates}
    missing = [name for name in selection.identities if name not in known]
    if missing:
        raise InputError(
            f"the landscape has no structure {missing[0]!r}: ids are in the second "
            "column of landscape.csv"
        )
    chosen = {item.subject.id: item for item in candidates[: selection.lowest]}
    chosen |= {name: known[name] for name in selection.identities}
    if selection.with_observed:
        chosen |= {item.subject.id: item for item in candidates if item.observed_form}
    for item in _spread(
        [item for item in candidates if item.subject.id not in chosen], selection
    ):
        chosen[item.subject.id] = item
    return sorted(
        chosen.values(),
        key=lambda item: (_size(item.subject), item.relative_energy, item.subject.id),
    )


def _spread(rest: Sequence[Candidate], selection: Selection) -> list[Candidate]:
    """The cheapest structure of each of equally wide slices of the window."""
    inside = [item for item in rest if item.relative_energy <= selection.window]
    n = min(selection.spread, len(inside))
    if n == 0:
        return []
    width = selection.window / n
    slices: dict[int, list[Candidate]] = {}
    for item in inside:
        place = min(int(item.relative_energy / width), n - 1)
        slices.setdefault(place, []).append(item)
    for items in slices.values():
        items.sort(key=lambda item: (_size(item.subject), item.relative_energy))
    picked: list[Candidate] = []
    deepest = max(len(items) for items in slices.values())
    for depth in range(deepest):
        row = [
            items[depth] for _, items in sorted(slices.items()) if depth < len(items)
        ]
        wanted = n - len(picked)
        if wanted <= len(row):
            places = np.linspace(0, len(row) - 1, wanted).round().astype(int)
            return picked + [row[place] for place in places]
        picked += row
    return picked


def _size(subject: Subject) -> float:
    """What the cost grows with: atoms, less with symmetry."""
    return subject.n_atoms**2 / subject.n_operations
