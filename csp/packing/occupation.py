"""Which molecules may sit on which Wyckoff positions, and how often they are tried.

An occupation names, for each kind of molecule of the formula unit, the positions of its
independent molecules; "a.ee" in P2₁/c is one kind on an inversion centre and two
independent molecules of another on general positions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from csp.spacegroups import Site, SpaceGroup

SEPARATOR = "."
"""Between the letters of different kinds of molecules."""

Fits = Callable[[int, Site], bool]
"""Whether a kind of molecule (its index) has the symmetry of a site."""


@dataclass(frozen=True, slots=True)
class Occupation:
    """The sites of the molecules of an asymmetric unit.

    Attributes:
        space_group: International number.
        letters: For each kind of molecule the Wyckoff letters of its molecules.
        z_prime: Formula units in the asymmetric unit.
        is_general: Whether all molecules are on general positions.
    """

    space_group: int
    letters: tuple[str, ...]
    z_prime: Fraction
    is_general: bool

    @property
    def sites(self) -> str:
        """Its name within the space group, like ``e``, ``ee`` or ``a.ee``."""
        return SEPARATOR.join(self.letters)

    @property
    def n_bodies(self) -> int:
        """Independent molecules."""
        return sum(map(len, self.letters))


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the asymmetric units of a search go.

    Attributes:
        independent: Numbers of independent molecules for each molecule of the formula
            unit: 1 is one molecule (on a general or special position), 2 are two.
        largest_z_prime: Formula units in the asymmetric unit at most.
        most_units: Formula units in the conventional cell at most.
    """

    independent: tuple[int, ...] = (1,)
    largest_z_prime: Fraction = Fraction(1)
    most_units: int = 18


def occupations(
    group: SpaceGroup, counts: Sequence[int], fits: Fits, extent: Extent
) -> list[Occupation]:
    """The distinct occupations of a space group, those on general positions last.

    Args:
        group: The space group.
        counts: Molecules of each kind in the formula unit.
        fits: Whether a kind may sit on a site.
        extent: How many independent molecules, and how large Z′ and the cell.
    """
    most = max(extent.independent)
    # each kind: letters by the Z′ that they amount to
    choices: list[dict[Fraction, list[tuple[Site, ...]]]] = []
    for kind, count in enumerate(counts):
        allowed = [site for site in group.sites if fits(kind, site)]
        by_z_prime: dict[Fraction, list[tuple[Site, ...]]] = {}
        for chosen in _multisets(allowed, most * count):
            points = sum(site.multiplicity for site in chosen)
            z_prime = Fraction(points, group.order * count)
            by_z_prime.setdefault(z_prime, []).append(chosen)
        choices.append(by_z_prime)
    found: dict[tuple[str, ...], Occupation] = {}
    for z_prime in sorted(set.intersection(*(set(choice) for choice in choices))):
        is_too_large = z_prime * group.order > extent.most_units
        if is_too_large or z_prime > extent.largest_z_prime:
            continue
        for sites in product(*(choice[z_prime] for choice in choices)):
            if _is_crowded(sites) or not _is_wanted(sites, counts, extent):
                continue
            letters = _standard_letters(group, sites)
            is_general = all(site.is_general for own in sites for site in own)
            found.setdefault(
                letters, Occupation(group.number, letters, z_prime, is_general)
            )
    return sorted(found.values(), key=lambda o: (o.is_general, o.letters))


def _multisets(sites: Sequence[Site], most: int) -> Iterator[tuple[Site, ...]]:
    """All choices of 1 to ``most`` sites; points are taken once at most."""

    def longer(chosen: tuple[Site, ...], first: int) -> Iterator[tuple[Site, ...]]:
        if chosen:
            yield chosen
        if len(chosen) == most:
            return
        for index in range(first, len(sites)):
            again = index + 1 if sites[index].is_fixed else index
            yield from longer((*chosen, sites[index]), again)

    yield from longer((), 0)


def _is_crowded(sites: Sequence[Sequence[Site]]) -> bool:
    """Whether two molecules would sit on one point."""
    points = [site.letter for own in sites for site in own if site.is_fixed]
    return len(points) > len(set(points))


def _is_wanted(
    sites: Sequence[Sequence[Site]], counts: Sequence[int], extent: Extent
) -> bool:
    shares = (-(-len(own) // count) for own, count in zip(sites, counts, strict=True))
    return max(shares) in extent.independent


def _standard_letters(
    group: SpaceGroup, sites: Sequence[Sequence[Site]]
) -> tuple[str, ...]:
    """The first in the alphabet of all names that the choice of origin and axes gives.

    Under the Euclidean normaliser all of them are the same set of crystals.
    """

    def place(letter: str) -> tuple[bool, str]:
        return letter == "A", letter  # the 27th letter of Pmmm

    names = []
    for mapping in group.relabellings:
        own = [
            sorted((mapping[site.letter] for site in kind), key=place) for kind in sites
        ]
        key = [place(letter) for letters in own for letter in letters]
        names.append((key, tuple("".join(letters) for letters in own)))
    return min(names)[1]


def weights(
    occupied: Sequence[Occupation],
    frequencies: Mapping[int, float],
    special_share: float,
) -> list[float]:
    """The part of a search that each occupation gets, relative to one another.

    A space group gets the square root of its frequency among organic crystals, so that
    rare ones are searched as well; a special position, which has fewer degrees of
    freedom, a part of its group's.

    Args:
        occupied: The occupations.
        frequencies: Of the space groups, %; rarer ones count as the rarest here.
        special_share: Part of a general position's that a special one gets.
    """
    rarest = min(frequencies.values())
    return [
        frequencies.get(own.space_group, rarest) ** 0.5
        * (1.0 if own.is_general else special_share)
        for own in occupied
    ]
