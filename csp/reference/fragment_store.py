"""Fragments that are computed once and found again by their geometry."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase.data import chemical_symbols
from scipy.spatial.distance import pdist

from csp.errors import StoreError
from csp.files import write_atomically
from csp.reference.fragment import SAME_DISTANCE, Fragment, fragment_of, mapping
from csp.reference.fragment_energies import Computed, Method


class Recalled(NamedTuple):
    """Energies of a fragment, and whether they were there already."""

    computed: Computed
    was_known: bool


@dataclass(frozen=True, slots=True)
class FragmentStore:
    """A folder with one file for each fragment and method.

    Congruent fragments of all crystals share one file. Files are sorted into folders by
    method and formula, and their names begin with the mean interatomic distance in
    steps of the tolerance: what is congruent lies in the same step or the next. A file
    is whole or absent, so any number of processes may use the folder; two that meet the
    same fragment at the same time both compute it.

    Attributes:
        folder: Where the files are.
    """

    folder: Path

    def recall(
        self, fragment: Fragment, method: Method, compute: Callable[[], Computed]
    ) -> Recalled:
        """The energies of a fragment; computed if no congruent one is known.

        Raises:
            StoreError: If a file cannot be read.
        """
        folder = self._folder(fragment, method)
        step = int(pdist(fragment.positions).mean() / SAME_DISTANCE)
        for known, energies in _near(folder, step):
            if mapping(known, fragment) is not None:
                return Recalled(energies, was_known=True)
        computed = compute()
        text = json.dumps(_content(fragment, method, computed))
        name = f"{step:06d}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
        write_atomically(folder / name, text)
        return Recalled(computed, was_known=False)

    def _folder(self, fragment: Fragment, method: Method) -> Path:
        digest = hashlib.sha256(str(method).encode()).hexdigest()[:12]
        parts = sorted(_formula(molecule) for molecule in fragment.molecules)
        return self.folder / digest / ".".join(parts)


def _near(folder: Path, step: int) -> Iterator[tuple[Fragment, Computed]]:
    """What is known of fragments with nearly this mean distance."""
    for neighbour in (step, step - 1, step + 1):
        for path in sorted(folder.glob(f"{neighbour:06d}-*.json")):
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                yield (
                    _fragment(content),
                    Computed(
                        tuple(content["energies_kj_per_mol"].values()),
                        content["iterations"],
                        content["cpu_seconds"],
                    ),
                )
            except (OSError, ValueError, KeyError) as error:
                raise StoreError(
                    f"{path} cannot be read ({error}): delete it, and the fragment "
                    "will be computed again"
                ) from error


def _fragment(content: dict[str, Any]) -> Fragment:
    numbers = np.array(content["atomic_numbers"])
    positions = np.array(content["positions_angstrom"])
    ends = np.cumsum(content["sizes"])[:-1]
    parts = zip(np.split(numbers, ends), np.split(positions, ends), strict=True)
    return fragment_of(list(parts))


def _content(fragment: Fragment, method: Method, computed: Computed) -> dict[str, Any]:
    energies = zip(method.functionals, computed.energies, strict=True)
    return {
        "method": str(method),
        "atomic_numbers": fragment.numbers.tolist(),
        "sizes": list(fragment.sizes),
        "positions_angstrom": fragment.positions.tolist(),
        "energies_kj_per_mol": dict(energies),
        "iterations": computed.iterations,
        "cpu_seconds": computed.seconds,
    }


def _formula(molecule: Fragment) -> str:
    counts = Counter(chemical_symbols[z] for z in molecule.numbers)
    return "".join(f"{symbol}{counts[symbol]}" for symbol in sorted(counts))
