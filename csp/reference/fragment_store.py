"""Fragments that are computed once and found again by their geometry."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase.data import chemical_symbols
from scipy.spatial.distance import pdist

from csp.arrays import Indices
from csp.errors import StoreError
from csp.files import write_atomically
from csp.reference.claims import claimed
from csp.reference.fragment import SAME_DISTANCE, Fragment, fragment_of, mapping

SECONDS_A_LOOK = 1.0
Content = dict[str, Any]
"""JSON values."""


class Recalled(NamedTuple):
    """What is known of a fragment.

    Attributes:
        content: What was computed of it, or of a congruent one.
        fragment: The one that it was computed of.
        order: Which atom of the fragment asked for each of its atoms is.
        was_known: Whether it was there already.
    """

    content: Content
    fragment: Fragment
    order: Indices
    was_known: bool


@dataclass(frozen=True, slots=True)
class FragmentStore:
    """A folder with one file for each fragment and method.

    Congruent fragments of all crystals share one file. Files are sorted into folders by
    method and formula, and their names begin with the mean interatomic distance in
    steps of the tolerance: what is congruent lies in the same step or the next. A file
    is whole or absent, so any number of processes may use the folder. While one
    computes a fragment, others wait that look for one of the same mean distance.

    Attributes:
        folder: Where the files are.
    """

    folder: Path

    def recall(
        self, fragment: Fragment, method: str, compute: Callable[[], Content]
    ) -> Recalled:
        """What a method says of a fragment; computed if of no congruent one.

        Args:
            fragment: In any order of atoms.
            method: All that decides the content but the geometry.
            compute: Called by one process at a time.

        Raises:
            StoreError: If a file cannot be read.
        """
        digest = hashlib.sha256(method.encode()).hexdigest()[:12]
        formulae = sorted(_formula(molecule) for molecule in fragment.molecules)
        folder = self.folder / digest / ".".join(formulae)
        step = _step(fragment)
        while True:
            found = _known(folder, step, fragment)
            if found is not None:
                return found
            with claimed(folder / f"{step:06d}.claim") as is_ours:
                if is_ours:
                    found = _known(folder, step, fragment)
                    return found or self._computed(
                        fragment, (folder, step), method, compute
                    )
            time.sleep(SECONDS_A_LOOK)

    def _computed(
        self,
        fragment: Fragment,
        place: tuple[Path, int],
        method: str,
        compute: Callable[[], Content],
    ) -> Recalled:
        folder, step = place
        content = compute()
        whole = {"method": method, "geometry": _geometry(fragment), "content": content}
        text = json.dumps(whole)
        name = f"{step:06d}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
        write_atomically(folder / name, text)
        order = np.arange(len(fragment.numbers))
        return Recalled(content, fragment, order, was_known=False)


def _known(folder: Path, step: int, fragment: Fragment) -> Recalled | None:
    """A congruent fragment that was computed, if there is one."""
    for near in (step, step - 1, step + 1):
        for path in sorted(folder.glob(f"{near:06d}-*.json")):
            known, content = _read(path)
            order = mapping(known, fragment)
            if order is not None:
                return Recalled(content, known, order, was_known=True)
    return None


def _step(fragment: Fragment) -> int:
    """The mean interatomic distance in steps; a single atom has none."""
    if len(fragment.numbers) == 1:
        return 0
    return int(pdist(fragment.positions).mean() / SAME_DISTANCE)


def _geometry(fragment: Fragment) -> Content:
    return {
        "atomic_numbers": fragment.numbers.tolist(),
        "sizes": list(fragment.sizes),
        "positions_angstrom": fragment.positions.tolist(),
    }


def _read(path: Path) -> tuple[Fragment, Content]:
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        geometry, content = whole["geometry"], whole["content"]
        ends = np.cumsum(geometry["sizes"])[:-1]
        numbers = np.split(np.array(geometry["atomic_numbers"]), ends)
        positions = np.split(np.array(geometry["positions_angstrom"]), ends)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}): delete it, and the fragment will be "
            "computed again"
        ) from error
    return fragment_of(list(zip(numbers, positions, strict=True))), content


def _formula(molecule: Fragment) -> str:
    counts = Counter(chemical_symbols[z] for z in molecule.numbers)
    return "".join(f"{symbol}{counts[symbol]}" for symbol in sorted(counts))
