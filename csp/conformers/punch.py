"""Punch files: distributed multipoles as GDMA writes them.

::

    ! comment
    Units bohr

    C1    x y z   Rank 4
     Q00
     Q10 Q11c Q11s
     Q20 Q21c Q21s Q22c Q22s
     …

Positions are in the unit that is named, bohr if none is; moments are in atomic units
(e bohr^l) whatever the unit of the positions. Bohr exists only inside.

References:
    Stone, GDMA, https://gitlab.com/anthonyjs/gdma
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from csp.arrays import Moments, Positions, read_only
from csp.errors import InputError
from csp.files import write_atomically
from csp.geometry import overlay
from csp.molecule import Conformer, Molecule, Multipoles
from csp.potentials.solid_harmonics import MAX_RANK, N_MOMENTS, powers_of, rotated
from csp.units import ANGSTROM_PER_BOHR

SAME_PLACE = 0.01
"""An atom of the file and of the molecule lie closer after the overlay, Å."""

SAME_CHARGE = 0.01
"""The charges of a file add up to that of the molecule within this, e."""

_NUMBERS_A_LINE = 5
_UNITS = {"bohr": ANGSTROM_PER_BOHR, "angstrom": 1.0}


@dataclass(frozen=True, eq=False, slots=True)
class PunchedSites:
    """Content of a punch file.

    Attributes:
        labels: Name of each site.
        positions: Å.
        moments: e Å^l; zero above the rank of a site.
        ranks: Highest rank of each site, at most 4: higher moments of a file are left
            out, which changes none of the others.
    """

    labels: tuple[str, ...]
    positions: Positions
    moments: Moments
    ranks: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", read_only(self.positions))
        object.__setattr__(self, "moments", read_only(self.moments))


def read_punch(path: Path) -> PunchedSites:
    """The sites of a punch file.

    Raises:
        InputError: If there is no such file or it is no punch file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the punch file {path} cannot be read: correct its path or leave it out "
            "to compute the multipoles"
        ) from error
    return punch_from_text(text, path.name)


def punch_from_text(text: str, name: str) -> PunchedSites:
    """The sites in the text of a punch file.

    Args:
        text: Content of the file.
        name: What to call it in messages.

    Raises:
        InputError: If the text is not of this format.
    """
    rows = deque(
        (number, words)
        for number, line in enumerate(text.splitlines(), 1)
        if (words := line.partition("!")[0].split())
    )
    last = rows[-1][0] if rows else 1
    unit, sites = ANGSTROM_PER_BOHR, []
    while rows:
        line, words = rows[0]
        try:
            if words[0].lower() == "units":
                unit = _UNITS[rows.popleft()[1][1].lower()]
            else:
                sites.append(_next_site(rows))
        except (ValueError, KeyError, IndexError) as error:
            raise InputError(
                f"{name} is not a punch file of GDMA: what stands between line {line} "
                f"and {rows[0][0] if rows else last} is neither a unit nor a site "
                "with its rank and its moments"
            ) from error
    if not sites:
        raise InputError(f"{name} is not a punch file of GDMA: it has no sites")
    moments_bohr = np.array([moments for _, _, _, moments in sites])
    return PunchedSites(
        labels=tuple(label for label, _, _, _ in sites),
        positions=unit * np.array([position for _, position, _, _ in sites]),
        moments=moments_bohr * powers_of(ANGSTROM_PER_BOHR),
        ranks=tuple(rank for _, _, rank, _ in sites),
    )


def _next_site(
    rows: deque[tuple[int, list[str]]],
) -> tuple[str, list[float], int, list[float]]:
    """Label, position, rank and moments of the first site, taken off the rows."""
    label, *words = rows.popleft()[1]
    position, keywords = _finite(words[:3]), words[3:]
    if not keywords:
        keywords = rows.popleft()[1]
    rank = int(keywords[[word.lower() for word in keywords].index("rank") + 1])
    n = (rank + 1) ** 2
    moments: list[float] = []
    while len(moments) < n:
        moments += _finite(rows.popleft()[1])
    if rank < 0 or len(position) != 3 or len(moments) != n:  # noqa: PLR2004
        raise ValueError(label)
    padded = moments[:N_MOMENTS] + [0.0] * (N_MOMENTS - n)
    return label, position, min(rank, MAX_RANK), padded


def _finite(words: Sequence[str]) -> list[float]:
    numbers = [float(word) for word in words]
    if not np.isfinite(numbers).all():
        raise ValueError(words)
    return numbers


def punch_text(
    labels: Sequence[str], positions: Positions, moments: Moments, comment: str
) -> str:
    """A punch file of rank 4.

    Args:
        labels: Name of each site, without blanks.
        positions: Å; written in bohr to 1e-10.
        moments: e Å^l; written in e bohr^l to 1e-10.
        comment: One line that says what this is.
    """
    lines = [f"! {comment}", "Units bohr"]
    for label, position, own in zip(
        labels,
        positions / ANGSTROM_PER_BOHR,
        moments / powers_of(ANGSTROM_PER_BOHR),
        strict=True,
    ):
        place = "".join(f"{x:17.10f}" for x in position)
        lines += ["", f"{label:<8}{place}   Rank {MAX_RANK}", *_rows(own.tolist())]
    return "\n".join(lines) + "\n"


def _rows(moments: list[float]) -> Iterator[str]:
    """Each rank on lines of its own, five numbers a line."""
    for rank in range(MAX_RANK + 1):
        own = moments[rank**2 : (rank + 1) ** 2]
        for i in range(0, len(own), _NUMBERS_A_LINE):
            yield "".join(f"{x:17.10f}" for x in own[i : i + _NUMBERS_A_LINE])


def write_punches(folder: Path, conformers: Sequence[Conformer]) -> None:
    """One punch file a conformer: ``conformer_1.punch`` and so on.

    Raises:
        InputError: If the folder cannot be written.
    """
    for conformer in conformers:
        molecule, multipoles = conformer.molecule, conformer.multipoles
        labels = [f"{symbol}{i}" for i, symbol in enumerate(molecule.symbols, 1)]
        comment = (
            f"Conformer {conformer.label} of {molecule.name} at {conformer.level}: "
            f"distributed multipoles at {multipoles.level}"
        )
        write_atomically(
            folder / f"conformer_{conformer.label}.punch",
            punch_text(labels, molecule.positions, multipoles.moments, comment),
        )


def multipoles_on(molecule: Molecule, sites: PunchedSites, name: str) -> Multipoles:
    """The multipoles of a punch file, turned into the frame of the molecule.

    Args:
        molecule: Whose geometry is that of the file but for a rigid motion, its atoms
            in the same order.
        sites: Content of the file.
        name: What to call the file.

    Raises:
        InputError: If the sites are not the atoms of the molecule, or their charges
            do not add up to its charge.
    """
    _check_atoms(molecule, sites, name)
    placed = overlay(sites.positions, molecule.positions, improper=False)
    positions = sites.positions @ placed.rotation.T + placed.translation
    distances = np.linalg.norm(positions - molecule.positions, axis=1)
    if distances.max() > SAME_PLACE:
        raise InputError(
            f"the punch file {name} has another geometry than {molecule.name}: after "
            f"the best overlay, atom {distances.argmax() + 1} lies "
            f"{distances.max():.3f} Å from its place, and at most {SAME_PLACE} Å is "
            "allowed; give the geometry of the punch file as source"
        )
    return Multipoles(rotated(sites.moments, placed.rotation), punch_level(name))


def punch_level(name: str) -> str:
    """What stands for the level of multipoles that were read."""
    return f"as in {name}"


def _check_atoms(molecule: Molecule, sites: PunchedSites, name: str) -> None:
    symbols = molecule.symbols
    if len(sites.labels) != len(symbols):
        raise InputError(
            f"the punch file {name} has {len(sites.labels)} sites, but "
            f"{molecule.name} has {len(symbols)} atoms: give a file with one site an "
            "atom"
        )
    for i, (label, symbol) in enumerate(zip(sites.labels, symbols, strict=True), 1):
        if not label.lower().startswith(symbol.lower()):
            raise InputError(
                f"site {i} of the punch file {name} is {label}, but atom {i} of "
                f"{molecule.name} is {symbol}: bring the atoms of source and punch "
                "file into the same order"
            )
    total = float(sites.moments[:, 0].sum())
    if abs(total - molecule.charge) > SAME_CHARGE:
        raise InputError(
            f"the charges of the punch file {name} add up to {total:.3f} e, but "
            f"{molecule.name} has the charge {molecule.charge} e: correct "
            "molecule.charge or the file"
        )
